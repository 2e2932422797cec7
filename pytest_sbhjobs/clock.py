"""The clock of a test: the time that it sees, which only it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo


class TestClock:
    """`sbh_clock`: while it is open `datetime.now` and its like tell its time, and `time.sleep` advances it."""

    __test__ = False  # pytest would take its name for that of a test

    def __init__(self, at: str, zone: ZoneInfo) -> None:
        """Stand at a time; naive ones are in the zone."""
        self._clock = VirtualClock(times.instant(at, zone), zone)

    def __repr__(self) -> str:
        """Tell the time."""
        return f"<sbh_clock {self.now.isoformat()}>"

    @property
    def now(self) -> datetime:
        """The virtual time, aware."""
        return self._clock.now

    def move_to(self, at: str | datetime) -> datetime:
        """Stand at another time, earlier or later; return it."""
        self._clock.move_to(times.instant(at, self._clock.zone).timestamp())
        return self.now

    def advance(self, duration: str) -> datetime:
        """Let time pass, such as "2h" or "30d"; return what time it is then."""
        return self.move_to(times.add(self.now, times.duration(duration)))

    def opened(self) -> VirtualClock:
        """Return what `with` opens and closes."""
        return self._clock
