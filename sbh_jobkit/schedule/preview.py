"""The fire times of one schedule in a range, and the other jobs that are due at the same time; nothing runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Self

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.schedule.schedule import Schedule

DURATION = "7d"
"""The default length of a preview."""
_MOST = 600_000
"""The most fire times of a preview: a year has fewer minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Another job that is due at some of the same times."""

    job: str
    times: int
    """How many fire times the two jobs share."""
    first: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Preview(Shown):
    """The fire times of a schedule in [start, end), in its zone."""

    schedule: Schedule
    start: datetime
    end: datetime
    fires: tuple[datetime, ...]
    job: str | None = None
    """The job that has this schedule; None for a schedule without a job."""
    collisions: tuple[Collision, ...] = ()
    """The other jobs that are due at the same times, the most frequent first."""

    def __repr__(self) -> str:
        """Show the schedule, its number of fire times and the range."""
        what = self.job or repr(self.schedule.expression)
        number = len(self.fires)
        often = "once" if number == 1 else f"{number:,} times"
        return f"<Preview of {what}: {often} from {self.start.isoformat()} to {self.end.isoformat()}>"

    @property
    def next(self) -> datetime:
        """The first fire time from the start on; it may be after the end."""
        return self.fires[0] if self.fires else self.schedule.next(self.end.astimezone(UTC) - timedelta(seconds=1))

    @classmethod
    def from_schedule(
        cls,
        schedule: Schedule,
        *,
        start: str | datetime,
        end: str | datetime | None = None,
        duration: str | timedelta | None = None,
        job: str | None = None,
        others: Mapping[str, Schedule | None] | None = None,
    ) -> Self:
        """List the fire times from `start` until `end`, or for a duration (default: 7d).

        `others` are schedules by job name; those that are due at the same times are collisions. Raises TimeFormatError
        if the range has too many fire times to list.
        """
        first = times.instant_in_range(start, schedule.tz)
        last = times.end_of(first, end, duration, default=DURATION)
        epochs = list(islice(schedule.epochs(first.timestamp(), last.timestamp()), _MOST + 1))
        if len(epochs) > _MOST:
            within = (
                f"in {duration or DURATION}; use a shorter duration" if end is None else f"before {end}; end earlier"
            )
            msg = f"{schedule.expression!r} is due more than {_MOST:,} times {within}"
            raise TimeFormatError(msg)
        due, found = set(epochs), []
        for name, other in (others or {}).items():
            if name == job or other is None:
                continue
            together = [epoch for epoch in other.epochs(first.timestamp(), last.timestamp()) if epoch in due]
            if together:
                at = datetime.fromtimestamp(together[0], schedule.tz)
                found.append(Collision(job=name, times=len(together), first=at))
        return cls(
            schedule=schedule,
            start=first,
            end=last,
            fires=tuple(datetime.fromtimestamp(epoch, schedule.tz) for epoch in epochs),
            job=job,
            collisions=tuple(sorted(found, key=lambda collision: -collision.times)),
        )

    of = from_schedule
    """Old name of `from_schedule`."""
