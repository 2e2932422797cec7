"""What fails under stress, as a terminal shows it: the run, the shortest range and the injected faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import failing_runs, time_with_zone, wrap_line
from sbh_jobkit.report.text import compact, count
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.simulation.stress.judgement import Finding
    from sbh_jobkit.simulation.stress.remark import Remark
    from sbh_jobkit.simulation.stress.scenario import Scenario
    from sbh_jobkit.simulation.stress.shrink import Broken
    from sbh_jobkit.simulation.stress.stress import Stress


def lines(stress: Stress, path: str) -> Iterator[str]:
    """Write the failures that were found, and how many scenarios were tried."""
    for note in stress.notes:
        yield f"note: {note}"
    if stress.anyway:
        yield ""
        yield "failures without stress:"
        yield from failing_runs(stress.anyway)
    for broken in stress.broken:
        yield ""
        yield from _broken(broken, path)
    for remark in stress.remarks:
        yield ""
        yield from _remark(remark)
    for finding in stress.findings:
        yield ""
        yield from finding_lines(finding)
    yield ""
    yield _headline(stress)


def finding_lines(finding: Finding) -> Iterator[str]:
    """Write what was lost or doubled, its first example, and the command that repeats it."""
    yield from wrap_line(finding.line)
    content = finding.first.content
    if content and finding.first.kind != "file":
        yield from wrap_line(f"the first: {content if isinstance(content, str) else compact(content)}", "    ")
    if finding.command:
        yield f"    repeat it with: {finding.command}"


def _remark(remark: Remark) -> Iterator[str]:
    yield from wrap_line(remark.line)
    yield from wrap_line(f"try: {remark.observation.advice}", "    ")
    yield f"    repeat it with: {remark.command}"


def _broken(broken: Broken, path: str) -> Iterator[str]:
    scenario = broken.scenario
    yield from failing_runs([broken.run])
    yield f"    smallest case: {_takes(scenario)}"
    for fault in scenario.plan.faults:
        yield f"      {fault}"
    yield f"    repeat it with: {scenario.command(path)}"


def _takes(scenario: Scenario) -> str:
    seconds = scenario.end.timestamp() - scenario.start.timestamp()
    span = f"{times.format_elapsed(seconds)} from {time_with_zone(scenario.start)}"
    faults = scenario.plan.faults
    return f"{span}, with {count(len(faults), 'injected fault')}:" if faults else f"{span}, without injected faults"


def _headline(stress: Stress) -> str:
    tried = count(stress.tried, "scenario")
    if stress.ok:
        names = f": {', '.join(stress.scenarios)}" if stress.scenarios else ""
        return f"no failure under stress in {tried}{names}"
    parts = [f"{count(len(stress.broken), 'failure')} under stress"] if stress.broken else []
    number = sum(each.word in {"lost", "doubled"} for each in stress.findings)
    parts += [f"{_kinds(number)} of effects lost or doubled"] if number else []
    other = len(stress.findings) - number
    parts += [f"{_kinds(other)} of wrong effects"] if other else []
    parts += [count(len(stress.remarks), "observation")] if stress.remarks else []
    parts += [f"{count(len(stress.anyway), 'failure')} without it"] if stress.anyway else []
    return f"{' and '.join(parts)}, in {tried}"


def _kinds(number: int) -> str:
    return f"{number:,} kind{'' if number == 1 else 's'}"
