"""The time axis: the position of a time, and the times that get a tick.

Positions follow elapsed time, so the two 02:30 of a day on which clocks go back are an hour apart; ticks are at round
local times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import DAYS, MONTHS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_STEPS = (
    # up to this span, a tick every so many minutes of the day and a label every so many
    (3 * _HOUR, 10, 10),
    (15 * _HOUR, 60, 60),
    (36 * _HOUR, 60, 180),
    (3 * _DAY, 180, 720),
    (5 * _DAY, 360, 1440),
)
_DAILY = 15 * _DAY
_WEEKLY = 35 * _DAY
_FORTNIGHTS = 100 * _DAY
_MONTHLY = 800 * _DAY
_WEEKENDS = (2 * _DAY, 100 * _DAY)
_SATURDAY = 5
_THURSDAY = 3
_LAST_LABEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A round local time on the axis."""

    share: float
    """Its position: 0 is the start, 1 the end."""
    label: str
    """Empty for a small tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """An instant at which the zone's offset from UTC changes."""

    at: datetime
    share: float
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of time, [start, end), in the zone of its start."""

    start: datetime
    end: datetime

    @property
    def span(self) -> timedelta:
        """The elapsed time from start to end."""
        return self.end.astimezone(UTC) - self.start.astimezone(UTC)

    def share(self, at: datetime) -> float:
        """Return the position of a time: 0 is the start, 1 the end; a time outside is at the edge."""
        length = self.span.total_seconds() or 1.0
        return min(1.0, max(0.0, (at.timestamp() - self.start.timestamp()) / length))

    def ticks(self) -> list[Tick]:
        """List the ticks: hours of a day, days and weeks of a month, months of a year."""
        found = []
        for at, label in self._candidates():
            if self.start <= at < self.end:
                share = self.share(at)
                found.append(Tick(share=share, label=label if share < _LAST_LABEL else ""))
        return found

    def weekends(self) -> list[tuple[float, float]]:
        """List the weekends as shares from and to; none if the range is too short or too long to show them."""
        if not _WEEKENDS[0] < self.span <= _WEEKENDS[1]:
            return []
        days = [day for day in self._days() if day.weekday() >= _SATURDAY]
        shares = [(self.share(day), self.share(day + _DAY)) for day in days]
        return [(left, right) for left, right in shares if left < right]

    def clock_changes(self) -> list[ClockChange]:
        """List the instants at which clocks change within the range, to the minute."""
        found = []
        first, last = self.start.astimezone(UTC), self.end.astimezone(UTC)
        while first < last:
            following = min(first + _DAY, last)
            if self._local(first).utcoffset() != self._local(following).utcoffset():
                found.append(self._bisect(first, following))
            first = following
        return found

    def _bisect(self, low: datetime, high: datetime) -> ClockChange:
        before = self._local(low).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._local(middle).utcoffset() == before else (low, middle)
        at = self._local(high.replace(microsecond=0))
        return ClockChange(
            at=at, share=self.share(at), before=before or timedelta(0), after=at.utcoffset() or timedelta(0)
        )

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self.start.tzinfo)

    def _days(self) -> Iterator[datetime]:
        day = self.start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        while day < self.end:
            yield day
            day += _DAY

    def _candidates(self) -> Iterator[tuple[datetime, str]]:
        for span, step, label_step in _STEPS:
            if self.span <= span:
                yield from self._within_days(step, label_step)
                return
        if self.span <= _FORTNIGHTS:
            for day in self._days():
                yield day, self._day_label(day)
            return
        for day in self._days():
            yearly = self.span > _MONTHLY
            if day.day == 1 and (day.month == 1 or not yearly):
                yield day, str(day.year) if day.month == 1 else MONTHS[day.month - 1]

    def _within_days(self, step: int, label_step: int) -> Iterator[tuple[datetime, str]]:
        for day in self._days():
            for minute in range(0, 1440, step):
                at = day.replace(hour=minute // 60, minute=minute % 60)
                label = _date(day, weekday=True) if minute == 0 else f"{at:%H:%M}"
                yield at, label if minute % label_step == 0 else ""

    def _day_label(self, day: datetime) -> str:
        first = day.date() == self.start.date()
        if self.span <= _DAILY:
            return _date(day) if first or day.day == 1 else f"{DAYS[day.weekday()]} {day.day}"
        lone_start = first and 0 < day.weekday() <= _THURSDAY and self.span <= _WEEKLY
        return _date(day, weekday=self.span <= _WEEKLY) if day.weekday() == 0 or lone_start else ""


def _date(day: datetime, *, weekday: bool = False) -> str:
    text = f"{day.day} {MONTHS[day.month - 1]}"
    return f"{DAYS[day.weekday()]} {text}" if weekday else text
