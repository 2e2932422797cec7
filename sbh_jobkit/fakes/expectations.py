"""Runs that an author expects to fail, and why; with the meaning of pytest's strict xfail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit import times
from sbh_jobkit.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """That a job fails in [start, end), and why."""

    job: str
    start: str | datetime
    end: str | datetime
    because: str

    def window(self, zone: ZoneInfo) -> tuple[float, float]:
        """Return the two ends in epoch seconds, naive ones read in the zone in force."""
        return times.instant(self.start, zone).timestamp(), times.instant(self.end, zone).timestamp()

    def check(self, zone: ZoneInfo) -> None:
        """Refuse what says nothing."""
        if not self.because:
            msg = f"expect_failure({self.job!r}) needs a reason: because='…'"
            raise WorldError(msg)
        first, last = self.window(zone)
        if first >= last:
            msg = f"expect_failure({self.job!r}): the end {self.end} is not after the start {self.start}"
            raise WorldError(msg)


def reason(expectations: Iterable[Expectation], job: str, epoch: float, zone: ZoneInfo) -> str | None:
    """Say why a job is expected to fail at an instant, or None."""
    for expectation in expectations:
        if expectation.job == job:
            first, last = expectation.window(zone)
            if first <= epoch < last:
                return expectation.because
    return None
