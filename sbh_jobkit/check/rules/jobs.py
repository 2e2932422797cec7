"""Rules about jobs as they are declared: their names and their schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import argument, decorators, jobs, text
from sbh_jobkit.check.walk import Function, functions
from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.source import Source


def findings(source: Source) -> Iterator[Finding]:
    """Yield schedules that are not cron, and jobs with the name of another one."""
    first: dict[str, str] = {}
    for file, tree in source.modules.values():
        for function in functions(tree):
            yield from _schedules(source, file, function)
        for statement in tree.body:
            if isinstance(statement, Function):
                yield from _names(source, file, statement, first)


def _schedules(source: Source, file: str, function: Function) -> Iterator[Finding]:
    for kind, call in decorators(function):
        node = argument(call, 1, "schedule")
        schedule, name = text(node), text(argument(call, 0, "name"))
        if kind == "job" and node is not None and schedule is not None:
            try:
                Schedule(schedule)
            except ScheduleError as error:
                message = f"job {name!r}: {error}" if name else str(error)
                yield source.found(file, node, "schedule", message)


def _names(source: Source, file: str, function: Function, first: dict[str, str]) -> Iterator[Finding]:
    for name, _ in jobs(function):
        call = next(call for kind, call in decorators(function) if kind == "job")
        here = f"{file}:{call.lineno}"
        if name is not None and first.setdefault(name, here) != here:
            message = f"job {name!r} is already defined at {first[name]}; rename one"
            yield source.found(file, argument(call, 0, "name") or call, "job-twice", message)
