"""The base class of the faults in a plan, and the validation of their settings.

`str(fault)` is the line that the command line accepts, and the seed of the fault's random decisions. So equal faults
must have equal lines: each setting is normalized when the fault is made, times to ISO 8601, durations to seconds,
hosts to lower case.
"""

from __future__ import annotations

import re
from dataclasses import Field, dataclass, field, fields
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from sbh_jobkit.errors import FaultPlanError, TimeFormatError, WorldError, did_you_mean
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Window

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.latency import Latency as Length

SERVICES = ("llm", "db", "files")
EVERY = "*"
"""Every host, or every job."""
DEFAULT_STATUS = 503
FAILED = "failed"
DURATIONS = frozenset({"median", "p99", "by"})
"""The settings that are durations."""
_HOST = re.compile(r"localhost|[\w-]+(\.[\w-]+)+|[0-9a-f]*(:[0-9a-f.]*)+", re.IGNORECASE)
MAX_SECONDS = 31 * 86_400
"""The longest duration, in seconds."""
_MOST_MILLISECONDS = 10**9


@dataclass(frozen=True, slots=True, repr=False)
class InjectedFault:
    """A fault to inject; `str(fault)` is the line that the command line accepts."""

    word: ClassVar[str]
    """The first word of its line, and its table in a plan file."""
    expect: str | None = field(default=None, kw_only=True)
    """`failed` if the runs that it hits must fail; otherwise they may report it, or cope with it."""

    def __new__(cls, *_: object, **settings: object) -> Self:
        """Check the setting that all kinds have."""
        expect = settings.get("expect")
        if expect not in {None, FAILED}:
            msg = f"{cls.word}: expect must be {FAILED!r}, or left out; got {expect!r}"
            raise FaultPlanError(msg)
        return object.__new__(cls)

    @classmethod
    def settings(cls) -> list[Field[Any]]:
        """Return the settings in the order in which they are written, what all kinds have last."""
        return sorted(fields(cls), key=lambda each: each.name == "expect")

    def __repr__(self) -> str:
        """Return the Python expression that makes it."""
        given = [(each.name, getattr(self, each.name)) for each in self.settings()]
        shown = ", ".join(f"{name}={value!r}" for name, value in given if name != "expect" or value is not None)
        return f"{type(self).__name__}({shown})"

    def __str__(self) -> str:
        """Return a line such as `outage of=llm start=2026-01-12T02:00 end=2026-01-12T05:00`."""
        return self._line(*self.settings())

    @property
    def chance(self) -> str:
        """What seeds its random decisions: its line without what is expected of the runs."""
        return self._line(*(each for each in self.settings() if each.name != "expect"))

    def _line(self, *settings: Field[Any]) -> str:
        given = [(each.name, value) for each in settings if (value := getattr(self, each.name)) != each.default]
        return " ".join([self.word, *(f"{name}={_quote(format_setting(name, value))}" for name, value in given)])

    def window(self, zone: ZoneInfo) -> Window:
        """Return when it is active; naive times are in `zone`. Raises FaultPlanError if one does not exist there."""
        start, end = self.epoch("start", zone), self.epoch("end", zone)
        window = Window(start=-inf if start is None else start, end=inf if end is None else end)
        if window.start >= window.end:
            raise _end_not_after_start(self)
        return window

    def epoch(self, name: str, zone: ZoneInfo) -> float | None:
        """Return the time in the setting `name` in epoch seconds, or None if it is not set."""
        given = getattr(self, name, None)
        try:
            return None if given is None else times.instant(given, zone).timestamp()
        except TimeFormatError as error:
            msg = f"{self.word}: {error}"
            raise FaultPlanError(msg) from error


def format_setting(name: str, value: Any) -> str:
    """Return a setting's value as it is written in a line."""
    if not isinstance(value, float):
        return str(value)
    milliseconds = round(value * 1000)
    if name not in DURATIONS or milliseconds / 1000 != value or milliseconds >= _MOST_MILLISECONDS:
        return repr(value).removesuffix(".0")
    return (
        f"{milliseconds}ms" if milliseconds % 1000 else times.format_duration(times.Duration(0, milliseconds // 1000))
    )


def _quote(text: str) -> str:
    """Quote a text that a shell would split; with double quotes, as the whole line is in single quotes."""
    if re.fullmatch(r"[^\s'\"\\]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _invalid(fault: InjectedFault, name: str, what: str, value: object) -> FaultPlanError:
    return FaultPlanError(f"{fault.word}: {name} must be {what}, got {value!r}")


def _set(fault: InjectedFault, name: str, value: Any) -> Any:
    object.__setattr__(fault, name, value)  # the fault is frozen; only normalization sets fields
    return value


def normalize_target(fault: InjectedFault, of: object) -> None:
    """Set `of` in lower case; raises FaultPlanError unless it is a host, "*" or a service."""
    if not isinstance(of, str) or not (of in SERVICES or of == EVERY or _HOST.fullmatch(of)):
        hint = _host_in(of) or did_you_mean(str(of), SERVICES)
        known = f"a host such as 'api.example.com', '{EVERY}' for every host, or one of {', '.join(SERVICES)}"
        msg = f"{fault.word}: of must be {known}; got {of!r}{hint}"
        raise FaultPlanError(msg)
    _set(fault, "of", of.lower())


def target_from_url(url: str) -> str:
    """Return a URL's host, or "*" if it is unknown, for example because it is a redacted secret."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return EVERY
    return host if _HOST.fullmatch(host) else EVERY


def _host_in(url: object) -> str:
    found = re.search(r"//([\w.-]+)", url) if isinstance(url, str) else None
    return f", whose host is {found[1]!r}" if found else ""


def normalize_period(fault: InjectedFault) -> None:
    """Normalize `start` and `end`; raises FaultPlanError if the end is not after the start.

    A naive and an aware time cannot be compared before the zone is known; `window` does that.
    """
    start, end = normalize_time(fault, "start"), normalize_time(fault, "end")
    if start is not None and end is not None and (start.tzinfo is None) is (end.tzinfo is None) and start >= end:
        raise _end_not_after_start(fault)


def _end_not_after_start(fault: InjectedFault) -> FaultPlanError:
    start, end = getattr(fault, "start", None), getattr(fault, "end", None)
    return FaultPlanError(f"{fault.word}: the end {end} is not after the start {start}")


def normalize_time(fault: InjectedFault, name: str) -> datetime | None:
    """Set a time as ISO 8601, and return it; None if an optional setting is not given."""
    given = getattr(fault, name)
    if given is None and name in _optional_settings(fault):
        return None
    try:
        text = _set(fault, name, times.format_time(times.parse(given)))
    except TimeFormatError as error:
        msg = f"{fault.word}: {name}: {error}"
        raise FaultPlanError(msg) from error
    return times.parse(
        text
    )  # with an offset in place of its zone: within one zone, Python ignores the fold in comparisons


def _optional_settings(fault: InjectedFault) -> set[str]:
    return {each.name for each in fields(fault) if each.default is None}


def normalize_duration(fault: InjectedFault, name: str, given: Length) -> float:
    """Set a duration in seconds, and return it; raises FaultPlanError unless it is in (0, 31 days]."""
    try:
        seconds = float(latency.read(given, f"{fault.word}: {name}"))
    except WorldError as error:
        raise FaultPlanError(str(error)) from error
    if not 0 < seconds <= MAX_SECONDS:
        what = "longer than zero" if not seconds else "at most 31 days"
        raise _invalid(fault, name, what, given)
    _set(fault, name, seconds)
    return seconds


def normalize_rate(fault: InjectedFault, rate: object) -> None:
    """Set `rate` as a float; raises FaultPlanError unless it is in [0, 1]."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise _invalid(fault, "rate", "a number from 0 to 1", rate)
    _set(fault, "rate", float(rate))


def check_status(fault: InjectedFault, of: str, status: object) -> None:
    """Raise FaultPlanError for a service, which has no status, or for a status outside 400 to 599."""
    if of in SERVICES:
        msg = f"{fault.word}: {of} has no HTTP status; remove status={status!r}"
        raise FaultPlanError(msg)
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:  # noqa: PLR2004  HTTP
        raise _invalid(fault, "status", "an HTTP error status, 400 to 599", status)


def check_answer(fault: InjectedFault, of: str, answer: object, status: object) -> None:
    """Raise FaultPlanError unless a wrong answer is one that a host or the language model can give."""
    if of in {"db", "files"}:
        msg = f"{fault.word}: {of} has no wrong answer; remove answer={answer!r}"
        raise FaultPlanError(msg)
    right = "text" if of == "llm" else "html"
    if answer != right:
        msg = f"{fault.word}: the answer of {of} can be {right!r}, got {answer!r}"
        raise FaultPlanError(msg)
    if status is not None:
        msg = f"{fault.word}: give a status or an answer, not both: a wrong answer has the status 200"
        raise FaultPlanError(msg)


def check_whole(fault: InjectedFault, name: str, number: object) -> None:
    """Raise FaultPlanError unless a setting is a whole number from 1."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise _invalid(fault, name, "a whole number of at least 1", number)


def check_job(fault: InjectedFault, job: object) -> None:
    """Raise FaultPlanError unless a setting can be the name of a job."""
    if not isinstance(job, str) or not job.strip() or not job.isprintable():
        raise _invalid(fault, "job", f"the name of a job, or '{EVERY}' for every job", job)
