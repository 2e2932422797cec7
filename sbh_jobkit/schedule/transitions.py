"""The days on which a zone's clocks change."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def after(start: datetime, zone: ZoneInfo, days: int = 366) -> list[datetime]:
    """Return the midnights of the days in the next year whose clocks go forward or back, in their order."""
    first = start.astimezone(zone).date()
    most = min(days, (date.max - first).days - 1)  # the calendar ends
    dates = [first + timedelta(days=number) for number in range(most + 1)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset() for day in dates]
    changed = [day for day, here, there in zip(dates, offsets, offsets[1:], strict=False) if here != there]
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in changed]
