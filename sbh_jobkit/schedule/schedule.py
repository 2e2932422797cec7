"""When a job is due: a cron expression in a time zone.

For speed this module goes through days, not minutes: the fire times of a matching local day are its midnight plus the
sorted times of day, as integer epoch seconds. Datetimes are made last. Most days need only this addition. On a day
whose UTC offset changes, Debian cron's rules apply (the section on daylight saving time of its manual): a job with a
fixed local time fires once, at the first instant after a gap and the first time in a fold; a job whose minute or hour
field begins with `*` follows elapsed time. Debian cron treats a change of more than three hours as an exception (Samoa
skipped a whole day in 2011); this module does not.
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
_HOURS = 24
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(times.FIRST_YEAR, 1, 1).toordinal() - 2, date(times.LAST_YEAR, 12, 31).toordinal() + 2
"""The days that are looked at: two more than there are, since a range can be of another zone."""
_BACK = (2, 62, 800, 3_700)
"""How many days to look back for the last fire time, first few, then more: 29 February can be 8 years away."""


class _Day(NamedTuple):
    """The fire times of one local day: a slice of the schedule's times of day, or a list of instants."""

    ordinal: int = 0
    base: int = 0
    """The midnight of the day, in seconds since 1970."""
    low: int = 0
    high: int = 0
    irregular: list[int] = []  # noqa: RUF012  never changed
    """The sorted instants of days on which the UTC offset changes."""


class Schedule(Shown):
    """When a job is due: five-field cron, or a name such as `@daily`, in a time zone.

    Every range is [start, end). Times may be datetimes or ISO text; naive ones are in the schedule's zone.
    Raises ScheduleError for an expression that is not cron, TimeFormatError for an unknown zone, and for a time outside
    the years 1000 to 9998.
    """

    __slots__ = ("_deltas", "_seconds", "_utc", "cron", "expression", "tz")

    def __init__(self, expression: str, tz: str | tzinfo = "UTC") -> None:
        """Parse the expression."""
        self.cron: Cron = parse(expression)
        self.expression = expression
        self.tz: ZoneInfo = times.zone(tz)
        self._utc = self.tz.key == "UTC"
        self._seconds = [hour * 3600 + minute * 60 for hour in self.cron.hours for minute in self.cron.minutes]
        self._deltas = [timedelta(seconds=second) for second in self._seconds]

    def __repr__(self) -> str:
        """Return the code that makes an equal schedule."""
        return f"Schedule({self.expression!r}, tz={str(self.tz)!r})"

    def __eq__(self, other: object) -> bool:
        """Whether the other schedule has the same text and zone."""
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.expression, str(self.tz)) == (other.expression, str(other.tz))

    def __hash__(self) -> int:
        """Return the hash of text and zone."""
        return hash((self.expression, str(self.tz)))

    def fires(self, start: str | datetime, end: str | datetime) -> Iterator[datetime]:
        """Yield the fire times in [start, end) as aware datetimes in the schedule's zone."""
        first, last = self._instant(start), self._instant(end, end=True)
        return chain.from_iterable(self._datetimes(first.timestamp(), last.timestamp()))

    def epochs(self, start: float, end: float) -> Iterator[int]:
        """Yield the fire times in [start, end) as seconds since 1970; much faster than `fires`."""
        return chain.from_iterable(self._integers(start, end))

    def next(self, after: str | datetime) -> datetime:
        """Return the first fire time later than `after`."""
        found = self.next_or_none(self._instant(after))
        if found is None:
            msg = f"schedule {self.expression!r} has no fire time after {after} before the year {times.LAST_YEAR + 1}"
            raise ScheduleError(msg)
        return found

    def next_or_none(self, after: datetime) -> datetime | None:
        """Return the first fire time later than `after`; None at the end of the years in which jobs can be due."""
        _, last = times.years(self.tz)
        found = next(self.epochs(floor(after.timestamp()) + 1, last.timestamp()), None)
        return None if found is None else datetime.fromtimestamp(found, self.tz)

    def previous(self, before: str | datetime) -> datetime:
        """Return the last fire time earlier than `before`."""
        end, (first, _) = self._instant(before, end=True).timestamp(), times.years(self.tz)
        for days in _BACK:
            latest = deque(self.epochs(max(end - days * _DAY, first.timestamp()), end), maxlen=1)
            if latest:
                return datetime.fromtimestamp(latest[0], self.tz)
        msg = f"schedule {self.expression!r} has no fire time before {before} from the year {times.FIRST_YEAR} on"
        raise ScheduleError(msg)

    def describe(self, *, clocks: bool = True) -> str:
        """Describe the schedule in English, such as `at 09:00 on Mondays (Europe/Paris)`.

        Where it is due less or more often on days when the clocks change, as `*/20 2 * * *` is in many zones, that is
        part of the text; `clocks=False` leaves it out.
        """
        changes = dict.fromkeys(
            (_often(due), "forward" if due < usual else "back")
            for _, due, usual in (self._clock_days(times.START) if clocks else ())
        )
        notes = ", ".join(f"{often} when clocks go {way}" for often, way in changes)
        return f"{describe(self.cron)}{f'; {notes}' if notes else ''} ({self.tz})"

    def clock_notes(self, start: str | datetime) -> list[str]:
        """Say on which days of the year from `start` clock changes leave out fire times or repeat them.

        That concerns only a schedule that follows elapsed time in some hours of the day, such as `*/20 2 * * *`.
        """
        return [
            f"{_often(due)} on {day:%Y-%m-%d}, on other days {usual} times: clocks go "
            f"{'forward' if due < usual else 'back'}"
            for day, due, usual in self._clock_days(start)
        ]

    def _clock_days(self, start: str | datetime) -> Iterator[tuple[datetime, int, int]]:
        """Yield the days on which clock changes alter how often it is due: how often then, and on other days."""
        if self.cron.fixed or self._utc or len(self.cron.hours) == _HOURS:
            return
        for day in times.clock_changes(times.instant(start, self.tz), self.tz):
            following = datetime.fromordinal(day.toordinal() + 1).replace(tzinfo=self.tz)
            due = sum(1 for _ in self.epochs(day.timestamp(), following.timestamp()))
            usual = len(self._seconds) if self.cron.matches_day(day.day, day.month, day.isoweekday() % 7) else 0
            if due != usual:
                yield day, due, usual

    def note(self, at: datetime) -> str | None:
        """Explain a fire time that a clock change affects; None for any other fire time."""
        if not self.cron.fixed:
            return None
        local = at.astimezone(self.tz)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            return f"{local:%H:%M} occurs twice on {local:%Y-%m-%d} in {self.tz}: fired the first time"
        named = local.hour in self.cron.hours and local.minute in self.cron.minutes
        if named and self.cron.matches_day(local.day, local.month, local.isoweekday() % 7):
            return None
        before = datetime.fromtimestamp(local.timestamp() - 1, self.tz).replace(tzinfo=None)
        lost = [wall for wall in self._local_times(before.date()) if before < wall < local.replace(tzinfo=None)]
        if not lost:
            return None
        times_ = ", ".join(f"{wall:%H:%M}" for wall in lost)
        fired = f"{local:%H:%M}" if local.date() == lost[0].date() else f"{local:%Y-%m-%d %H:%M}"
        verb = "does" if len(lost) == 1 else "do"
        return f"{times_} {verb} not exist on {lost[0]:%Y-%m-%d} in {self.tz}: fired at {fired}"

    def _local_times(self, day: date) -> Iterator[datetime]:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  local time
        return (midnight + delta for step in (0, 1) for delta in (timedelta(days=step) + each for each in self._deltas))

    def _instant(self, value: str | datetime, *, end: bool = False) -> datetime:
        return times.instant_in_range(value, self.tz, end=end)

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
        first = max(floor(start / _DAY) + _EPOCH - 1, _FIRST)  # the local day can be a day before or after that of UTC
        last = min(ceil(end / _DAY) + _EPOCH, _LAST)
        seconds, whole = self._seconds, len(self._seconds)
        pending: set[int] = set()
        done = ceil(start) - 1
        for ordinal in self._matching(first, last):
            offset = self._offset(ordinal)
            if offset is None:
                pending.update(self._irregular_epochs(ordinal))
                continue
            if pending:
                yield from self._irregular_day(pending, done, end)
                done = max(done, *pending)
                pending = set()
            base = (ordinal - _EPOCH) * _DAY - offset
            low = bisect_right(seconds, done - base) if base <= done else 0
            high = whole if base + _DAY <= end else bisect_left(seconds, end - base)
            if low < high:
                yield _Day(ordinal=ordinal, base=base, low=low, high=high)
        yield from self._irregular_day(pending, done, end)

    @staticmethod
    def _irregular_day(pending: set[int], done: int, end: float) -> Iterator[_Day]:
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
        """Return the day's UTC offset in seconds, or None if it changes during the day or at its start or end."""
        if self._utc:
            return 0
        midnight = datetime.fromordinal(ordinal).replace(tzinfo=self.tz)
        following = datetime.fromordinal(ordinal + 1).replace(tzinfo=self.tz, fold=1)  # after a change at that midnight
        offset = midnight.utcoffset()
        if offset is None or following.utcoffset() != offset:
            return None
        return round(offset.total_seconds())

    def _irregular_epochs(self, ordinal: int) -> Iterator[int]:
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
            elif self.cron.fixed:  # a gap: fold=1 is earlier than fold=0, and the change is between them
                yield times.offset_change(int(later), int(earlier), self.tz)


def _often(times_due: int) -> str:
    return {0: "not due", 1: "due once"}.get(times_due, f"due {times_due} times")
