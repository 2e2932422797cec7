"""Runs that an author expects to fail, and why: like pytest's strict xfail, a run that does not fail is a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.errors import UnknownJobError, WorldError, did_you_mean
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.schedule.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """All runs of a job in [start, end) are expected to fail."""

    job: str
    start: str | datetime
    end: str | datetime
    because: str

    def window(self, zone: ZoneInfo) -> tuple[float, float]:
        """Return start and end in epoch seconds; naive times are in `zone`."""
        return times.instant(self.start, zone).timestamp(), times.instant(self.end, zone).timestamp()

    def check(self, zone: ZoneInfo) -> None:
        """Raise WorldError if there is no reason, or if the end is not after the start."""
        if not self.because:
            msg = f"expect_failure({self.job!r}) needs a reason: because='…'"
            raise WorldError(msg)
        first, last = self.window(zone)
        if first >= last:
            msg = f"expect_failure({self.job!r}): the end {self.end} is not after the start {self.start}"
            raise WorldError(msg)


def expected_reason(expectations: Iterable[Expectation], job: str, epoch: float, zone: ZoneInfo) -> str | None:
    """Return why a job is expected to fail at an instant (epoch seconds), or None."""
    for expectation in expectations:
        if expectation.job == job:
            first, last = expectation.window(zone)
            if first <= epoch < last:
                return expectation.because
    return None


def check_due(
    expectations: Iterable[Expectation],
    jobs: Collection[str],
    schedules: Mapping[str, Schedule],
    start: datetime,
    end: datetime,
) -> None:
    """Check that each expectation can be met in [start, end).

    Raises UnknownJobError for a job that does not exist, WorldError for a job that is never due in the expected time.
    """
    for expectation in expectations:
        name = expectation.job
        if name not in jobs:
            msg = f"expect_failure: the plugin has no job {name!r}{did_you_mean(name, jobs)}"
            raise UnknownJobError(msg)
        first, last = expectation.window(times.zone(start.tzinfo or "UTC"))
        inside = start.timestamp() <= first and last <= end.timestamp()
        if inside and name in schedules and next(schedules[name].epochs(first, last), None) is None:
            msg = (
                f"expect_failure({name!r}, {expectation.start!s}, {expectation.end!s}): "
                "the job is never due in that time, so nothing could fail"
            )
            raise WorldError(msg)
