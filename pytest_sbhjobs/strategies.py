"""Strategies of hypothesis for tests of jobs.

Tests import this module themselves; it needs hypothesis, so no other module of the plugin imports it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hypothesis import strategies

from sbh_jobkit import Schedule, ScheduleError
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def fire_times(
    schedule: Schedule | str, *, start: str | datetime = times.START, duration: str = "365d"
) -> SearchStrategy[datetime]:
    """Return a strategy for the fire times of a schedule in a range; failing examples shrink to the earliest.

    Raises ScheduleError if the schedule has no fire time in the range.
    """
    parsed = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
    begin = times.instant_in_range(start, parsed.tz)
    end = times.add(begin, times.duration(duration))
    first = next(parsed.epochs(begin.timestamp(), end.timestamp()), None)
    if first is None:
        msg = f"schedule {parsed.expression!r} is not due within {duration} from {begin.isoformat()}"
        raise ScheduleError(msg)
    last = int(parsed.previous(end).timestamp())
    return strategies.integers(first, last).map(
        lambda epoch: datetime.fromtimestamp(next(parsed.epochs(epoch, last + 1)), parsed.tz)
    )
