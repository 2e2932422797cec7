"""Counts of the runs of one job, and its failing runs in groups of like ones.

Runs are counted as they end, so that a million of them need no more memory than some numbers and a few failing runs.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sbh_jobkit.run.run import Run

    Signature = tuple[str, str, str]

MAX_GROUPS = 3
"""How many groups of failing runs a tally keeps for a job; runs that failed in further ways are only counted."""
_MOST_FAILED = 10_000
"""Fire times that have failed and are remembered, of one job: more than wait for another attempt at one time."""
_NUMBERS = re.compile(r"\d+")


def failure_signature(run: Run, *, cause_only: bool = False) -> Signature:
    """Return what two runs share if they failed in the same way: job, verdict and summary.

    With `cause_only` it is job, outcome and the first cause without its numbers, so that runs at other times, of other
    files or under other rules have the same signature.
    """
    if not cause_only:
        return run.job, run.verdict, run.summary
    fault = next((fault for fault in run.faults if not fault.allowed), None)
    cause = run.error.line if run.error else f"{fault.kind}: {fault.message}" if fault else run.reason or ""
    return run.job, run.outcome.value, _NUMBERS.sub("#", cause)


@dataclass(slots=True, kw_only=True)
class FailureGroup:
    """Failing runs with the same signature: the first of them, and how many there are."""

    first: Run
    signature: Signature
    last: datetime
    """The fire time of the last run."""
    count: int = 1
    tenants: int = 1
    """At how many tenants."""

    @classmethod
    def from_run(cls, run: Run) -> FailureGroup:
        """Start a group with its first run."""
        return cls(first=run, signature=failure_signature(run), last=run.fire_time)

    def join(self, last: datetime, count: int = 1, tenants: int = 0) -> None:
        """Count more runs of the group."""
        self.last = max(self.last, last, key=_instant)
        self.count += count
        self.tenants += tenants


def group_failures(runs: Iterable[Run]) -> list[FailureGroup]:
    """Return the failing runs of one tenant in groups, each at the place of its first run; other runs are left out."""
    groups: dict[Signature, FailureGroup] = {}
    for run in runs:
        if not run.ok:
            if known := groups.get(failure_signature(run)):
                known.join(run.fire_time)
            else:
                group = FailureGroup.from_run(run)
                groups[group.signature] = group
    return list(groups.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGroup:
    """Runs of one job that are ok without being plain successes, for the same reason."""

    job: str
    verdict: str
    """`expected`, `skipped` or `coalesced`."""
    reason: str
    runs: list[Run]


def group_exceptions(runs: Iterable[Run], *, by_reason: bool = True) -> list[RunGroup]:
    """Return expected failures and runs that a policy kept from starting, by job, verdict and reason."""
    groups: dict[tuple[str, str, str], RunGroup] = {}
    for run in runs:
        if run.ok and run.verdict != "ok":
            key = run.job, run.verdict, (run.expected or run.reason or "") if by_reason else ""
            if key not in groups:
                groups[key] = RunGroup(job=key[0], verdict=key[1], reason=key[2], runs=[])
            groups[key].runs.append(run)
    return list(groups.values())


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts the runs of one job: `add` each run, or `merge` the tally of another tenant."""

    verdicts: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    """Runs that need attention: not `run.ok`."""
    first_failure: datetime | None = None
    failure_groups: list[FailureGroup] = field(default_factory=list)
    """The first groups of failing runs. Their runs hold no world, so that they are small and can be pickled."""
    duration: timedelta = timedelta(0)
    longest: timedelta = timedelta(0)
    http_calls: int = 0
    emits: int = 0
    faults: int = 0
    """Faults, without those that the world allows."""
    late: int = 0
    """Runs that started after their fire time; a further attempt is meant to."""
    recovered: int = 0
    """Failures whose fire time ended well at a later attempt."""
    starts: array[int] = field(default_factory=lambda: array("q"), repr=False)
    """The minute, since 1970, in which each run started; runs that did not start have none."""
    _failed: dict[float, int] = field(default_factory=dict, repr=False, compare=False)
    """How many attempts have failed at each of the last fire times that may still be tried again."""

    @classmethod
    def from_runs(cls, runs: Iterable[Run]) -> Tally:
        """Count runs."""
        tally = cls()
        for run in runs:
            tally.add(run)
        return tally

    @property
    def runs(self) -> int:
        """How many runs there are, with those that did not start."""
        return self.verdicts.total()

    @property
    def ok(self) -> int:
        """How many runs are ok."""
        return self.runs - self.failures

    @property
    def expected(self) -> int:
        """How many runs failed as the world expects it."""
        return self.verdicts["expected"]

    def add(self, run: Run) -> None:
        """Count a run."""
        self.verdicts[run.verdict] += 1
        self.duration += run.duration
        self.longest = max(self.longest, run.duration)
        self.http_calls += len(run.http_calls)
        self.emits += len(run.events)
        if run.faults:
            self.faults += sum(not fault.allowed for fault in run.faults)
        if run.started_at is not None:
            self.starts.append(int(run.started_at.timestamp() // 60))
            self.late += run.attempt == 1 and run.started_at > run.fire_time
        if run.ok:
            self.recovered += self._failed.pop(_instant(run.fire_time), 0) if run.attempt > 1 else 0
        else:
            self.failures += 1
            self._note_failed(_instant(run.fire_time))
            self.first_failure = _earlier(self.first_failure, run.fire_time)
            if known := self._known(failure_signature(run)):
                known.join(run.fire_time)
            elif len(self.failure_groups) < MAX_GROUPS:
                self.failure_groups.append(FailureGroup.from_run(run.portable()))

    def merge(self, other: Tally) -> None:
        """Add the counts of the same job at another tenant."""
        self.verdicts += other.verdicts
        self.failures += other.failures
        self.first_failure = _earlier(self.first_failure, other.first_failure)
        self.duration += other.duration
        self.longest = max(self.longest, other.longest)
        self.http_calls += other.http_calls
        self.emits += other.emits
        self.faults += other.faults
        self.late += other.late
        self.recovered += other.recovered
        self.starts += other.starts
        for group in other.failure_groups:
            if known := self._known(group.signature):
                known.join(group.last, group.count, group.tenants)
            elif len(self.failure_groups) < MAX_GROUPS:
                self.failure_groups.append(replace(group))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON values: ISO times with offset, durations in seconds."""
        return {
            "runs": self.runs,
            "failures": self.failures,
            "verdicts": dict(sorted(self.verdicts.items())),
            "first_failure": self.first_failure.isoformat() if self.first_failure else None,
            "duration": self.duration.total_seconds(),
            "longest": self.longest.total_seconds(),
            "http_calls": self.http_calls,
            "emits": self.emits,
            "faults": self.faults,
            "late": self.late,
            "recovered": self.recovered,
        }

    def _note_failed(self, fire: float) -> None:
        self._failed[fire] = self._failed.pop(fire, 0) + 1
        if len(self._failed) > _MOST_FAILED:
            del self._failed[next(iter(self._failed))]

    def _known(self, signature: Signature) -> FailureGroup | None:
        return next((group for group in self.failure_groups if group.signature == signature), None)


def count_verdicts(tallies: Iterable[Tally]) -> Counter[str]:
    """Return how many runs of several jobs have each verdict."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total += tally.verdicts
    return total


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), key=_instant, default=None)


def _instant(at: datetime) -> float:
    return at.timestamp()  # two times of one zone compare by what clocks show, which repeats when clocks go back
