"""What all faults of a plan share: a line of text that says the same as the value, and settings in one spelling.

The line is how a command line takes a fault, and chance is drawn by it. So a value is brought to one spelling where
it is born: a time as ISO 8601, a length of time as seconds, a host in small letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar
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
USUAL_STATUS = 503
LENGTHS = frozenset({"median", "p99", "by"})
"""The settings that are lengths of time."""
_HOST = re.compile(r"localhost|[\w-]+(\.[\w-]+)+|[0-9a-f]*(:[0-9a-f.]*)+", re.IGNORECASE)
LONGEST = 31 * 86_400
"""The longest length of time, in seconds."""
_MOST_MILLISECONDS = 10**9


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One thing that goes wrong; as text it is the line that a command line takes."""

    word: ClassVar[str]
    """What its line begins with, and what a plan file calls it."""

    def __str__(self) -> str:
        """Write it as a line, such as `outage of=llm start=2026-01-12T02:00 end=2026-01-12T05:00`."""
        given = [(each.name, value) for each in fields(self) if (value := getattr(self, each.name)) != each.default]
        return " ".join([self.word, *(f"{name}={_quote(format_setting(name, value))}" for name, value in given)])

    def window(self, zone: ZoneInfo) -> Window:
        """Return when it is in force; naive times are in `zone`. Raises FaultPlanError for no such time there."""
        start, end = self.epoch("start", zone), self.epoch("end", zone)
        window = Window(start=-inf if start is None else start, end=inf if end is None else end)
        if window.start >= window.end:
            raise _reversed(self)
        return window

    def epoch(self, name: str, zone: ZoneInfo) -> float | None:
        """Return a time among its settings in epoch seconds; None where there is none."""
        given = getattr(self, name, None)
        try:
            return None if given is None else times.instant(given, zone).timestamp()
        except TimeFormatError as error:
            msg = f"{self.word}: {error}"
            raise FaultPlanError(msg) from error


def format_setting(name: str, value: Any) -> str:
    """Write a setting's value as a line has it."""
    if not isinstance(value, float):
        return str(value)
    milliseconds = round(value * 1000)
    if name not in LENGTHS or milliseconds / 1000 != value or milliseconds >= _MOST_MILLISECONDS:
        return repr(value).removesuffix(".0")
    return (
        f"{milliseconds}ms" if milliseconds % 1000 else times.format_duration(times.Duration(0, milliseconds // 1000))
    )


def _quote(text: str) -> str:
    """Put in double quotes what a shell would take apart; a command line has single ones around the whole."""
    if re.fullmatch(r"[^\s'\"\\]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _invalid(fault: InjectedFault, name: str, what: str, value: object) -> FaultPlanError:
    return FaultPlanError(f"{fault.word}: {name} must be {what}, got {value!r}")


def _set(fault: InjectedFault, name: str, value: Any) -> Any:
    object.__setattr__(fault, name, value)  # frozen for everybody else
    return value


def normalize_target(fault: InjectedFault, of: object) -> None:
    """Bring to one spelling what a fault is of."""
    if not isinstance(of, str) or not (of in SERVICES or of == EVERY or _HOST.fullmatch(of)):
        hint = _host_in(of) or did_you_mean(str(of), SERVICES)
        known = f"a host such as 'api.example.com', '{EVERY}' for every host, or one of {', '.join(SERVICES)}"
        msg = f"{fault.word}: of is {known}; got {of!r}{hint}"
        raise FaultPlanError(msg)
    _set(fault, "of", of.lower())


def target_from_url(url: str) -> str:
    """Return a URL's host as a fault names it, or every host where it cannot be told, as where a secret holds it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return EVERY
    return host if _HOST.fullmatch(host) else EVERY


def _host_in(url: object) -> str:
    found = re.search(r"//([\w.-]+)", url) if isinstance(url, str) else None
    return f", whose host is {found[1]!r}" if found else ""


def normalize_period(fault: InjectedFault) -> None:
    """Bring `start` and `end` to one spelling; they are compared as far as that is possible without a zone."""
    start, end = normalize_time(fault, "start"), normalize_time(fault, "end")
    if start is not None and end is not None and (start.tzinfo is None) is (end.tzinfo is None) and start >= end:
        raise _reversed(fault)


def _reversed(fault: InjectedFault) -> FaultPlanError:
    start, end = getattr(fault, "start", None), getattr(fault, "end", None)
    return FaultPlanError(f"{fault.word}: the end {end} is not after the start {start}")


def normalize_time(fault: InjectedFault, name: str) -> datetime | None:
    """Bring a time to one spelling, and return it; a setting that may be left out may be None."""
    given = getattr(fault, name)
    if given is None and name in _open_ended(fault):
        return None
    try:
        text = _set(fault, name, times.format_time(times.parse(given)))
    except TimeFormatError as error:
        msg = f"{fault.word}: {name}: {error}"
        raise FaultPlanError(msg) from error
    return times.parse(text)  # with an offset for its zone: within one zone Python compares what clocks show


def _open_ended(fault: InjectedFault) -> set[str]:
    return {each.name for each in fields(fault) if each.default is None}


def normalize_duration(fault: InjectedFault, name: str, given: Length) -> float:
    """Bring a length of time to seconds, and return them."""
    try:
        seconds = float(latency.read(given, f"{fault.word}: {name}"))
    except WorldError as error:
        raise FaultPlanError(str(error)) from error
    if not 0 < seconds <= LONGEST:
        what = "longer than zero" if not seconds else "at most 31 days"
        raise _invalid(fault, name, what, given)
    _set(fault, name, seconds)
    return seconds


def normalize_rate(fault: InjectedFault, rate: object) -> None:
    """Bring a share to a float."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise _invalid(fault, "rate", "a number from 0 to 1", rate)
    _set(fault, "rate", float(rate))


def check_status(fault: InjectedFault, of: str, status: object) -> None:
    """Refuse what is no status of an error, or one of a service."""
    if of in SERVICES:
        msg = f"{fault.word}: {of} answers no status; leave status={status!r} out"
        raise FaultPlanError(msg)
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:  # noqa: PLR2004  HTTP
        raise _invalid(fault, "status", "an HTTP error status, 400 to 599", status)


def check_whole(fault: InjectedFault, name: str, number: object) -> None:
    """Refuse what is no whole number from 1."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise _invalid(fault, name, "a whole number of at least 1", number)


def check_job(fault: InjectedFault, job: object) -> None:
    """Refuse what is no name of a job."""
    if not isinstance(job, str) or not job.strip() or not job.isprintable():
        raise _invalid(fault, "job", f"the name of a job, or '{EVERY}' for every job", job)
