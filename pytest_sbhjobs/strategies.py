"""What hypothesis can draw for a test of a job: import it where hypothesis is installed."""

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
    """Draw fire times of a schedule within a range; a failing example shrinks towards the first of them.

    Raises ScheduleError where the schedule is never due in that range.
    """
    plan = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
    begin = times.instant(start, plan.tz)
    end = times.add(begin, times.duration(duration))
    first = next(plan.epochs(begin.timestamp(), end.timestamp()), None)
    if first is None:
        msg = f"schedule {plan.expression!r} is not due within {duration} from {begin.isoformat()}"
        raise ScheduleError(msg)
    last = int(plan.previous(end).timestamp())
    return strategies.integers(first, last).map(
        lambda epoch: datetime.fromtimestamp(next(plan.epochs(epoch, last + 1)), plan.tz)
    )
