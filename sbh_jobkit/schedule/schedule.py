"""When a job is due: a cron expression in a time zone.

Days are walked, not minutes: a matching local day times the sorted minutes of the day, as integer epoch
seconds, and datetimes only at the rim. A day without a change of UTC offset is plain arithmetic; one with a
change is settled by Debian cron's rules (its manual's section on daylight saving time): a fixed-time job whose
local time falls in a gap fires once, at the first instant after it; in a fold it fires once, the first time; a
job that begins with `*` in its minute or hour field follows elapsed time. Unlike Debian cron, a change of more
than three hours (Samoa skipped a whole day in 2011) is no exception.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from datetime import date, datetime, timedelta, tzinfo
from itertools import chain
from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.cron import Cron, parse
from sbh_jobkit.schedule.describe import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()
_BACK = (2, 62, 800, 3_700)
"""Days to look back for the last fire time, wider and wider; the rarest, 29 February, may wait 8 years."""


class _Day(NamedTuple):
    """Fire times of one local day: a slice of the schedule's seconds, or the instants themselves."""

    ordinal: int = 0
    base: int = 0
    """Its midnight, in seconds since 1970."""
    low: int = 0
    high: int = 0
    irregular: list[int] = []  # noqa: RUF012  never changed
    """Sorted instants of days around a change of UTC offset."""


class Schedule(Shown):
    """When a job is due: five-field cron, or a name such as `@daily`, in a time zone.

    Every range is [start, end). Times may be datetimes or ISO text; naive ones are in the schedule's zone.
    Raises ScheduleError for an expression that is not cron, TimeFormatError for an unknown zone.
    """

    __slots__ = ("_deltas", "_seconds", "_utc", "cron", "expression", "tz")

    def __init__(self, expression: str, tz: str | tzinfo = "UTC") -> None:
        """Read the expression once."""
        self.cron: Cron = parse(expression)
        self.expression = expression
        self.tz: ZoneInfo = times.zone(tz)
        self._utc = self.tz.key == "UTC"
        self._seconds = [hour * 3600 + minute * 60 for hour in self.cron.hours for minute in self.cron.minutes]
        self._deltas = [timedelta(seconds=second) for second in self._seconds]

    def __repr__(self) -> str:
        """Show what would make it again."""
        return f"Schedule({self.expression!r}, tz={str(self.tz)!r})"

    def __eq__(self, other: object) -> bool:
        """Be equal to a schedule of the same text and zone."""
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.expression, str(self.tz)) == (other.expression, str(other.tz))

    def __hash__(self) -> int:
        """Hash by text and zone."""
        return hash((self.expression, str(self.tz)))

    def fires(self, start: str | datetime, end: str | datetime) -> Iterator[datetime]:
        """Yield the fire times in [start, end), one after another, as aware datetimes in the schedule's zone."""
        first, last = self._instant(start).timestamp(), self._instant(end).timestamp()
        return chain.from_iterable(self._datetimes(first, last))

    def epochs(self, start: float, end: float) -> Iterator[int]:
        """Yield the fire times in [start, end) as seconds since 1970: many times as fast as datetimes."""
        return chain.from_iterable(self._integers(start, end))

    def next(self, after: str | datetime) -> datetime:
        """Return the first fire time later than `after`."""
        moment = floor(self._instant(after).timestamp()) + 1
        for epoch in self.epochs(moment, (_LAST - _EPOCH) * _DAY):
            return datetime.fromtimestamp(epoch, self.tz)
        msg = f"schedule {self.expression!r} has no fire time after {after}"
        raise ScheduleError(msg)

    def previous(self, before: str | datetime) -> datetime:
        """Return the last fire time earlier than `before`."""
        end = self._instant(before).timestamp()
        for days in _BACK:
            latest = deque(self.epochs(end - days * _DAY, end), maxlen=1)
            if latest:
                return datetime.fromtimestamp(latest[0], self.tz)
        msg = f"schedule {self.expression!r} has no fire time before {before}"
        raise ScheduleError(msg)

    def describe(self) -> str:
        """Say it in plain English, such as `at 09:00 on Mondays (Europe/Paris)`."""
        return f"{describe(self.cron)} ({self.tz})"

    def note(self, at: datetime) -> str | None:
        """Say why a fire time is not simply what the expression names, on a day when clocks change."""
        if not self.cron.fixed:
            return None
        local = at.astimezone(self.tz)
        if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
            return f"{local:%H:%M} occurs twice on {local:%Y-%m-%d} in {self.tz}: fired the first time"
        named = local.hour in self.cron.hours and local.minute in self.cron.minutes
        if named and self.cron.matches_day(local.day, local.month, local.isoweekday() % 7):
            return None
        gap = datetime.fromtimestamp(local.timestamp() - 1, self.tz).replace(tzinfo=None) + timedelta(seconds=1)
        lost = [wall for wall in self._walls(gap.date()) if gap <= wall < local.replace(tzinfo=None)]
        if not lost:
            return None
        times_ = ", ".join(f"{wall:%H:%M}" for wall in lost)
        fired = f"{local:%H:%M}" if local.date() == lost[0].date() else f"{local:%Y-%m-%d %H:%M}"
        verb = "does" if len(lost) == 1 else "do"
        return f"{times_} {verb} not exist on {lost[0]:%Y-%m-%d} in {self.tz}: fired at {fired}"

    def _walls(self, day: date) -> Iterator[datetime]:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  clock on the wall
        return (midnight + delta for step in (0, 1) for delta in (timedelta(days=step) + each for each in self._deltas))

    def _instant(self, value: str | datetime) -> datetime:
        return times.instant(value, self.tz)

    def _integers(self, start: float, end: float) -> Iterator[list[int]]:
        seconds = self._seconds
        for day in self._days(start, end):
            base = day.base
            yield day.irregular or [base + second for second in seconds[day.low : day.high]]

    def _datetimes(self, start: float, end: float) -> Iterator[list[datetime]]:
        tz = self.tz
        for day in self._days(start, end):
            if day.irregular:
                yield [datetime.fromtimestamp(epoch, tz) for epoch in day.irregular]
            else:
                midnight = datetime.fromordinal(day.ordinal).replace(tzinfo=tz)
                yield [midnight + delta for delta in self._deltas[day.low : day.high]]

    def _days(self, start: float, end: float) -> Iterator[_Day]:
        if start >= end:
            return
        first = max(floor(start / _DAY) + _EPOCH - 2, _FIRST)
        last = min(ceil(end / _DAY) + _EPOCH + 2, _LAST)
        seconds, whole = self._seconds, len(self._seconds)
        pending: set[int] = set()
        done = ceil(start) - 1
        for ordinal in self._matching(first, last):
            offset = self._offset(ordinal)
            if offset is None:
                pending.update(self._irregular(ordinal))
                continue
            if pending:
                yield from self._settled(pending, done, end)
                done = max(done, *pending)
                pending = set()
            base = (ordinal - _EPOCH) * _DAY - offset
            low = bisect_right(seconds, done - base) if base <= done else 0
            high = whole if base + _DAY <= end else bisect_left(seconds, end - base)
            if low < high:
                yield _Day(ordinal=ordinal, base=base, low=low, high=high)
        yield from self._settled(pending, done, end)

    @staticmethod
    def _settled(pending: set[int], done: int, end: float) -> Iterator[_Day]:
        chosen = sorted(epoch for epoch in pending if done < epoch < end)
        if chosen:
            yield _Day(irregular=chosen)

    def _matching(self, first: int, last: int) -> Iterator[int]:
        cron = self.cron
        ordinal = first
        while ordinal <= last:
            day = date.fromordinal(ordinal)
            if day.month not in cron.months:
                ordinal = date(day.year + day.month // 12, day.month % 12 + 1, 1).toordinal()
                continue
            if cron.matches_day(day.day, day.month, ordinal % 7):
                yield ordinal
            ordinal += 1

    def _offset(self, ordinal: int) -> int | None:
        """Return the day's UTC offset in seconds, or None where it changes within or at the ends of the day."""
        if self._utc:
            return 0
        midnight = datetime.fromordinal(ordinal).replace(tzinfo=self.tz)
        following = datetime.fromordinal(ordinal + 1).replace(tzinfo=self.tz)
        offset = midnight.utcoffset()
        ends = (midnight.replace(fold=1), following, following.replace(fold=1))
        if offset is None or any(end.utcoffset() != offset for end in ends):
            return None
        return round(offset.total_seconds())

    def _irregular(self, ordinal: int) -> Iterator[int]:
        midnight = datetime.fromordinal(ordinal).replace(tzinfo=self.tz)
        for delta in self._deltas:
            wall = midnight + delta
            earlier, later = wall.timestamp(), wall.replace(fold=1).timestamp()
            if earlier == later:
                yield int(earlier)
            elif earlier < later:  # a fold: this local time occurs twice
                yield int(earlier)
                if not self.cron.fixed:
                    yield int(later)
            elif self.cron.fixed:  # a gap: with fold=0 and 1 swapped, the change lies between the two
                yield self._change(int(later), int(earlier))

    def _change(self, before: int, at_or_after: int) -> int:
        """Find the second in (before, at_or_after] from which the later UTC offset holds."""
        offset = datetime.fromtimestamp(at_or_after, self.tz).utcoffset()
        while at_or_after - before > 1:
            middle = (before + at_or_after) // 2
            if datetime.fromtimestamp(middle, self.tz).utcoffset() == offset:
                at_or_after = middle
            else:
                before = middle
        return at_or_after
