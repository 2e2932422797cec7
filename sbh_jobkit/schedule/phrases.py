"""Schedules in words, such as `every monday at 9`, and the cron that says the same."""

from __future__ import annotations

import re

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_GROUPS = {"day": "*", "weekday": "1-5", "workday": "1-5", "working day": "1-5", "weekend": "0,6"}
_DAY = (
    r"(?:(sun|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?)(?:day)?s?|(day|weekday|workday|working day|weekend)s?)"
)
_TIME = r"(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm)?|(?:at\s+)?(noon|midnight)"
_ON_DAYS = re.compile(rf"(?:run\s+)?(?:every\s+|on\s+|each\s+)?{_DAY}(?:\s+(?:{_TIME}))?", re.IGNORECASE)
_OFTEN = {"daily": "* * *", "nightly": "* * *", "weekly": "* * 0", "monthly": "1 * *", "quarterly": "1 */3 *"}
_OFTEN |= {"yearly": "1 1 *", "annually": "1 1 *"}
_AT = re.compile(
    rf"@?(?:({'|'.join(_OFTEN)})(?:\s+|$))?(?:(?:every\s+)?(?:{_TIME}))?(?:\s+(?:daily|every\s*day))?", re.IGNORECASE
)
_HOURLY = re.compile(r"(?:hourly|every\s+hour)\s+at\s+:?(\d{1,2})", re.IGNORECASE)
_NEVER = {"never", "manual", "manually", "by hand", "none", "off", "disabled", "no", "false", "null", "-", "on demand"}
_MIDNIGHT, _NOON = 0, 12
_HOURS, _MINUTES = 24, 60


def explain_phrase(text: str) -> str | None:
    """Return the cron that was meant by words, as the end of an error message; None for other texts."""
    words = " ".join(text.split()).casefold()
    if words in _NEVER:
        return "a job that only a person starts has no schedule: leave it out"
    if (found := _HOURLY.fullmatch(words)) and int(found[1]) < _MINUTES:
        return f"did you mean '{int(found[1])} * * * *'?"
    if (found := _AT.fullmatch(words)) and any(found.group(1, 3, 4, 5)) and (clock := _clock(*found.groups()[1:])):
        return f"did you mean '{clock[1]} {clock[0]} {_OFTEN[found[1] or 'daily']}'?"
    found = _ON_DAYS.fullmatch(words)
    clock = _clock(*found.groups()[2:]) if found is not None else None
    if found is None or clock is None:
        return None
    hour, minute = clock
    day = str(_DAYS.index(found[1][:3])) if found[1] else _GROUPS[found[2]]
    return f"did you mean '{minute} {hour} * * {day}'?"


def _clock(hour: str | None, minute: str | None, half: str | None, named: str | None) -> tuple[int, int] | None:
    """Return hour and minute, midnight if nothing is said; None for a time that no clock shows."""
    if named is not None:
        return _NOON if named == "noon" else _MIDNIGHT, 0
    whole = int(hour or 0)
    if half is not None:
        whole = whole % _NOON + _NOON * (half == "pm") if 1 <= whole <= _NOON else _HOURS
    return (whole, int(minute or 0)) if whole < _HOURS and int(minute or 0) < _MINUTES else None
