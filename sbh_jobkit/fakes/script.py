"""`world.py`: describes the fake tenant at the start, and how it changes with time."""

from __future__ import annotations

import sys
import warnings
import weakref
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from traceback import format_exception
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from sbh_jobkit.errors import PluginError, WorldError
from sbh_jobkit.machine import interrupts
from sbh_jobkit.plugin.job import defined_at
from sbh_jobkit.plugin.marks import attributes_of
from sbh_jobkit.plugin.modules import ModuleSpace
from sbh_jobkit.plugin.places import explain
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    _Function = TypeVar("_Function", bound="Callable[..., Any]")

FILE = "world.py"
_NEAR_SETUP = {"setup", "setupworld", "init", "initworld"}
"""Names that people give to `setup`, without `_` and capitals."""


def every(expression: str) -> Callable[[_Function], _Function]:
    """Call the function `(world, now)` at each fire time of a cron expression; `now` is an aware datetime."""
    if callable(expression):
        msg = "@every needs a cron expression in parentheses: write @every('…') above the function"
        raise WorldError(msg)
    Schedule(expression)

    def mark(function: _Function) -> _Function:
        function._sbh_every = expression  # type: ignore[attr-defined] # noqa: SLF001  our attribute
        return function

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A function under `@every`, and its cron expression."""

    expression: str
    function: Callable[[Any, datetime], Any]

    def schedule(self, tz: ZoneInfo) -> Schedule:
        """Return when the function is due; `tz` is the zone in force."""
        return Schedule(self.expression, tz)


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class WorldScript:
    """The contents of a `world.py`: `setup(world)`, and the functions under `@every` in file order."""

    setup: Callable[[Any], Any] | None
    ticks: tuple[Tick, ...]
    root: Path | None
    file: str = FILE

    @classmethod
    def load(cls, path: Path) -> WorldScript:
        """Load a `world.py`; raises WorldError, with the line if its code fails."""
        path = Path(path).resolve()
        if not path.is_file():
            msg = f"no such file: {str(path)!r}; a world is described in a Python file with setup(world)"
            raise WorldError(msg)
        space = ModuleSpace(path.parent)
        try:
            names = vars(space.load(path, path.name))
        except PluginError as error:
            raise WorldError(str(error)) from error
        for note in space.notes:
            print(f"sbh-jobkit: warning: {note}", file=sys.stderr)  # noqa: T201  no result has a place for it
        script = cls.from_names(names, root=path.parent, file=path.name)
        weakref.finalize(script, space.close)  # worlds made from snapshots hold the script, too
        return script

    @classmethod
    def from_names(cls, names: Mapping[str, Any], root: Path | None = None, file: str = FILE) -> WorldScript:
        """Take `setup` and the functions under `@every` from a namespace; `root` and `file` are for messages."""
        setup = names.get("setup")
        if setup is None and (near := _near_setup(names)) is not None:
            msg = f"{file} has no setup(world); did you mean {near!r} to be it? rename it"
            raise WorldError(msg)
        if setup is not None and not callable(setup):
            msg = f"{file}: setup must be a function setup(world), got {setup!r}"
            raise WorldError(msg)
        marked = {id(value): (value, mark) for value in names.values() if (mark := _mark(value)) is not None}
        ticks = tuple(Tick(expression=mark, function=function) for function, mark in marked.values())
        if setup is None and not ticks:
            msg = f"{file} has neither setup(world) nor a function under @every(…); define at least one"
            raise WorldError(msg)
        return cls(setup=setup, ticks=ticks, root=root, file=file)

    def begin(self, world: Any) -> None:
        """Call `setup(world)`; raises WorldError if it fails."""
        if self.setup is not None:
            self._call(self.setup, world)

    def tick(self, tick: Tick, world: Any, now: datetime) -> None:
        """Call a function under `@every`; raises WorldError if it fails."""
        self._call(tick.function, world, now)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        world = arguments[0]
        interrupts.begin()
        try:
            with _aside(world):
                function(*arguments)
        except BaseException as error:  # SystemExit, too, is a mistake in world.py
            if isinstance(error, KeyboardInterrupt) and interrupts.must_pass(error):
                raise
            where = explain(error, self.root, otherwise=defined_at(function, self.root) or self.file, beside=self.file)
            what = self.file if self.file.endswith(".py") else f"the world of {self.file}"
            msg, redacted = f"{what} failed: {where}", world.redactor().text
            everything = "".join(format_exception(error))
            raise WorldError(redacted(msg)) from (error if redacted(everything) == everything else None)


class _Aside(StringIO):
    """What a world prints: on standard error, so that standard output has nothing but results, and without secrets."""

    def __init__(self, world: Any) -> None:
        super().__init__()
        self._world = world
        self._stderr = sys.stderr

    def write(self, text: str) -> int:
        self._stderr.write(self._world.redactor().text(text))
        return len(text)


@contextmanager
def _aside(world: Any) -> Iterator[None]:
    """Lead what a world prints to standard error, and take secrets from that and from its warnings."""
    show, stream = warnings.showwarning, _Aside(world)

    def show_redacted(message: Any, *where: Any, **more: Any) -> None:
        text = f"{message}"
        shown = world.redactor().text(text)
        show(message if shown == text else shown, *where, **more)

    warnings.showwarning = show_redacted
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield
    finally:
        warnings.showwarning = show


def _near_setup(names: Mapping[str, Any]) -> str | None:
    """Return the name of a function of this namespace that was probably meant to be `setup(world)`."""
    for name, value in names.items():
        own = isinstance(value, FunctionType) and value.__module__ == names.get("__name__") and _mark(value) is None
        if own and value.__code__.co_argcount == 1 and name.replace("_", "").lower() in _NEAR_SETUP:
            return name
    return None


def _mark(value: Any) -> str | None:
    mark = attributes_of(value).get("_sbh_every")
    return mark if callable(value) else None
