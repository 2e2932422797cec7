"""Instants, durations and zones as users type them.

A naive time is wall-clock time in the zone in force. Days and weeks of a duration are calendar days of
that zone, so that `30d` from a midnight ends at a midnight also across a clock change; hours and smaller
units are elapsed time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sbh_jobkit.errors import TimeFormatError, did_you_mean

START = "2026-01-01T00:00"
"""Where a simulation starts unless told otherwise: fixed, so that a month is repeatable."""

_PART = re.compile(r"(\d+)\s*([wdhms])", re.IGNORECASE)
_ISO_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@cache
def zone(name: str | tzinfo) -> ZoneInfo:
    """Find a time zone by its IANA name; raises TimeFormatError with the nearest name."""
    if isinstance(name, ZoneInfo):
        return name
    if name is UTC:
        return ZoneInfo("UTC")
    if not isinstance(name, str):
        msg = f"{name!r} is no time zone with rules; use a name such as 'UTC' or 'Europe/Paris'"
        raise TimeFormatError(msg)
    if name not in available_timezones():
        hint = did_you_mean(name, available_timezones()) or "; use a name such as 'UTC' or 'Europe/Paris'"
        msg = f"unknown time zone {name!r}{hint}"
        raise TimeFormatError(msg)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"time zone {name!r} has no usable data on this machine ({error}); install the package 'tzdata'"
        raise TimeFormatError(msg) from error


def instant(value: str | date | datetime, tz: tzinfo) -> datetime:
    """Read an ISO 8601 time (or a date: its midnight) as an aware datetime in `tz`."""
    parsed = _parse(value)
    if parsed.tzinfo is not None:
        return parsed.astimezone(tz)
    local = parsed.replace(tzinfo=tz)
    there_and_back = local.astimezone(UTC).astimezone(tz)
    if there_and_back.replace(tzinfo=None, fold=0) != parsed.replace(fold=0):
        msg = (
            f"{parsed.isoformat()} does not exist in {tz}: clocks skip it; "
            f"use {there_and_back.replace(tzinfo=None).isoformat()} or give an offset"
        )
        raise TimeFormatError(msg)
    return local


def _parse(value: str | date | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  the zone is the caller's next step
    try:
        return datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        msg = f"{value!r} is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
        raise TimeFormatError(msg) from None


def duration(value: str | timedelta) -> timedelta:
    """Read a duration such as `30d`, `12h`, `90m`, `2w`, `1d12h` or ISO 8601's `P30D`; it must be positive."""
    length = value if isinstance(value, timedelta) else _length(value)
    if length <= timedelta(0):
        msg = f"{value!r} is not a duration: it must be longer than nothing, such as '30d'"
        raise TimeFormatError(msg)
    return length


def _length(text: str) -> timedelta:
    compact = text.strip()
    try:
        if _PART.sub("", compact).strip() == "" and compact:
            return sum(
                (timedelta(**{_UNITS[unit.lower()]: int(number)}) for number, unit in _PART.findall(compact)),
                timedelta(0),
            )
        iso = _ISO_DURATION.fullmatch(compact)
        if iso and any(iso.groups()):
            numbers = (int(group or 0) for group in iso.groups())
            return timedelta(**dict(zip(_UNITS.values(), numbers, strict=True)))
    except OverflowError:
        msg = f"the duration {text!r} is too long"
        raise TimeFormatError(msg) from None
    msg = f"{text!r} is not a duration; use a number and a unit (w, d, h, m, s), such as '30d' or '12h'"
    raise TimeFormatError(msg)


def after(start: datetime, length: timedelta) -> datetime:
    """Add a duration to an aware time: whole days by the calendar of its zone, the rest as elapsed time."""
    try:
        by_calendar = start + timedelta(days=length.days)
        elapsed = length - timedelta(days=length.days)
        return (by_calendar.astimezone(UTC) + elapsed).astimezone(start.tzinfo)
    except OverflowError:
        msg = f"{length.days} days after {start.isoformat()} is beyond the calendar; use a shorter duration"
        raise TimeFormatError(msg) from None


def spoken(length: timedelta) -> str:
    """Write a duration in its shortest typed form, `90m` for an hour and a half."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
