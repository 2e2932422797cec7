"""Parse and format times, durations and zones as users type them.

A time without a UTC offset is local time in the current zone. Months, weeks and days of a duration are of that zone's
calendar, so that `30d` from a midnight ends at a midnight even if clocks change in between; hours and smaller units are
elapsed time.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sbh_jobkit.errors import TimeFormatError, did_you_mean

START = "2026-01-01T00:00"
"""The default start of a simulation: a fixed date, so that each simulation gives the same result."""

_PART = re.compile(r"(\d+)\s*(mo|[ywdhms])", re.IGNORECASE)
_CAPITAL_M = re.compile(r"M(?![oO])")
_ISO_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
_LONGEST_SHOWN = 40
_MONTHS, _YEAR = {"y": 12, "mo": 1}, 12
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
FIRST_YEAR, LAST_YEAR = 1000, 9998
"""When jobs can be due: years of four digits, but the last one, in which another zone has no date for some instants."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: calendar months and days, and elapsed seconds."""

    days: int
    seconds: int
    months: int = 0

    def total_seconds(self) -> int:
        """Return the length in seconds; a day counts as 24 hours, a month as 30 days."""
        return (self.months * 30 + self.days) * 86_400 + self.seconds


def zone(name: str | tzinfo) -> ZoneInfo:
    """Find a time zone by its IANA name; raises TimeFormatError, which suggests a similar name."""
    if isinstance(name, ZoneInfo):
        return name
    if name is UTC:
        return ZoneInfo("UTC")
    if not isinstance(name, str):
        msg = f"{name!r} is not the name of a time zone; use a name such as 'UTC' or 'Europe/Paris'"
        raise TimeFormatError(msg)
    return _named_zone(name)


@cache
def _known_zones() -> frozenset[str]:
    """Return the names of all zones, which takes 10 ms to find out."""
    return frozenset(available_timezones() - {"localtime", "Factory"})  # their meaning depends on the machine


@cache
def _named_zone(name: str) -> ZoneInfo:
    known = _known_zones()
    if name not in known:
        msg = f"unknown time zone {name!r}{_zone_hint(name, known)}"
        raise TimeFormatError(msg)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"time zone {name!r} has no usable data on this machine ({error}); install the package 'tzdata'"
        raise TimeFormatError(msg) from error


def _zone_hint(name: str, known: frozenset[str]) -> str:
    """Suggest a zone, but no other abbreviation: EST looks like CEST, and is six hours away from it."""
    same = [each for each in known if each.casefold() == name.strip().casefold()]
    if same:
        return did_you_mean(name, same)
    if name.isupper() and "/" not in name:
        return "; use a name such as 'Europe/Paris'"
    return did_you_mean(name, {each for each in known if not each.isupper()}) or (
        "; use a name such as 'UTC' or 'Europe/Paris'"
    )


def instant(value: str | date | datetime, tz: tzinfo) -> datetime:
    """Parse an ISO 8601 time, or a date as its midnight, to an aware datetime in `tz`."""
    parsed = parse(value)
    try:
        return _in_zone(parsed, tz)
    except OverflowError:
        msg = f"{parsed.isoformat()} in {tz} is outside the years 1 to 9999"
        raise TimeFormatError(msg) from None


def _in_zone(parsed: datetime, tz: tzinfo) -> datetime:
    if parsed.tzinfo is not None:
        return parsed.astimezone(tz)
    local = parsed.replace(tzinfo=tz)
    if local.astimezone(UTC).astimezone(tz).replace(tzinfo=None) != parsed:  # naive times compare without their fold
        earlier, later = (int(local.replace(fold=fold).timestamp()) for fold in (1, 0))
        after = datetime.fromtimestamp(offset_change(earlier, later, tz), tz).replace(tzinfo=None).isoformat()
        msg = f"{parsed.isoformat()} does not exist in {tz}: clocks skip it; "
        msg += f"use {after}, when jobs due then fire, or add an offset"
        raise TimeFormatError(msg)
    return local


def offset_change(before: int, at_or_after: int, tz: tzinfo) -> int:
    """Return the epoch second in (before, at_or_after] at which the UTC offset of a zone changes."""
    offset = datetime.fromtimestamp(at_or_after, tz).utcoffset()
    while at_or_after - before > 1:
        middle = (before + at_or_after) // 2
        if datetime.fromtimestamp(middle, tz).utcoffset() == offset:
            at_or_after = middle
        else:
            before = middle
    return at_or_after


def instant_in_range(value: str | date | datetime, tz: tzinfo, *, end: bool = False) -> datetime:
    """Parse a time as `instant` does; raises TimeFormatError outside the years in which jobs can be due.

    With `end`, the end of the last year is one, too.
    """
    found = instant(value, tz)
    first, last = years(tz)
    if not first <= found <= last or (found == last and not end):
        msg = f"{found.isoformat()} is outside the years {FIRST_YEAR} to {LAST_YEAR}, in which jobs can be due"
        raise TimeFormatError(msg)
    return found


def years(tz: tzinfo) -> tuple[datetime, datetime]:
    """Return the instants between which jobs can be due."""
    return datetime(FIRST_YEAR, 1, 1, tzinfo=tz), datetime(LAST_YEAR + 1, 1, 1, tzinfo=tz)


def parse(value: str | date | datetime) -> datetime:
    """Parse an ISO 8601 time, or a date as its midnight; a time without an offset stays naive."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  the caller adds the zone
    try:
        return datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        msg = f"{value!r} is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
        raise TimeFormatError(msg) from None


def format_time(at: datetime) -> str:
    """Return text that can be typed, such as `2026-01-31T02:00` or `2026-01-31T02:00Z`; a naive time has no offset."""
    whole = not at.second and not at.microsecond
    text = at.isoformat(timespec="minutes" if whole else "auto")
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text


def duration(value: str | timedelta | Duration, *, zero: bool = False) -> Duration:
    """Parse a duration such as `30d`, `12h`, `90m`, `2w`, `1mo`, `1y` or `P30D` (ISO 8601); `zero` allows zero.

    A month is a calendar month: `1mo` from 31 January ends on the last day of February.
    """
    if isinstance(value, timedelta):
        length = Duration(value.days, value.seconds)
    else:
        length = value if isinstance(value, Duration) else _parse_duration(value)
    if length.total_seconds() < 0 or (length.total_seconds() == 0 and not zero):
        least = "zero or longer" if zero else "longer than zero"
        msg = f"the duration {value!r} must be {least}, such as '30d'"
        raise TimeFormatError(msg)
    return length


def _parse_duration(text: str) -> Duration:
    compact = text.strip() if isinstance(text, str) else ""
    numbers: list[tuple[str, str]] = []
    if _PART.sub("", compact).strip() == "":
        numbers = _PART.findall(compact)
        if any(unit == "M" for _, unit in numbers):
            month, minute = (_CAPITAL_M.sub(unit, compact) for unit in ("mo", "m"))
            msg = f"{text!r} is not a duration: M is not a unit; write {month!r} for months or {minute!r} for minutes"
            raise TimeFormatError(msg)
    elif iso := _ISO_DURATION.fullmatch(compact):
        numbers = [(number, unit) for number, unit in zip(iso.groups(), (*_MONTHS, *_SECONDS), strict=True) if number]
    if not numbers:
        msg = f"{text!r} is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'"
        raise TimeFormatError(msg)
    if any(len(number.lstrip("0")) > len("9999999") for number, _ in numbers):
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        msg = f"the duration {shown!r} is too long; use a shorter one"
        raise TimeFormatError(msg)
    months = sum(int(number) * _MONTHS.get(unit.lower(), 0) for number, unit in numbers)
    sizes = [(int(number) * _SECONDS.get(unit.lower(), 0), unit.lower()) for number, unit in numbers]
    days = sum(size for size, unit in sizes if unit in "wd") // _SECONDS["d"]
    return Duration(days, sum(size for size, unit in sizes if unit not in "wd"), months)


def add(start: datetime, length: Duration) -> datetime:
    """Add a duration to an aware time: months and days by the calendar of its zone, the rest as elapsed time."""
    try:
        first = _months_later(start, length.months) if length.months else start
        by_calendar = (
            first + timedelta(days=length.days) if length.days else first
        )  # adding nothing would drop the fold
        return (by_calendar.astimezone(UTC) + timedelta(seconds=length.seconds)).astimezone(start.tzinfo)
    except (OverflowError, ValueError):
        end = f"{format_duration(length)} after {start.isoformat()}"
        msg = f"{end} is outside the years 1 to 9999; use a shorter duration"
        raise TimeFormatError(msg) from None


def end_of(
    start: datetime, end: str | date | datetime | None, length: str | timedelta | Duration | None, *, default: str
) -> datetime:
    """Return the end of a range in the zone of its start: the one given, or after a length; not both may be given."""
    if end is not None and length is not None:
        msg = "give an end or a duration, not both"
        raise TimeFormatError(msg)
    if end is None:
        end = add(start, duration(default if length is None else length))
    found = instant_in_range(end, start.tzinfo or UTC, end=True)
    if found <= start:
        msg = f"the end {found.isoformat()} is not after the start {start.isoformat()}"
        raise TimeFormatError(msg)
    return found


def _months_later(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * _YEAR + start.month - 1 + months, _YEAR)
    last = monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def format_elapsed(seconds: float) -> str:
    """Return elapsed time in its two largest units, such as `6d 17h`, `2h 30m` or `12s`."""
    days, rest = divmod(round(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    units = [(days, "d"), (hours, "h"), (rest // 60, "m"), (rest % 60, "s")]
    return " ".join([f"{number}{unit}" for number, unit in units if number][:2]) or "0s"


def format_duration(length: Duration) -> str:
    """Return a duration as text that can be typed: `30d`, `1d12h`, `90m`."""
    years, months = divmod(length.months, _YEAR)
    days = "".join(f"{number}{unit}" for number, unit in ((years, "y"), (months, "mo"), (length.days, "d")) if number)
    unit = next((unit for unit in "hm" if length.seconds % _SECONDS[unit] == 0), "s")
    return f"{days}{length.seconds // _SECONDS[unit]}{unit}" if length.seconds else days


def clock_changes(start: datetime, zone: ZoneInfo, days: int = 366) -> list[datetime]:
    """Return the midnights of the days, from `start` on, on which the clocks of a zone go forward or back."""
    first = start.astimezone(zone).date()
    most = min(days, (date.max - first).days - 1)  # datetime ends with the year 9999
    dates = [first + timedelta(days=number) for number in range(most + 1)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset() for day in dates]
    changed = [day for day, here, there in zip(dates, offsets, offsets[1:], strict=False) if here != there]
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in changed]
