"""What can go wrong by a fault plan: values, each of which has a line of text that says the same.

The line is how a command line takes a fault, and chance is drawn by it. So a value is brought to one spelling where
it is born: a time as ISO 8601, a length of time as seconds, a host in small letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from sbh_jobkit import latency, times
from sbh_jobkit.errors import FaultPlanError, TimeFormatError, WorldError, did_you_mean
from sbh_jobkit.policy import Window

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.latency import Latency as Length

SERVICES = ("llm", "db", "files")
EVERY = "*"
"""Every host, or every job."""
USUAL_STATUS = 503
LENGTHS = frozenset({"median", "p99", "by"})
"""The settings that are lengths of time."""
_HOST = re.compile(r"localhost|[\w-]+(\.[\w-]+)+|[0-9a-f]*(:[0-9a-f.]*)+", re.IGNORECASE)
_LONGEST = 31 * 86_400
_MOST_MILLISECONDS = 10**9


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One thing that goes wrong; as text it is the line that a command line takes."""

    word: ClassVar[str]
    """What its line begins with, and what a plan file calls it."""

    def __str__(self) -> str:
        """Write it as a line, such as `outage of=llm start=2026-01-12T02:00 end=2026-01-12T05:00`."""
        given = [(each.name, value) for each in fields(self) if (value := getattr(self, each.name)) != each.default]
        return " ".join([self.word, *(f"{name}={_quoted(_spelled(name, value))}" for name, value in given)])

    def window(self, zone: ZoneInfo) -> Window:
        """Return when it is in force; naive times are in `zone`. Raises FaultPlanError for no such time there."""
        start, end = getattr(self, "start", None), getattr(self, "end", None)
        try:
            first = times.instant(start, zone).timestamp() if start is not None else -inf
            last = times.instant(end, zone).timestamp() if end is not None else inf
        except TimeFormatError as error:
            msg = f"{self.word}: {error}"
            raise FaultPlanError(msg) from error
        if first >= last:
            msg = f"{self.word}: the end {end} is not after the start {start}"
            raise FaultPlanError(msg)
        return Window(start=first, end=last)


@dataclass(frozen=True, slots=True)
class Outage(PlannedFault):
    """A host or a service does not answer from `start` until before `end`; a host may answer `status` instead."""

    word = "outage"
    of: str
    start: str | datetime
    end: str | datetime
    status: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_target(self)
        _settle_span(self)
        if self.status is not None:
            _check_status(self, self.status)


@dataclass(frozen=True, slots=True)
class Errors(PlannedFault):
    """A share of the requests fails (0.1 is one in ten): a host answers `status`, a service an error of its own."""

    word = "errors"
    of: str
    rate: float
    status: int = USUAL_STATUS
    start: str | datetime | None = None
    end: str | datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_target(self)
        _settle_rate(self, self.rate)
        if self.status != USUAL_STATUS:
            _check_status(self, self.status)
        _settle_span(self)


@dataclass(frozen=True, slots=True)
class Latency(PlannedFault):
    """Every answer takes longer: `median` in one case of two, over `p99` in one of a hundred; without it, always so.

    Both are virtual time, seconds or text such as "300ms" or "2s", and come on top of what the world itself takes.
    """

    word = "latency"
    of: str
    median: Length
    p99: Length | None = None
    start: str | datetime | None = None
    end: str | datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_target(self)
        median = _settle_length(self, "median", self.median)
        if self.p99 is not None and _settle_length(self, "p99", self.p99) < median:
            msg = f"latency: p99={_spelled('p99', self.p99)} is less than median={_spelled('median', median)}"
            raise FaultPlanError(msg)
        _settle_span(self)


@dataclass(frozen=True, slots=True)
class RateLimit(PlannedFault):
    """A host, or the language model, refuses what goes over so many requests in a minute of the clock (429)."""

    word = "rate_limit"
    of: str
    per_minute: int

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_target(self)
        if self.of in {"db", "files"}:
            msg = f"rate_limit: hosts and llm have one, {self.of} has none"
            raise FaultPlanError(msg)
        _check_whole(self, "per_minute", self.per_minute)


@dataclass(frozen=True, slots=True)
class StorageFull(PlannedFault):
    """The file storage takes no upload from `start` until before `end`: `ctx.files.upload` returns False."""

    word = "storage_full"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_span(self)


@dataclass(frozen=True, slots=True)
class SchedulerDown(PlannedFault):
    """The scheduler is down from `start` until before `end`; naive times are in the zone in force."""

    word = "scheduler_down"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _settle_span(self)


@dataclass(frozen=True, slots=True)
class Crash(PlannedFault):
    """Runs of a job are killed at their n-th `call` of `ctx`: all, a share of them, or the one that was due `at`."""

    word = "crash"
    job: str
    rate: float | None = None
    at: str | datetime | None = None
    call: int = 1

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _check_job(self, self.job)
        if self.rate is not None and self.at is not None:
            msg = "crash: give a rate or the time of one run (at), not both"
            raise FaultPlanError(msg)
        if self.rate is not None:
            _settle_rate(self, self.rate)
        _settle_time(self, "at")
        _check_whole(self, "call", self.call)


@dataclass(frozen=True, slots=True)
class Slow(PlannedFault):
    """Runs of a job (of all: "*") take that much longer: virtual time at their end, which counts for their limit."""

    word = "slow"
    job: str
    by: Length

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _check_job(self, self.job)
        _settle_length(self, "by", self.by)


KINDS: dict[str, type[PlannedFault]] = {
    kind.word: kind for kind in (Outage, Errors, Latency, RateLimit, StorageFull, SchedulerDown, Crash, Slow)
}
"""Every kind by the word that its line begins with."""


def _spelled(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    milliseconds = round(value * 1000)
    if name not in LENGTHS or milliseconds / 1000 != value or milliseconds >= _MOST_MILLISECONDS:
        return repr(value).removesuffix(".0")
    return f"{milliseconds}ms" if milliseconds % 1000 else times.spoken(times.Duration(0, milliseconds // 1000))


def _quoted(text: str) -> str:
    """Put in double quotes what a shell would take apart; a command line has single ones around the whole."""
    if re.fullmatch(r"[^\s'\"\\]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wrong(fault: PlannedFault, name: str, what: str, value: object) -> FaultPlanError:
    return FaultPlanError(f"{fault.word}: {name} is {what}, got {value!r}")


def _settle(fault: PlannedFault, name: str, value: Any) -> Any:
    object.__setattr__(fault, name, value)  # frozen for everybody else
    return value


def _settle_target(fault: Outage | Errors | Latency | RateLimit) -> None:
    of = fault.of
    if not isinstance(of, str) or not (of in SERVICES or of == EVERY or _HOST.fullmatch(of)):
        hint = _host_in(of) or did_you_mean(str(of), SERVICES)
        known = f"a host such as 'api.example.com', '{EVERY}' for every host, or one of {', '.join(SERVICES)}"
        msg = f"{fault.word}: of is {known}; got {of!r}{hint}"
        raise FaultPlanError(msg)
    _settle(fault, "of", of.lower())


def _host_in(url: object) -> str:
    found = re.search(r"//([\w.-]+)", url) if isinstance(url, str) else None
    return f", whose host is {found[1]!r}" if found else ""


def _settle_span(fault: Outage | Errors | Latency | StorageFull | SchedulerDown) -> None:
    start, end = _settle_time(fault, "start"), _settle_time(fault, "end")
    if start is not None and end is not None and (start.tzinfo is None) is (end.tzinfo is None) and start >= end:
        msg = f"{fault.word}: the end {fault.end} is not after the start {fault.start}"
        raise FaultPlanError(msg)


def _settle_time(fault: PlannedFault, name: str) -> datetime | None:
    given = getattr(fault, name)
    if given is None and name in _open_ended(fault):
        return None
    try:
        text = _settle(fault, name, times.written(times.parse(given)))
    except TimeFormatError as error:
        msg = f"{fault.word}: {name}: {error}"
        raise FaultPlanError(msg) from error
    return times.parse(text)  # with an offset for its zone: within one zone Python compares what clocks show


def _open_ended(fault: PlannedFault) -> set[str]:
    return {each.name for each in fields(fault) if each.default is None}


def _settle_length(fault: PlannedFault, name: str, given: Length) -> float:
    try:
        seconds = float(latency.read(given, f"{fault.word}: {name}"))
    except WorldError as error:
        raise FaultPlanError(str(error)) from error
    if not 0 < seconds <= _LONGEST:
        what = "longer than nothing" if not seconds else "31 days at most"
        raise _wrong(fault, name, what, given)
    _settle(fault, name, seconds)
    return seconds


def _settle_rate(fault: PlannedFault, rate: object) -> None:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise _wrong(fault, "rate", "a share from 0 to 1", rate)
    _settle(fault, "rate", float(rate))


def _check_status(fault: Outage | Errors, status: object) -> None:
    if fault.of in SERVICES:
        msg = f"{fault.word}: {fault.of} answers no status; leave status={status!r} out"
        raise FaultPlanError(msg)
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:  # noqa: PLR2004  HTTP
        raise _wrong(fault, "status", "that of an error in HTTP, 400 to 599", status)


def _check_whole(fault: PlannedFault, name: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise _wrong(fault, name, "a whole number from 1", number)


def _check_job(fault: Crash | Slow, job: object) -> None:
    if not isinstance(job, str) or not job.strip() or not job.isprintable():
        raise _wrong(fault, "job", f"the name of a job, or '{EVERY}' for every job", job)
