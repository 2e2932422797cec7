"""Rules for schedules that are valid, and yet may not mean what their author thinks."""

from __future__ import annotations

import ast
import re
from collections import Counter
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sbh_jobkit import clock
from sbh_jobkit.check.decorators import argument, decorators, text
from sbh_jobkit.check.walk import functions
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.subject import Subject
    from sbh_jobkit.check.walk import Function

_AHEAD = timedelta(days=730)
_MOST_A_DAY = 4
_TIME = re.compile(
    r"\bat (\d{1,2})(?::(\d\d))?\s*(am|pm)?\b(?!\s*(?:%|percent|times|items|rows|seconds|minutes))", re.IGNORECASE
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_NOON, _HOURS, _MINUTES = 12, 24, 60
_DAY = _HOURS * _MINUTES
_MONTHS = range(1, 13)
_LAST_DAYS = {29, 30, 31}


class _Job:
    """A job with a schedule, and where it says so."""

    def __init__(self, file: str, function: Function, node: ast.expr, name: str, schedule: Schedule) -> None:
        self.file, self.function, self.node, self.name, self.schedule = file, function, node, name, schedule


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield schedules with surprises."""
    jobs = [*_jobs(subject)]
    for job in jobs:
        found = [*_clock_changes(job), *_uneven(job), *_either_day(job), *_other_words(job)]
        for rule, message, advice in [*found, *_often(job, subject.settings.time_limit)]:
            yield subject.source.found(job.file, job.node, rule, message, level="warning", advice=advice)
    yield from _crowds(subject, jobs)


def _jobs(subject: Subject) -> Iterator[_Job]:
    found = subject.source.manifest
    listed = {each.name: each for each in (found.jobs or ())} if found is not None else {}
    for file, tree in subject.source.modules.values():
        for function in functions(tree):
            for kind, call in decorators(function):
                node, name = argument(call, 1, "schedule"), text(argument(call, 0, "name")) or ""
                expression = text(node)
                if kind != "job" or node is None or expression is None:
                    continue
                entry = listed.get(name)
                zone = (entry.timezone if entry else None) or (found.timezone if found else None) or "UTC"
                try:
                    yield _Job(file, function, node, name, Schedule(expression, zone))
                except JobkitError:
                    continue  # another rule speaks of it


def _clock_changes(job: _Job) -> Iterator[tuple[str, str, str]]:
    cron = job.schedule.cron
    if f"{job.schedule.tz}" == "UTC" or not cron.fixed or len(cron.hours) * len(cron.minutes) > _MOST_A_DAY:
        return
    start = clock.now(UTC)
    notes = [note for at in job.schedule.fires(start, start + _AHEAD) if (note := job.schedule.note(at)) is not None]
    if notes:
        more = f", and {len(notes) - 1} more like it in two years" if len(notes) > 1 else ""
        yield "schedule-clock", f"{notes[0]}{more}", "choose an hour that clocks do not skip or repeat, such as 05:00"


def _uneven(job: _Job) -> Iterator[tuple[str, str, str]]:
    """Find steps that do not divide the hour or the day, and days that not every month has."""
    minute, hour, day, *_ = [*job.schedule.expression.split(), "", "", ""]
    for field, size, unit in ((minute, _MINUTES, "minute"), (hour, _HOURS, "hour")):
        step = field.removeprefix("*/")
        if field.startswith("*/") and step.isdecimal() and 0 < int(step) < size and size % int(step):
            last = (size - 1) // int(step) * int(step)
            rest = f"after {unit} {last} comes {unit} 0, {size - last} {unit}s later"
            message = f"{field!r} is not every {step} {unit}s: {rest}"
            yield "schedule-uneven", message, f"use a step that divides {size}"
    cron = job.schedule.cron
    if cron.days is not None and cron.weekdays is None and {*cron.days} <= _LAST_DAYS and day.isdecimal():
        short = {29: "in most years February", 30: "February", 31: "five months"}[min(cron.days)]
        if len(cron.months) > 1:
            message = f"{short} {'have' if min(cron.days) == 31 else 'has'} no day {day}, so the job does not run then"  # noqa: PLR2004  the last day
            yield "schedule-uneven", message, "use day 1, or run on days 28-31 and test for the last one"


def _either_day(job: _Job) -> Iterator[tuple[str, str, str]]:
    cron = job.schedule.cron
    if cron.days is not None and cron.weekdays is not None:
        message = f"day of month or day of week, either is enough: {job.schedule.describe()}"
        yield "schedule-either", message, "restrict one of the two, and test for the other in the job"


def _often(job: _Job, limit: float) -> Iterator[tuple[str, str, str]]:
    """Find a job that is due again while a run that takes all its time still goes on."""
    cron = job.schedule.cron
    minutes = sorted(hour * _MINUTES + minute for hour in {*cron.hours} for minute in {*cron.minutes})
    days = 1 if len(cron.months) < len(_MONTHS) or cron.days or cron.weekdays else 2  # else midnight is no end
    gaps = [later - earlier for earlier, later in pairwise([*minutes, *(each + _DAY for each in minutes * (days - 1))])]
    shortest = min(gaps, default=_DAY) * _MINUTES
    if shortest < limit:
        message = f"the job is due again after {shortest:g} s, and a run may take {limit:g} s, so runs can meet"
        advice = "run it less often, or have a run do less and lower its time limit"
        yield "schedule-often", message, advice


def _other_words(job: _Job) -> Iterator[tuple[str, str, str]]:
    """Find a docstring or a name that tells another time or day than the schedule."""
    said = ast.get_docstring(job.function) or ""
    first = said.partition("\n\n")[0]
    cron = job.schedule.cron
    for match in _TIME.finditer(first):
        hour, minute = int(match[1]), int(match[2] or 0)
        half = (match[3] or "").lower()
        if not (match[2] or half) or hour >= _HOURS:
            continue
        hour = hour % _NOON + (_NOON if half == "pm" else 0) if half else hour
        if hour not in cron.hours or minute not in cron.minutes:
            message = f"the docstring says {match[0]!r}, but the schedule is {job.schedule.describe()}"
            yield "schedule-words", message, "correct one of them"
    days = [number for number, day in enumerate(_DAYS) if re.search(rf"\bevery {day}\b", first, re.IGNORECASE)]
    if days and cron.days is None and (cron.weekdays is None or not {*days} <= {*cron.weekdays}):
        message = (
            f"the docstring says every {_DAYS[days[0]].capitalize()}, but the schedule is {job.schedule.describe()}"
        )
        yield "schedule-words", message, "correct one of them"


def _crowds(subject: Subject, jobs: list[_Job]) -> Iterator[Finding]:
    """Find minutes of the day in which many jobs of the plugin are due."""
    daily = [job for job in jobs if job.schedule.cron.days is None and job.schedule.cron.weekdays is None]
    due = Counter(
        (hour, minute) for job in daily for hour in job.schedule.cron.hours for minute in job.schedule.cron.minutes
    )
    ((worst, number),) = due.most_common(1) or [((0, 0), 0)]
    if number < subject.settings.crowd:
        return
    together = [job for job in daily if worst[0] in job.schedule.cron.hours and worst[1] in job.schedule.cron.minutes]
    message = f"{number} jobs are due at {worst[0]:02}:{worst[1]:02}: {', '.join(job.name for job in together)}"
    last = together[-1]
    advice = "spread them over some minutes"
    yield subject.source.found(last.file, last.node, "schedule-crowded", message, level="warning", advice=advice)
