"""What can go wrong by a fault plan: values, each of which has a line of text that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, cast

from sbh_jobkit.errors import FaultPlanError
from sbh_jobkit.fakes.faults.validation import (
    LONGEST,
    USUAL_STATUS,
    InjectedFault,
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
"""How many standard deviations above the median the 99th percentile of a normal distribution is."""


@dataclass(frozen=True, slots=True)
class Outage(InjectedFault):
    """A host or a service does not answer from `start` until before `end`; a host may answer `status` instead."""

    word = "outage"
    of: str
    start: str | datetime
    end: str | datetime
    status: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is none."""
        normalize_target(self, self.of)
        normalize_period(self)
        if self.status is not None:
            check_status(self, self.of, self.status)


@dataclass(frozen=True, slots=True)
class Errors(InjectedFault):
    """A share of the requests fails (0.1 is one in ten): a host answers `status`, a service an error of its own."""

    word = "errors"
    of: str
    rate: float
    status: int = USUAL_STATUS
    start: str | datetime | None = None
    end: str | datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what is none."""
        normalize_target(self, self.of)
        normalize_rate(self, self.rate)
        if self.status != USUAL_STATUS:
            check_status(self, self.of, self.status)
        normalize_period(self)


@dataclass(frozen=True, slots=True)
class Latency(InjectedFault):
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
        normalize_target(self, self.of)
        median = normalize_duration(self, "median", self.median)
        if self.p99 is not None and normalize_duration(self, "p99", self.p99) < median:
            msg = (
                f"latency: p99={format_setting('p99', self.p99)} is less than median={format_setting('median', median)}"
            )
            raise FaultPlanError(msg)
        normalize_period(self)

    def draw(self, random: Random) -> float:
        """Return how many seconds longer one answer takes: lognormal, with the long tail that real services have."""
        median, p99 = cast("float", self.median), cast("float | None", self.p99)
        if p99 is None:
            return median
        spread = log(p99 / median) / _Z99
        return exp(min(log(median) + spread * random.gauss(0, 1), log(LONGEST)))


@dataclass(frozen=True, slots=True)
class RateLimit(InjectedFault):
    """A host, or the language model, refuses what goes over so many requests in a minute of the clock (429)."""

    word = "rate_limit"
    of: str
    per_minute: int

    def __post_init__(self) -> None:
        """Refuse what is none."""
        normalize_target(self, self.of)
        if self.of in {"db", "files"}:
            msg = f"rate_limit: {self.of} cannot have one; use a host or llm"
            raise FaultPlanError(msg)
        check_whole(self, "per_minute", self.per_minute)


@dataclass(frozen=True, slots=True)
class StorageFull(InjectedFault):
    """The file storage takes no upload from `start` until before `end`: `ctx.files.upload` returns False."""

    word = "storage_full"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Refuse what is none."""
        normalize_period(self)


@dataclass(frozen=True, slots=True)
class SchedulerDown(InjectedFault):
    """The scheduler is down from `start` until before `end`; naive times are in the zone in force."""

    word = "scheduler_down"
    start: str | datetime
    end: str | datetime

    def __post_init__(self) -> None:
        """Refuse what is none."""
        normalize_period(self)


@dataclass(frozen=True, slots=True)
class Crash(InjectedFault):
    """Runs of a job are killed at their n-th `call` of `ctx`: all, a share of them, or the one that was due `at`."""

    word = "crash"
    job: str
    rate: float | None = None
    at: str | datetime | None = None
    call: int = 1

    def __post_init__(self) -> None:
        """Refuse what is none."""
        check_job(self, self.job)
        if self.rate is not None and self.at is not None:
            msg = "crash: give a rate or the time of one run (at), not both"
            raise FaultPlanError(msg)
        if self.rate is not None:
            normalize_rate(self, self.rate)
        normalize_time(self, "at")
        check_whole(self, "call", self.call)


@dataclass(frozen=True, slots=True)
class Slow(InjectedFault):
    """Runs of a job (of all: "*") take that much longer: virtual time at their end, which counts for their limit."""

    word = "slow"
    job: str
    by: Length

    def __post_init__(self) -> None:
        """Refuse what is none."""
        check_job(self, self.job)
        normalize_duration(self, "by", self.by)


KINDS: dict[str, type[InjectedFault]] = {
    kind.word: kind for kind in (Outage, Errors, Latency, RateLimit, StorageFull, SchedulerDown, Crash, Slow)
}
"""Every kind by the word that its line begins with."""
