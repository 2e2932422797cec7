"""The errors that a user can cause. Each message is one sentence: what is wrong, the value, where, and what to do."""

from __future__ import annotations

import re
from difflib import get_close_matches
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime


class JobkitError(Exception):
    """A mistake of the user; the message says what to fix, so callers print it without a traceback."""


class TimeFormatError(JobkitError, ValueError):
    """A time, a duration or a time zone that is not valid."""


class ScheduleError(JobkitError, ValueError):
    """An expression that is not cron, or that can never fire."""


class PolicyError(JobkitError, ValueError):
    """A policy setting that is not valid."""


class BudgetError(JobkitError, ValueError):
    """A budget that is not valid."""


class FaultPlanError(JobkitError, ValueError):
    """A fault plan, or a fault in it, that is not valid."""


class FilterError(JobkitError, ValueError):
    """A database filter that is not valid."""


class UnknownTableError(JobkitError, LookupError):
    """A table that the world does not have."""


class PluginError(JobkitError):
    """A plugin that cannot be loaded."""


class UnknownJobError(PluginError, LookupError):
    """A job that the plugin does not have."""


class WorldError(JobkitError):
    """A description of the fake tenant that is not valid."""


class ExtensionError(JobkitError):
    """An extension that the kit cannot use, or that failed; the message names it."""


class ManifestError(PluginError):
    """A `plugin.json` with problems; `problems` has all of them, each with its JSON path."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        """Join the problems to one message; a single problem is one line."""
        self.where = one_line(where)
        self.problems = tuple(map(one_line, problems))
        if len(self.problems) == 1:
            super().__init__(f"{self.where}: {self.problems[0]}")
        else:
            lines = "\n".join(f"  {problem}" for problem in self.problems)
            super().__init__(f"{self.where} has {len(self.problems)} problems:\n{lines}")

    @property
    def faults(self) -> tuple[str, ...]:
        """Old name of `problems`."""
        return self.problems


class StoreError(JobkitError):
    """A store of runs that cannot be opened."""


class ClockError(JobkitError):
    """A machine's clock that has jumped, so that nothing can be planned."""


class SettingsError(JobkitError):
    """Settings of a real tenant that are not valid, or that need what is not installed."""


class FleetError(JobkitError):
    """Plugins and tenants that cannot be simulated together, or a process of the simulation that failed."""


class ExportError(JobkitError):
    """A notebook that cannot be exported; `problems` has every reason, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Join the problems to one message; a single problem is the whole message."""
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(self.problems[0])
        else:
            lines = "\n".join(f"  {problem}" for problem in self.problems)
            super().__init__(f"the notebook cannot be exported; it has {len(self.problems)} problems:\n{lines}")

    @property
    def faults(self) -> tuple[str, ...]:
        """Old name of `problems`."""
        return self.problems


class MagicError(JobkitError):
    """A magic with wrong arguments."""


class PermissionDenied(JobkitError):  # noqa: N818  the contract's name, section 4
    """A job called a member of its context that its manifest does not permit."""


class LimitExceeded(BaseException):
    """A run must stop; not a subclass of `Exception`, so that a job's `except Exception` cannot catch it."""


class TimeLimitExceeded(LimitExceeded):
    """A run took longer than its limit, in virtual or in real time."""


class MemoryLimitExceeded(LimitExceeded):
    """A run used more memory than its limit."""


class InjectedCrash(LimitExceeded):
    """A fault plan killed a run."""


class ProcessExit(LimitExceeded):
    """A plugin's code wanted to end the whole process."""


class ContextEnded(JobkitError):  # noqa: N818  what it is, not what to do about it
    """A job's context was used when its run had ended and no other run went on."""


class Interrupted(KeyboardInterrupt):
    """The user stopped a simulation with Ctrl-C; `at` is the virtual time, `so_far` the result until then."""

    def __init__(self, at: datetime | None, so_far: Any = None) -> None:
        """Keep both; code that does not know this class handles a KeyboardInterrupt."""
        super().__init__(f"interrupted at {at.isoformat()} virtual time" if at is not None else "interrupted")
        self.at = at
        self.so_far = so_far


_NEAR, _NEAR_IF_SHORT, _SHORT = 0.71, 0.65, 4
_ALIKE = 0.6
_NAME = re.compile(r"[\w.:-]+")
_WORDS = re.compile(r"[a-z0-9]+")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_LEAST = 3
"""So many letters tell words apart: `http` is meant by `outbound_http`, `db` could be anything."""


def one_line(text: str) -> str:
    """Return a text with its line breaks written as in Python, such as a path or an error of someone else."""
    return "".join(repr(each)[1:-1] if each.splitlines() == [""] else each for each in text)


def decode_utf8(data: bytes) -> str:
    """Return the text of a file, without its byte order mark; raises ValueError, which says what to do."""
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(explain_encoding(error)) from None


def explain_encoding(error: UnicodeDecodeError) -> str:
    """Return what to do about a file that is in another encoding."""
    return f"byte {error.start} is not UTF-8; save the file as UTF-8"


def half_pair(text: str) -> str | None:
    """Return the first half of a surrogate pair in a text, which UTF-8 cannot write, as Python shows it, or None."""
    found = _HALF_PAIR.search(text)
    return None if found is None else repr(found[0])


def about(path: str, problem: str) -> str:
    """Return a problem with the path before it that it is about, unless it names that itself."""
    names_it = path == "." or problem.startswith(path) or f"{path}/" in problem or repr(path) in problem
    return problem if names_it else f"{path}: {problem}"


def did_you_mean(name: str, choices: Iterable[str], *, nearness: float | None = None) -> str:
    """Return `; did you mean 'x'?` for the choice that `nearest` finds, or "" if none is near."""
    near = nearest(name, choices, nearness=nearness)
    return f"; did you mean {near!r}?" if near is not None else ""


def nearest(name: str, choices: Iterable[str], *, nearness: float | None = None) -> str | None:
    """Return the choice that was probably meant: the most similar one, else the only one that shares a word.

    With a `nearness`, from 0 to 1, only spelling counts, and 1 means equal.
    """
    folded = {choice.casefold(): choice for choice in choices}
    text = name.casefold()
    letters = sorted(text)
    swapped = [choice for choice in folded if sorted(choice) == letters]  # difflib takes --form for --for, not --from
    cutoff = nearness or (_NEAR if len(text) > _SHORT else _NEAR_IF_SHORT)
    alike = get_close_matches(text, folded, n=3, cutoff=cutoff)
    near = swapped or [choice for choice in alike if _words_are_alike(text, choice)]
    if not near and nearness is None:
        related = [choice for choice in folded if _is_related(text, choice)]
        near = related if len(related) == 1 else []
    return folded[near[0]] if near else None


def _words_are_alike(name: str, choice: str) -> bool:
    """Whether each word of a name is spelled like that of the choice: `read_users` is not a misspelt `send_users`."""
    words, others = _WORDS.findall(name), _WORDS.findall(choice)
    pairs = zip(words, others, strict=False)
    return len(words) != len(others) or all(a == b or get_close_matches(a, [b], cutoff=_ALIKE) for a, b in pairs)


def _is_related(name: str, choice: str) -> bool:
    """Whether two names have the same words, or one is a word of the other or, except for one letter, its beginning."""
    words, others = _WORDS.findall(name), _WORDS.findall(choice)
    if sorted(words) == sorted(others):
        return bool(words)
    short, long = sorted((name, choice), key=len)
    if len(short) < _LEAST or not _NAME.fullmatch(name):
        return False
    begins = long.startswith(short[: max(len(short) - 1, _LEAST + 1)])
    return begins or short in (others if long is choice else words)


def format_error(error: BaseException) -> str:
    """Return an error's class and text; drop its traceback, which would grow each time the same error is raised."""
    error.__traceback__ = None
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def name_calls(cls: type, called: str) -> None:
    """Name the public functions of a class as an author calls them, in Python's errors about arguments."""
    for name, function in vars(cls).items():
        if name[0] != "_" and isinstance(function, FunctionType):
            function.__qualname__ = f"{called}.{name}"


class Members:
    """A service of `ctx` or `world`; the error for an unknown member suggests the nearest one."""

    __slots__ = ()
    _called: ClassVar[str]
    """What the author calls the service, such as `ctx.files`."""
    _synonyms: ClassVar[Mapping[str, str]] = {}
    """Members that other libraries have, and the member that does the same here."""

    def __init_subclass__(cls, **given: Any) -> None:
        """Let Python's own errors name the service as its author calls it: `'ctx.secrets' object is not …`."""
        super().__init_subclass__(**given)
        if called := getattr(cls, "_called", None):
            cls.__name__ = called
            name_calls(cls, called)

    def __repr__(self) -> str:
        """Return what the author calls it."""
        return f"<{self._called}>"

    def _unknown_member(self, name: str) -> NoReturn:
        """Raise AttributeError; Python calls this for missing names only."""
        if name.startswith("_") or hasattr(type(self), name):
            object.__getattribute__(self, name)  # raises Python's own AttributeError, which copy and pickle need
        known = [member for member in dir(type(self)) if member[0] != "_"]
        hint = did_you_mean(self._synonyms.get(name, name), known)
        msg = f"{self._called} has no {name!r}{hint}"
        raise AttributeError(msg)

    if not TYPE_CHECKING:  # type checkers know the members, and so find those that are misspelt
        __getattr__ = _unknown_member
