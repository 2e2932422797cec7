"""The rule for tests of the clock that no fire time of the schedule can meet."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import jobs
from sbh_jobkit.check.flow.library import NAIVE
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Entry, Used
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield comparisons with parts of the time that have the same result at every fire time."""
    for used in subject.trace.uses:
        if used.value.key in {"hour", "minute", "weekday", "isoweekday", "day", "month"} and used.value.target == NAIVE:
            yield from _test(subject, used)


def _test(subject: Subject, used: Used) -> Iterator[Finding]:
    possible, wanted = _possible(used.entry, used.value.key), _numbers(used.other)
    if possible is None or wanted is None:
        return
    if used.how == "in":
        results = {value in wanted for value in possible}
    elif used.operator in _COMPARE and len(wanted) == 1:
        results = {_COMPARE[used.operator](value, wanted[0]) for value in possible}
    else:
        return
    never = results == {False} and used.operator != "!="
    always = results == {True} and used.operator == "!="
    if never or always:
        what = "never true" if never else "always true"
        shown = ", ".join(map(str, sorted(possible)))
        message = f"this is {what}: by its schedule the job runs at {used.value.key} {shown} only"
        advice = "correct the schedule or the test"
        yield subject.found(used, "unreachable", message, level="warning", advice=advice)


def _numbers(value: Value | None) -> list[int] | None:
    """Return the numbers that a part of the time is compared with, if they are known."""
    if value is None:
        return None
    if isinstance(value.literal, int):
        return [value.literal]
    if value.parts is not None and all(isinstance(each.literal, int) for each in value.parts):
        return [each.literal for each in value.parts]
    return None


def _possible(entry: Entry, key: str) -> set[int] | None:
    """Return the values that a part of the time has at the fire times of a job; None if any can be."""
    if entry.kind != "job" or entry.node is None:
        return None
    expressions = [schedule for _, schedule in jobs(entry.node)]
    if len(expressions) != 1 or expressions[0] is None:
        return None
    try:
        cron = Schedule(expressions[0]).cron
    except JobkitError:
        return None
    either = cron.days is not None and cron.weekdays is not None
    weekdays = None if either or cron.weekdays is None else {*cron.weekdays}
    found = {
        "hour": {*cron.hours},
        "minute": {*cron.minutes},
        "month": {*cron.months},
        "day": None if either or cron.days is None else {*cron.days},
        "weekday": None if weekdays is None else {(day - 1) % 7 for day in weekdays},
        "isoweekday": None if weekdays is None else {day or 7 for day in weekdays},
    }
    return found[key]
