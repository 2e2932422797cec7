"""Runs, simulations and fire times as plain text that fits into 80 columns."""

from __future__ import annotations

import json
from collections import Counter
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin import divergences
from sbh_jobkit.report.text import count, distance, format_duration
from sbh_jobkit.run.run import jsonable
from sbh_jobkit.run.tally import group_exceptions, group_failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from rich.table import Table

    from sbh_jobkit.run.run import Fault, Fire, HttpCall, Run
    from sbh_jobkit.run.tally import FailureGroup
    from sbh_jobkit.simulation.installed import InstalledJob

_FAILURES_A_JOB = 3
_OUTPUT_LINES = 20
"""How many lines of a failing run's output are shown, from its end."""
_LONGEST_LINE = 200
_MOST_ROWS = 40
"""So many requests, events, prompts or files of one run are listed."""
_ADVICE = "  try: "
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}
"""Control characters that a job prints are shown as signs, so that they do not act on the terminal."""


def time_with_zone(at: datetime) -> str:
    """Write a time with its weekday and zone, such as `Mon 2026-01-05 09:00 CET`."""
    return f"{at:%a %Y-%m-%d %H:%M %Z}"


def summary_table(jobs: Sequence[InstalledJob]) -> Table:
    """Return the counts of each job, as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("job", overflow="fold")
    table.add_column("schedule", overflow="fold")
    for name in ("runs", "failed", "expected", "http", "emits"):
        table.add_column(name, justify="right")
    for job in jobs:
        style = "red" if job.tally.failures else "green" if job.tally.runs else "dim"
        numbers = (job.tally.runs, job.tally.failures, job.tally.expected, job.tally.http_calls, job.tally.emits)
        table.add_row(Text(job.name, style), Text(job.schedule or "manual"), *(f"{number:,}" for number in numbers))
    return table


def failing_runs(runs: Sequence[Run], width: int | None = None) -> Iterator[str]:
    """Write the first groups of failing runs of each job, and how many more there are.

    Lines are wrapped to the width of the terminal, or to `width`.
    """
    groups = group_failures(runs)
    shown, rest = Counter[str](), Counter[str]()
    for group in groups:
        rest[group.first.job] += group.count
    for group in groups:
        job = group.first.job
        if shown[job] == _FAILURES_A_JOB:
            continue
        shown[job] += 1
        rest[job] -= group.count
        yield from group_lines(group, job, width)
        if shown[job] == _FAILURES_A_JOB and rest[job]:
            yield f"    … and {count(rest[job], 'more failing run')} of {job}"


def group_lines(group: FailureGroup, name: str, width: int | None = None) -> Iterator[str]:
    """Write the first run of a group, and how many more failed like it."""
    yield from failure_lines(group.first, name, width)
    if group.count > 1:
        where = f" at {count(group.tenants, 'tenant')}" if group.tenants > 1 else ""
        yield f"    … and {group.count - 1:,} more like it{where}, the last on {time_with_zone(group.last)}"


def failure_lines(run: Run, name: str, width: int | None = None) -> Iterator[str]:
    """Write when a run failed, the name of its job, and why."""
    yield f"{time_with_zone(run.fire_time)}  {name}  {run.verdict.replace('_', ' ')}"
    yield from _indented(_why(run), "    ", width)


def host_differences(runs: Sequence[Run]) -> Iterator[str]:
    """Write each difference of today's host that affected runs, with the number of runs and their jobs."""
    known = divergences.table()
    affected: dict[str, list[Run]] = {id_: [] for id_ in known}
    for run in runs:
        for id_ in known.keys() & {fault.kind for fault in run.faults if not fault.allowed}:
            affected[id_].append(run)
    lines = [
        f"{id_:<3}  {count(len(members), 'run')} of {', '.join(dict.fromkeys(run.job for run in members))}"
        for id_, members in affected.items()
        if members
    ]
    if lines:
        yield ""
        yield "where today's host differs:"
    for line in lines:
        yield from wrap_line(line, "  ")


def failing_run_lines(run: Run) -> Iterator[str]:
    """Write one failing run of a job: when, how it ended, why, and what it printed."""
    yield f"{time_with_zone(run.fire_time)}  {run.verdict.replace('_', ' ')}"
    yield from _indented(_why(run), "    ")
    for name, text in (("output", run.stdout), ("stderr", run.stderr), ("log", "\n".join(run.logs))):
        yield from (f"  {line}" for line in _block(name, _last_lines(text)))


def _last_lines(text: str) -> str:
    lines = text.rstrip("\n").splitlines()
    if len(lines) <= _OUTPUT_LINES:
        return text
    return "\n".join([f"… {count(len(lines) - _OUTPUT_LINES, 'line')} before", *lines[-_OUTPUT_LINES:]])


def _indented(lines: Iterable[str], margin: str, width: int | None = None) -> Iterator[str]:
    for line in lines:
        yield from wrap_line(line, margin, width)


def wrap_line(line: str, margin: str = "", width: int | None = None) -> list[str]:
    """Wrap a line to a width, by default the terminal's; a line of advice is not wrapped, so that it can be pasted."""
    if line.startswith(_ADVICE):
        return [f"{margin}{line}"]
    return wrap(
        line,
        width or get_terminal_size().columns,
        initial_indent=margin,
        subsequent_indent=f"{margin}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def expected_runs(runs: Sequence[Run]) -> Iterator[str]:
    """Write how many runs failed as expected, and why."""
    for group in group_exceptions(runs):
        if group.verdict == "expected":
            yield f"{count(len(group.runs), 'run')} of {group.job} failed as expected: {group.reason}"


def _why(run: Run) -> Iterator[str]:
    if run.verdict == "unexpected_ok":
        yield f"it was expected to fail ({run.expected}), and did not"
    if run.reason:
        yield run.reason
    raised = _raised_fault(run)
    if run.error:
        place = f"{run.error.place}: " if run.error.place else ""
        yield f"{place}{run.error.line}{f' [{raised.kind}]' if raised else ''}"
        if raised and raised.advice:
            yield f"{_ADVICE}{raised.advice}"
    if run.injected_faults:
        yield f"injected faults: {'; '.join(run.injected_faults)}"
    for fault in run.faults:
        if not fault.allowed and fault is not raised:
            yield fault.line
            if fault.advice:
                yield f"{_ADVICE}{fault.advice}"


def _raised_fault(run: Run) -> Fault | None:
    """Return the fault that is the same as the run's error, such as a missing table, so that it is shown once."""
    error = run.error
    if error is None:
        return None
    same = (fault for fault in run.faults if (fault.message, fault.place) == (error.message, error.place))
    return next((fault for fault in same if not fault.allowed), None)


def run_lines(run: Run, width: int | None = None, *, bodies: bool = False) -> Iterator[str]:
    """Write everything about one run; with `bodies` also what its requests sent."""
    verdict = run.verdict.replace("_", " ")
    yield f"{run.job}  {time_with_zone(run.fire_time)}  {verdict}  took {format_duration(run.duration)}"
    yield from _indented(_why(run), "  ", width)
    if run.expected is not None and run.verdict == "expected":
        yield f"  expected: {run.expected}"
    if run.error and run.error.traceback:
        yield from _block("traceback", run.error.traceback)
    yield from (f"  note: {fault.message}" for fault in run.faults if fault.kind == "hook-not-called")
    if run.value is not None:
        yield f"  value: {_short(run.value)}"
    yield from _block("output", run.stdout)
    yield from _block("stderr", run.stderr)
    yield from _block("log", "\n".join(run.logs))
    yield from _counted(f"emit: {event.type} {_short(event.payload)}" for event in run.events)
    yield from http_lines(run.http_calls, bodies=bodies)
    yield from _counted(f"llm: {_short(each.prompt)} ({count(each.tokens, 'token')})" for each in run.llm_calls)
    yield from _counted(f"file: {each.action} {each.key} ({count(each.size, 'byte')})" for each in run.files)
    yield from _counted(f"secret: set {name}" for name in run.secrets_set)


def http_lines(calls: Iterable[HttpCall], *, bodies: bool = False) -> Iterator[str]:
    """Write requests, those to the same address with the same answer in one line, with what they sent if asked for."""
    groups: dict[str, list[HttpCall]] = {}
    for call in calls:
        groups.setdefault(f"http: {call.method} {call.url} {call.status or 'no answer'}", []).append(call)
    shown = list(groups.items()) if bodies else list(groups.items())[:_MOST_ROWS]
    for line, same in shown:
        yield f"  {line}{_times(len(same))}"
        if bodies:
            yield from _sent_lines(same)
    yield from _left(sum(map(len, groups.values())) - sum(len(same) for _, same in shown))


def _sent_lines(calls: Iterable[HttpCall]) -> Iterator[str]:
    for call in calls:
        yield from (f"    {name}: {value}" for name, value in call.headers.items())
        yield from (f"    {line}" for line in call.body.translate(_CONTROLS).splitlines())


def _counted(lines: Iterable[str]) -> Iterator[str]:
    """Write equal lines once, with their number, and not too many lines."""
    rows = list(Counter(lines).items())
    yield from (f"  {line}{_times(number)}" for line, number in rows[:_MOST_ROWS])
    yield from _left(sum(number for _, number in rows[_MOST_ROWS:]))


def _left(number: int) -> Iterator[str]:
    if number:
        yield f"  … and {number:,} more"


def _times(number: int) -> str:
    return f" ({number:,} times)" if number > 1 else ""


def _block(name: str, text: str) -> Iterator[str]:
    if text.strip():
        yield f"  {name}:"
        yield from (f"    {line}" for line in text.translate(_CONTROLS).rstrip("\n").splitlines())


def _short(value: Any) -> str:
    text = json.dumps(jsonable(value), ensure_ascii=False)
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"


def fire_lines(fires: Sequence[Fire], now: datetime, *, with_jobs: bool) -> Iterator[str]:
    """Write fire times, one a line: weekday, time, distance from now, job, and a note about clock changes."""
    rows = [(time_with_zone(fire.at), distance(fire.at, now)) for fire in fires]
    left, right = (max((len(row[side]) for row in rows), default=0) for side in (0, 1))
    for fire, (at, ahead) in zip(fires, rows, strict=True):
        job = f"  {fire.job}" if with_jobs else ""
        note = f"  ({fire.note})" if fire.note else ""
        yield f"{at:<{left}}  {ahead:>{right}}{job}{note}"
