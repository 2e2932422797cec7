"""Describe a cron expression in English; the text is made from its values, so it always agrees with the fire times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.schedule.cron import Cron

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HOURS, _LONGEST_MONTH = 24, 31
_FEW = 6
"""Up to this many times of day are listed one by one."""
_LISTED = 4
"""Up to this many minutes, hours or days are listed, even if they lie one step apart."""
_ROW = 3
"""So many in a row are written as the first and the last."""


def describe(cron: Cron) -> str:
    """Return text such as `at 09:00 on Mondays` or `every 15 minutes from 08:00 to 17:45, Monday to Friday`."""
    every_hour = len(cron.hours) == _HOURS
    time = _all_day(cron.minutes) if every_hour else _at_hours(cron.minutes, cron.hours)
    days, months = _days(cron), _spans(sorted(cron.months), lambda month: _MONTHS[month - 1])
    if cron.days is not None and cron.weekdays is None and len(cron.days) == len(cron.months) == 1:
        return _joined(time, f"on {min(cron.days)} {months[0]}")
    text = _joined(time, days or ("" if every_hour else "every day"))
    if len(cron.months) == len(_MONTHS):
        return text
    named = f"from {months[0]}" if len(months) == 1 < len(cron.months) else f"in {_list(months)}"
    return f"{named}, {text}" if ", and also" in days else f"{text}, {named}"


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
    if step := _progress(minutes):
        return f"every hour, {_every(step, 'minute')} from minute {minutes[0]} to {minutes[-1]}"
    return f"every hour at minutes {_list(_spans(minutes))}"


def _at_hours(minutes: Sequence[int], hours: Sequence[int]) -> str:
    if len(minutes) * len(hours) <= _FEW:
        return f"at {_list([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    step, first, last = _step(minutes, 60), f"{hours[0]:02}", f"{hours[-1]:02}"
    consecutive = len(hours) == hours[-1] - hours[0] + 1
    if consecutive and (step or len(minutes) == 1):
        often = _every(step, "minute") if step else "every hour"
        return f"{often} from {first}:{minutes[0]:02} to {last}:{minutes[-1]:02}"
    hourly = _progress(hours)
    if len(minutes) == 1 and hourly:
        return f"every {hourly} hours, from {first}:{minutes[0]:02} to {last}:{minutes[0]:02}"
    often = _every(step, "minute") if step else f"at {_plural('minute', minutes)} {_list(_spans(minutes))}"
    if not step and (some := _progress(minutes)):
        often = f"{_every(some, 'minute')} from minute {minutes[0]} to {minutes[-1]}"
    if hourly:
        return f"{often} of every {_ordinal(hourly)} hour from {hours[0]} to {hours[-1]}"
    return f"{often} of the {_plural('hour', hours)} {_list(_spans(hours))}"


def _step(values: Sequence[int], size: int) -> int | None:
    """Return the step of values that divide the field evenly, starting from 0."""
    step = size // len(values)
    return step if len(values) > 1 and list(values) == list(range(0, size, step)) and size % step == 0 else None


def _progress(values: Sequence[int]) -> int | None:
    """Return the step, above 1, of several values that all lie one step apart."""
    step = values[1] - values[0] if len(values) > _LISTED else 0
    return step if step > 1 and list(values) == list(range(values[0], values[-1] + 1, step)) else None


def _spans(values: Sequence[int], show: Callable[[int], str] = str) -> list[str]:
    """Return values as text, three or more in a row as `6 to 22`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [
        text
        for run in runs
        for text in ([f"{show(run[0])} to {show(run[-1])}"] if len(run) >= _ROW else [show(value) for value in run])
    ]


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
    step = _progress(days) if len(days) > _FEW else None
    if step and days[-1] + step > _LONGEST_MONTH:
        return f"every {_ordinal(step)} day from the {_ordinal(days[0])}"
    if step:
        return f"every {_ordinal(step)} day from the {_ordinal(days[0])} to the {_ordinal(days[-1])}"
    return f"the {_list(_spans(days, _ordinal))}"


def _weekdays(weekdays: frozenset[int]) -> str:
    days = sorted(day or 7 for day in weekdays)  # a week begins on Monday
    first = next((day for day in days if (day + 6) % 7 not in weekdays), 1)  # of days in a row, maybe across Sunday
    if len(days) >= _ROW and all((first + number) % 7 in weekdays for number in range(len(days))):
        return f"{_WEEKDAYS[first % 7]} to {_WEEKDAYS[(first + len(days) - 1) % 7]}"
    return f"on {_list([f'{_WEEKDAYS[day % 7]}s' for day in days])}"


def _ordinal(day: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day // 10 != 1 else 0, "th")
    return f"{day}{suffix}"


def _plural(noun: str, values: Sequence[object]) -> str:
    return noun if len(values) == 1 else f"{noun}s"


def _list(values: Sequence[object]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} and {last}" if most else last
