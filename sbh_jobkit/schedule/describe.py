"""Describe a cron expression in English; the text is made from its values, so it always agrees with the fire times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.schedule.cron import Cron

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HOURS, _LONGEST_MONTH = 24, 31
_FEW = 6
"""Up to this many times of day are listed one by one."""


def describe(cron: Cron) -> str:
    """Return text such as `at 09:00 on Mondays` or `every 15 minutes from 08:00 to 17:45, Monday to Friday`."""
    every_hour = len(cron.hours) == _HOURS
    time = _all_day(cron.minutes) if every_hour else _at_hours(cron.minutes, cron.hours)
    days, months = _days(cron), [_MONTHS[month - 1] for month in sorted(cron.months)]
    if cron.days is not None and cron.weekdays is None and len(cron.days) == len(months) == 1:
        return _joined(time, f"on {min(cron.days)} {months[0]}")
    text = _joined(time, days or ("" if every_hour else "every day"))
    if len(months) == len(_MONTHS):
        return text
    return f"in {_list(months)}, {text}" if ", and also" in days else f"{text}, in {_list(months)}"


def _joined(time: str, days: str) -> str:
    if not days:
        return time
    no_comma = "," not in time and days.startswith(("on ", "every "))
    return f"{time}{' ' if no_comma else ', '}{days}"


def _all_day(minutes: Sequence[int]) -> str:
    step = _step(minutes, 60)
    if step:
        return _every(step, "minute")
    if len(minutes) == 1:
        return f"every hour at minute {minutes[0]}" if minutes[0] else "every hour, on the hour"
    return f"every hour at minutes {_list(minutes)}"


def _at_hours(minutes: Sequence[int], hours: Sequence[int]) -> str:
    if len(minutes) * len(hours) <= _FEW:
        return f"at {_list([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    step, first, last = _step(minutes, 60), f"{hours[0]:02}", f"{hours[-1]:02}"
    consecutive = len(hours) == hours[-1] - hours[0] + 1
    if consecutive and (step or len(minutes) == 1):
        often = _every(step, "minute") if step else "every hour"
        return f"{often} from {first}:{minutes[0]:02} to {last}:{minutes[-1]:02}"
    if len(minutes) == 1 and (hourly := _step(hours, _HOURS)):
        return f"every {hourly} hours, from 00:{minutes[0]:02} to {last}:{minutes[0]:02}"
    often = _every(step, "minute") if step else f"at {_plural('minute', minutes)} {_list(minutes)}"
    return f"{often} of the {_plural('hour', hours)} {_list(hours)}"


def _step(values: Sequence[int], size: int) -> int | None:
    """Return the step of values that divide the field evenly, starting from 0."""
    step = size // len(values)
    return step if len(values) > 1 and list(values) == list(range(0, size, step)) and size % step == 0 else None


def _every(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _days(cron: Cron) -> str:
    if cron.days is not None and cron.weekdays is not None:
        if len(cron.days) == _LONGEST_MONTH or len(cron.weekdays) == len(_WEEKDAYS):
            return "every day"  # one match is enough, and one of the two always matches
        return f"on {_month_days(sorted(cron.days))} of the month, and also {_weekdays(cron.weekdays)}"
    if cron.days is not None:
        return f"on {_month_days(sorted(cron.days))} of the month"
    return _weekdays(cron.weekdays) if cron.weekdays is not None else ""


def _month_days(days: Sequence[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] + 1 == len(days):  # noqa: PLR2004  three days or more in a row
        return f"the {_ordinal(days[0])} to {_ordinal(days[-1])}"
    step = days[1] - days[0] if len(days) > _FEW else 0
    if step and list(days) == list(range(days[0], _LONGEST_MONTH + 1, step)):
        return f"every {_ordinal(step)} day from the {_ordinal(days[0])}"
    return f"the {_list([_ordinal(day) for day in days])}"


def _weekdays(weekdays: frozenset[int]) -> str:
    days = sorted(day or 7 for day in weekdays)  # a week begins on Monday
    if len(days) > 2 and days[-1] - days[0] + 1 == len(days):  # noqa: PLR2004  three days or more in a row
        return f"{_WEEKDAYS[days[0] % 7]} to {_WEEKDAYS[days[-1] % 7]}"
    return f"on {_list([f'{_WEEKDAYS[day % 7]}s' for day in days])}"


def _ordinal(day: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day // 10 != 1 else 0, "th")
    return f"{day}{suffix}"


def _plural(noun: str, values: Sequence[object]) -> str:
    return noun if len(values) == 1 else f"{noun}s"


def _list(values: Sequence[object]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} and {last}" if most else last
