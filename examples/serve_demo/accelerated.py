"""A schedule whose fire times come sooner: `factor` seconds of it pass in one second."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from sbh_jobkit import Schedule


class Accelerated:
    """The fire times of a schedule from `origin` on (in seconds since 1970), each `factor` times as soon."""

    def __init__(self, schedule: Schedule, origin: float, factor: float):
        self.schedule, self.origin, self.factor = schedule, origin, factor
        self.tz, self.expression = schedule.tz, schedule.expression

    def epochs(self, start: float, end: float) -> Iterator[float]:
        """Yield the fire times in [start, end), rounded to milliseconds."""
        for fire in self.schedule.epochs(self._slow(start) - 1, self._slow(end) + 1):
            soon = round(self.origin + (fire - self.origin) / self.factor, 3)
            if start <= soon < end:
                yield soon

    def next(self, after: datetime) -> datetime:
        """Return the first fire time later than `after`."""
        start = after.timestamp()
        (fire,) = islice((fire for fire in self.epochs(start, start + 366 * 86_400) if fire > start), 1)
        return datetime.fromtimestamp(fire, self.tz)

    def _slow(self, epoch: float) -> float:
        return self.origin + (epoch - self.origin) * self.factor
