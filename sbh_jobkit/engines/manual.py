"""Jobs without a schedule, and runs by hand: what stands where others have a schedule, and a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from sbh_jobkit.errors import ScheduleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ManualOnly:
    """Takes the place of the schedule of a job without one; its times are shown in `tz`."""

    tz: ZoneInfo
    expression: str = ""

    def epochs(self, start: float, end: float) -> Iterator[float]:
        """Return no fire times."""
        del start, end
        return iter(())

    def next(self, after: datetime) -> NoReturn:
        """Raise ScheduleError."""
        del after
        msg = "the job has no schedule, so it is manual only"
        raise ScheduleError(msg)


def reason_of(who: str) -> str:
    """Return the reason of a run by hand."""
    return f"by hand ({who})"
