"""What goes wrong in a simulated range: seeded, repeatable, and a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit import times
from sbh_jobkit.policy import Window

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class SchedulerDown:
    """The scheduler is down from `start` until before `end`; naive times are in the zone in force."""

    start: str | datetime
    end: str | datetime


class FaultPlan:
    """Faults that hit a simulation."""

    def __init__(self, *faults: SchedulerDown, seed: int = 0) -> None:
        """Take the faults; the same seed makes the same chances."""
        self.faults = faults
        self.seed = seed

    def downtime(self, zone: ZoneInfo) -> list[Window]:
        """Return when the scheduler is down, in order, overlapping times as one."""
        windows: list[Window] = []
        found = [fault for fault in self.faults if isinstance(fault, SchedulerDown)]
        spans = [[times.instant(at, zone).timestamp() for at in (one.start, one.end)] for one in found]
        for start, end in sorted(spans):
            if windows and start <= windows[-1].end:
                start, end = windows[-1].start, max(end, windows.pop().end)  # noqa: PLW2901
            windows.append(Window(start=start, end=end))
        return windows
