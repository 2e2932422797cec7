"""What the runs of one job came to, counted as they come: of a million stay some numbers and a few that failed."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sbh_jobkit.run.run import Run

MOST_KINDS = 3
"""How many ways of failing of one job are kept with a run; runs that failed in further ways are only counted."""


@dataclass(slots=True, kw_only=True)
class FailureGroup:
    """Failing runs of one job that failed alike: the first of them, and how many there were."""

    first: Run
    kind: tuple[str, str]
    """What they have in common: verdict and summary."""
    last: datetime
    """The fire time of the last one."""
    count: int = 1
    tenants: int = 1
    """At how many tenants."""

    def join(self, last: datetime, count: int = 1, tenants: int = 0) -> None:
        """Take in more of the kind."""
        self.last = max(self.last, last, key=_instant)
        self.count += count
        self.tenants += tenants


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts the runs of one job: `add` each, or `merge` what was counted elsewhere."""

    verdicts: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    """Runs that need a look: not `run.ok`."""
    first_failure: datetime | None = None
    alike: list[FailureGroup] = field(default_factory=list)
    """Failing runs by kind, the first kinds only."""
    duration: timedelta = timedelta(0)
    longest: timedelta = timedelta(0)
    http_calls: int = 0
    emits: int = 0
    faults: int = 0
    """Faults seen, but for those that were allowed."""
    starts: array[int] = field(default_factory=lambda: array("q"), repr=False)
    """The minute, since 1970, in which each run started; those that did not are not in it."""

    @classmethod
    def of(cls, runs: Iterable[Run]) -> Tally:
        """Count runs."""
        tally = cls()
        for run in runs:
            tally.add(run)
        return tally

    @property
    def runs(self) -> int:
        """How many due instants ended."""
        return self.verdicts.total()

    @property
    def expected(self) -> int:
        """How many failed as their author said they would."""
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
        if not run.ok:
            self.failures += 1
            self.first_failure = _earlier(self.first_failure, run.fire_time)
            kind = (run.verdict, run.summary)
            if known := self._known(kind):
                known.join(run.fire_time)
            elif len(self.alike) < MOST_KINDS:
                self.alike.append(FailureGroup(first=run.portable(), kind=kind, last=run.fire_time))

    def merge(self, other: Tally) -> None:
        """Count what another counted, of the same job at another tenant."""
        self.verdicts += other.verdicts
        self.failures += other.failures
        self.first_failure = _earlier(self.first_failure, other.first_failure)
        self.duration += other.duration
        self.longest = max(self.longest, other.longest)
        self.http_calls += other.http_calls
        self.emits += other.emits
        self.faults += other.faults
        self.starts += other.starts
        for alike in other.alike:
            if known := self._known(alike.kind):
                known.join(alike.last, alike.count, alike.tenants)
            elif len(self.alike) < MOST_KINDS:
                self.alike.append(replace(alike))

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
        }

    def _known(self, kind: tuple[str, str]) -> FailureGroup | None:
        return next((alike for alike in self.alike if alike.kind == kind), None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), key=_instant, default=None)


def _instant(at: datetime) -> float:
    return at.timestamp()  # within one zone Python compares what clocks show
