"""The kinds of faults in a fault plan; each is a value that can also be written as a line of text."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, cast

from sbh_jobkit.errors import FaultPlanError
from sbh_jobkit.fakes.faults.validation import (
    DEFAULT_STATUS,
    MAX_SECONDS,
    InjectedFault,
    check_answer,
    check_job,
    check_status,
    check_whole,
    format_setting,
    normalize_duration,
    normalize_period,
    normalize_rate,
    normalize_target,
    normalize_time,
)

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from sbh_jobkit.fakes.faults.latency import Latency as Length

_Z99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True, repr=False)
class Outage(InjectedFault):
    """A host or service does not answer in [start, end); a host answers with `status` if one is given.

    With `answer="html"` a host answers 200 with a page of HTML, as a proxy or a login page does; with `answer="text"`
    the language model answers in words instead of JSON.
    """

    word = "outage"
    of: str
    start: str | datetime
    end: str | datetime
    status: int | None = None
    answer: str | None = None

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_target(self, self.of)
        normalize_period(self)
        if self.status is not None:
            check_status(self, self.of, self.status)
        if self.answer is not None:
            check_answer(self, self.of, self.answer, self.status)


@dataclass(frozen=True, slots=True, repr=False)
class Errors(InjectedFault):
    """A share of the requests fails (0.1 is one in ten): a host answers with `status`, a service with an error."""

    word = "errors"
    of: str
    rate: float
    status: int = DEFAULT_STATUS
    start: str | datetime | None = None
    end: str | datetime | None = None

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_target(self, self.of)
        normalize_rate(self, self.rate)
        if self.status != DEFAULT_STATUS:
            check_status(self, self.of, self.status)
        normalize_period(self)


@dataclass(frozen=True, slots=True, repr=False)
class Latency(InjectedFault):
    """Each answer takes `median` longer; with `p99`, times vary: half take over `median`, 1 % over `p99`.

    Both are virtual time, in seconds or as text such as "300ms" or "2s", and are added to the latency of the world.
    """

    word = "latency"
    of: str
    median: Length
    p99: Length | None = None
    start: str | datetime | None = None
    end: str | datetime | None = None

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_target(self, self.of)
        median = normalize_duration(self, "median", self.median)
        if self.p99 is not None and normalize_duration(self, "p99", self.p99) < median:
            msg = (
                f"latency: p99={format_setting('p99', self.p99)} is less than median={format_setting('median', median)}"
            )
            raise FaultPlanError(msg)
        normalize_period(self)

    def draw(self, random: Random) -> float:
        """Return the extra seconds of one answer: lognormal, because real services have a long tail."""
        median, p99 = cast("float", self.median), cast("float | None", self.p99)
        if p99 is None:
            return median
        sigma = log(p99 / median) / _Z99
        return exp(min(log(median) + sigma * random.gauss(0, 1), log(MAX_SECONDS)))


@dataclass(frozen=True, slots=True, repr=False)
class RateLimit(InjectedFault):
    """A host (status 429) or the language model refuses requests over `per_minute` in a minute of the clock."""

    word = "rate_limit"
    of: str
    per_minute: int

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_target(self, self.of)
        if self.of in {"db", "files"}:
            msg = f"rate_limit: {self.of} cannot have one; use a host or llm"
            raise FaultPlanError(msg)
        check_whole(self, "per_minute", self.per_minute)


@dataclass(frozen=True, slots=True, repr=False)
class StorageFull(InjectedFault):
    """The file storage is full in [start, end): `ctx.files.upload` returns False."""

    word = "storage_full"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_period(self)


@dataclass(frozen=True, slots=True, repr=False)
class SchedulerDown(InjectedFault):
    """The scheduler is down in [start, end); naive times are in the zone in force."""

    word = "scheduler_down"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_period(self)
        if self.expect is not None:
            msg = "scheduler_down: no run meets it, so it takes no expect; what is lost is judged anyway"
            raise FaultPlanError(msg)


@dataclass(frozen=True, slots=True, repr=False)
class SchedulerCrash(InjectedFault):
    """The scheduler dies at `start`, with the runs that go on then, which are lost; it is up again at `end`."""

    word = "scheduler_crash"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        normalize_period(self)


@dataclass(frozen=True, slots=True, repr=False)
class Crash(InjectedFault):
    """Runs of a job are killed at call number `call` of `ctx`: all runs, a share (`rate`), or the run due `at`."""

    word = "crash"
    job: str
    rate: float | None = None
    at: str | datetime | None = None
    call: int = 1

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        check_job(self, self.job)
        if self.rate is not None and self.at is not None:
            msg = "crash: give a rate or the fire time of one run (at), not both"
            raise FaultPlanError(msg)
        if self.rate is not None:
            normalize_rate(self, self.rate)
        normalize_time(self, "at")
        check_whole(self, "call", self.call)


@dataclass(frozen=True, slots=True, repr=False)
class Slow(InjectedFault):
    """Runs of a job ("*" for all jobs) take `by` longer, in virtual time; it counts against the time limit."""

    word = "slow"
    job: str
    by: Length

    def __post_init__(self) -> None:
        """Normalize the settings; raises FaultPlanError for invalid ones."""
        check_job(self, self.job)
        normalize_duration(self, "by", self.by)


KINDS: dict[str, type[InjectedFault]] = {
    kind.word: kind
    for kind in (Outage, Errors, Latency, RateLimit, StorageFull, SchedulerDown, SchedulerCrash, Crash, Slow)
}
"""The kinds by their words."""
