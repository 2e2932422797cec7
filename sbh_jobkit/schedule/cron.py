"""Parse cron expressions: each field is checked here, then croniter expands it to its values.

croniter also accepts what a schedule must not contain: six or seven fields, `R`, `L`, ranges that run backwards, and
dates that do not exist. So each expression is checked and rewritten in numbers first.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sbh_jobkit.errors import ScheduleError, did_you_mean
from sbh_jobkit.schedule import dialects

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST = 256
_LEAP_YEAR = 2024
_BY_HAND = "without a schedule a job runs by hand"
_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\w+))?")
_HASHED = re.compile(r"H(?:\(\d+-(?P<high>\d+)\))?(?:/(?P<step>\d+))?", re.IGNORECASE)
_LONG_STEP = 100_000
"""A step from here on is no interval that anybody means."""
_FOREIGN = {"L": "last day", "W": "nearest weekday", "#": "nth weekday", "?": "no value", "H": "hashed", "R": "random"}


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 7, _WEEKDAYS),
)
_SHAPE = "minute hour day-of-month month day-of-week"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The values of each field, sorted; None for a day field that allows every day."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    """Sunday is 0."""
    fixed: bool
    """Whether neither the minute nor the hour begins with `*`: then Debian cron's rules for fixed local times apply."""
    debian_differs: bool
    """Whether Debian cron would require both day fields to match, because one of them begins with `*`."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What steps come to that are longer than their ranges, a sentence each."""

    def matches_day(self, day: int, month: int, weekday: int) -> bool:
        """Whether the job is due on this date: if both day fields restrict it, one match is enough."""
        if month not in self.months:
            return False
        if self.days is None or self.weekdays is None:
            return (self.days is None or day in self.days) and (self.weekdays is None or weekday in self.weekdays)
        return day in self.days or weekday in self.weekdays


def parse(expression: str) -> Cron:
    """Parse five-field cron or a name such as `@daily`; raises ScheduleError, which names the field and the value."""
    try:
        return _parse_fields(expression, tuple(_split(expression)))
    except ScheduleError:
        if isinstance(expression, str) and (why := suggestion(expression)) is not None:
            raise _error(expression, why) from None
        raise


def suggestion(text: str) -> str | None:
    """Return what to write in place of a text that means a schedule without being cron, or None."""
    return dialects.explain(text, _is_cron) if len(text) <= _LONGEST else None


def _is_cron(text: str) -> bool:
    try:
        _parse_fields(text, tuple(_split(text)))
    except ScheduleError:
        return False
    return True


@lru_cache(maxsize=1024)
def _parse_fields(expression: str, texts: tuple[str, ...]) -> Cron:
    """Parse the five fields; cached, because many jobs share the same few expressions."""
    notes: list[str] = []
    try:
        numbers = [_numbers(field, text, notes) for field, text in zip(_FIELDS, texts, strict=True)]
    except ValueError as error:
        raise _error(expression, str(error)) from None
    minutes, hours, days, months, weekdays = _expand(expression, numbers)
    cron = Cron(
        minutes=tuple(range(60)) if minutes is None else tuple(sorted(minutes)),
        hours=tuple(range(24)) if hours is None else tuple(sorted(hours)),
        days=days,
        months=frozenset(range(1, 13)) if months is None else months,
        weekdays=weekdays,
        fixed=not texts[0].startswith("*") and not texts[1].startswith("*"),
        debian_differs=(days is None or weekdays is None) != (texts[2][0] == "*" or texts[4][0] == "*"),
        notes=tuple(notes),
    )
    if cron.days is not None and cron.weekdays is None:
        longest = max(monthrange(_LEAP_YEAR, month)[1] for month in cron.months)
        if min(cron.days) > longest:
            why = f"day {min(cron.days)} does not exist in month {texts[3]}, so it never fires; {_BY_HAND}"
            raise _error(expression, why)
    return cron


def _error(expression: object, why: str) -> ScheduleError:
    shown = repr(expression)
    if len(shown) > _LONGEST:
        shown = f"{shown[:60]}…"
    return ScheduleError(f"schedule {shown} is not cron: {why}")


def _split(expression: str) -> list[str]:
    if not isinstance(expression, str):
        raise _error(expression, f"it is of type {type(expression).__name__}; write text such as '0 2 * * *'")
    if len(expression) > _LONGEST:
        raise _error(expression, f"it is {len(expression)} characters long; use at most {_LONGEST}")
    if not expression.isascii():
        odd = next(character for character in expression if not character.isascii())
        raise _error(expression, f"it contains {odd!r}; use ASCII characters only")
    texts = expression.split()
    if len(texts) == 1 and texts[0].startswith("@"):
        return _named(expression, texts[0].lower()).split()
    if len(texts) in {6, 7}:
        raise _error(expression, f"it has {len(texts)} fields; cron has five, without seconds and years: {_SHAPE}")
    if len(texts) != len(_FIELDS):
        count = f"{len(texts)} field{'' if len(texts) == 1 else 's'}"
        raise _error(expression, f"it has {count}; cron has five: {_SHAPE}")
    return texts


def _named(expression: str, name: str) -> str:
    if name == "@reboot":
        raise _error(expression, "'@reboot' is not a time; use five fields, such as '0 2 * * *'")
    if name not in NAMED:
        hint = did_you_mean(name, NAMED) or f"; use one of {', '.join(NAMED)}"
        raise _error(expression, f"unknown name {name!r}{hint}")
    return NAMED[name]


def _numbers(field: _Field, text: str, notes: list[str]) -> str:
    """Return a field with its names replaced by numbers; raises ValueError if the field is wrong."""
    return ",".join(_part(field, part, notes, alone=part == text) for part in text.split(","))


def _part(field: _Field, part: str, notes: list[str], *, alone: bool) -> str:
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError(
            _foreign(field, part) or f"{field.name} {part!r} is not a value, a range or a step, such as 5, 1-5 or */5"
        )
    low_text, high_text, step_text = match["low"], match["high"], match["step"]
    if low_text.upper() == "H":
        raise ValueError(_foreign(field, part))
    if low_text == "*":
        if high_text is not None or not (alone or step_text):
            msg = f"{field.name} {part!r} uses '*' in a range or a list; write '*' alone for every {field.name}"
            raise ValueError(msg)
        low, high = field.low, _highest(field)
    else:
        low = _value(field, low_text)
        if step_text and not high_text and field.names is _WEEKDAYS:
            days = ",".join(map(str, range(low % 7, 7, _step(field, step_text))))
            msg = f"{field.name} {part!r} is ambiguous: a week ends on 6 or on 7; list the days, such as {days}"
            raise ValueError(msg)
        last = _highest(field) if step_text else low
        high = _value(field, high_text, end=low > 0) if high_text else last
    if low > high:
        ranges = f"{_range(low, _highest(field))},{_range(field.low, high)}"
        msg = f"{field.name} range {low_text}-{high_text} runs backwards; write two ranges: {ranges}"
        raise ValueError(msg)
    base = "*" if low_text == "*" else _range(low, high)  # croniter reads a range such as 5-5 as the whole field
    if not step_text:
        return base
    step = _step(field, step_text)
    if step > high - low:
        if step > 1:
            notes.append(_explain_step(field, step, low, high, star=low_text == "*"))
        return str(low)
    return f"{base}/{step}"


def _range(low: int, high: int) -> str:
    return f"{low}-{high}" if low < high else str(low)


def _explain_step(field: _Field, step: int, low: int, high: int, *, star: bool) -> str:
    """Say what a step comes to that is longer than its range, as Debian cron, croniter and cronsim read it."""
    note = f"{field.name} step {step} is longer than the range {low}-{high}, so only {low} matches"
    size = {"minute": 1, "hour": 60}.get(field.name, 0) if star else 0
    as_meant = step == high + 1  # */60 is hourly, and */24 is daily
    return f"{note}; {dialects.every_minutes(step * size)}" if size and not as_meant and step < _LONG_STEP else note


def _highest(field: _Field) -> int:
    return field.high - 1 if field.names is _WEEKDAYS else field.high  # 7 is Sunday again


def _value(field: _Field, text: str, *, end: bool = False) -> int:
    name = text.upper()
    if name in field.names:
        number = field.names.index(name) + (field.low if field.names is _MONTHS else 0)
        return field.high if end and name == "SUN" else number
    if not text.isdigit():
        is_word = text.isalpha() and (len(text) > 1 if field.names else len(text) > len("LW") and name != "LAST")
        foreign = None if is_word else _foreign(field, text)
        kind = "a number or a name" if field.names else "a number"
        raise ValueError(foreign or f"{field.name} {text!r} is not {kind}{did_you_mean(text, field.names)}")
    if not field.low <= int(text) <= field.high:
        msg = f"{field.name} {text} is outside {field.low}-{field.high}"
        raise ValueError(msg)
    return int(text)


def _foreign(field: _Field, part: str) -> str | None:
    rest = re.sub("|".join(field.names), "", part.upper())  # the W of WED is not the sign W
    sign = next((sign for sign in _FOREIGN if sign in rest), None)
    if sign is None:
        return None
    uses = f"{field.name} {part!r} uses {sign!r} ({_FOREIGN[sign]}), which is not standard cron"
    return f"{uses}; {_instead(field, part, sign)}"


def _instead(field: _Field, part: str, sign: str) -> str:
    """Return what to write in place of a sign of another dialect."""
    kind = "weekday" if field.names is _WEEKDAYS else field.name
    number, _, nth = part.partition("#")
    number = number if nth else number.strip("lLwW")
    match sign, kind:
        case "H", "minute" | "hour":
            return _own_value(field, part)
        case "L", "day-of-month":
            return "write 28-31, and let the job look whether tomorrow is the 1st"
        case "L", "weekday" if number:
            return f"write {number}, and let the job look whether it is another month a week later"
        case "#", "weekday" if nth in {*"12345"} and number:
            return f"write {number}, and let the job look whether the day is {7 * int(nth) - 6} to {7 * int(nth)}"
        case "W", "day-of-month" if number.isdigit() and 1 < int(number) < field.high:
            return f"write {int(number) - 1}-{int(number) + 1}, and let the job look which of them is the weekday"
    return "write *" if sign == "?" else "use numbers"


def _own_value(field: _Field, part: str) -> str:
    found = _HASHED.fullmatch(part)
    what, own = ("a minute", "7") if field.name == "minute" else ("an hour", "3")
    if found and found["step"]:
        own += f"-{found['high'] or field.high}/{found['step']}"
    return f"write {what} of your own, such as {own}"


def _step(field: _Field, text: str) -> int:
    if not text.isdigit() or not int(text):
        msg = f"{field.name} step {text!r} is not a whole number of at least 1"
        raise ValueError(msg)
    return int(text)


def _expand(expression: str, numbers: list[str]) -> list[frozenset[int] | None]:
    from croniter import CroniterBadCronError, croniter

    try:
        expanded, _ = croniter.expand(" ".join(numbers))
    except CroniterBadCronError as error:  # pragma: no cover  the checks above leave nothing that we know of
        raise _error(expression, str(error)) from error
    return [None if values[0] == "*" else frozenset(map(int, values)) for values in expanded]
