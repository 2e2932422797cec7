"""A schedule for tests that cannot wait for minutes: due at every so many seconds."""

from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo


class EverySeconds:
    """Due at each multiple of so many seconds since 1970."""

    tz = ZoneInfo("UTC")

    def __init__(self, seconds):
        """Keep the distance."""
        self.seconds = seconds
        self.expression = f"@every {seconds}s"

    def epochs(self, start, end):
        """Yield the fire times in [start, end)."""
        fire = ceil(start / self.seconds) * self.seconds
        while fire < end:
            yield fire
            fire += self.seconds

    def next(self, after):
        """Return the first fire time later than `after`."""
        fire = (int(after.timestamp() // self.seconds) + 1) * self.seconds
        return datetime.fromtimestamp(0, self.tz) + timedelta(seconds=fire)
