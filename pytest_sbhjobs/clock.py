"""The clock of a test: the virtual time that the test sees and moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo


class TestClock:
    """`sbh_clock`: while the test runs, `datetime.now` returns its time, and `time.sleep` moves it on at once."""

    __test__ = False  # pytest would collect it as a test because of its name

    def __init__(self, at: str, zone: ZoneInfo) -> None:
        """Start at a time; a naive time is in the zone."""
        self.virtual = VirtualClock(times.instant_in_range(at, zone), zone)
        """The clock that `with` starts and stops."""

    def __repr__(self) -> str:
        """Show the virtual time."""
        return f"<sbh_clock {self.now.isoformat()}>"

    @property
    def now(self) -> datetime:
        """The virtual time, aware."""
        return self.virtual.now

    def move_to(self, at: str | datetime) -> datetime:
        """Set the virtual time, earlier or later, and return it."""
        self.virtual.move_to(times.instant_in_range(at, self.virtual.zone))
        return self.now

    def advance(self, duration: str) -> datetime:
        """Move the virtual time on by a duration, such as "2h" or "30d", and return it."""
        return self.move_to(times.add(self.now, times.duration(duration)))
