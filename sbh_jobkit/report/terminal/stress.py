"""What fails under stress, as a terminal shows it: the run, the shortest range and the injected faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import failing_runs, time_with_zone, wrap_line
from sbh_jobkit.report.text import compact, count
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.simulation.compare.judgement import Finding
    from sbh_jobkit.simulation.stress.remark import Remark
    from sbh_jobkit.simulation.stress.scenario import Scenario
    from sbh_jobkit.simulation.stress.shrink import Broken
    from sbh_jobkit.simulation.stress.stress import Stress


def lines(stress: Stress, width: int | None = None) -> Iterator[str]:
    """Write what was tried and the failures that were found, wrapped to the width of the terminal or to `width`."""
    yield f"{stress.name} under stress: {', '.join(stress.kinds)}"
    for note in stress.notes:
        yield f"note: {note}"
    for why in stress.untried:
        yield ""
        yield from wrap_line(f"not tried: {why}", width=width)
    if stress.anyway:
        yield ""
        yield "failures without stress:"
        yield from failing_runs(stress.anyway, width)
    for broken in stress.broken:
        yield ""
        yield from _broken(broken, stress.path, width)
    for remark in stress.remarks:
        yield ""
        yield from _remark(remark, width)
    for finding in stress.findings:
        yield ""
        yield from finding_lines(finding, width)
    yield ""
    yield headline(stress)


def finding_lines(finding: Finding, width: int | None = None) -> Iterator[str]:
    """Write what was lost or doubled, its first example, and the command that repeats it."""
    yield from wrap_line(finding.line, width=width)
    content = finding.first.content
    if content and finding.first.kind != "file":
        yield from wrap_line(f"the first: {content if isinstance(content, str) else compact(content)}", "    ", width)
    if finding.command:
        yield f"    repeat it with: {finding.command}"


def _remark(remark: Remark, width: int | None) -> Iterator[str]:
    yield from wrap_line(remark.line, width=width)
    yield from wrap_line(f"try: {remark.observation.advice}", "    ", width)
    yield f"    repeat it with: {remark.command}"


def _broken(broken: Broken, path: str | None, width: int | None) -> Iterator[str]:
    scenario = broken.scenario
    yield from failing_runs([broken.run], width)
    yield f"    smallest case: {_takes(scenario)}"
    for fault in scenario.plan.faults:
        yield f"      {fault}"
    yield f"    repeat it with: {scenario.command(path)}"


def _takes(scenario: Scenario) -> str:
    seconds = scenario.end.timestamp() - scenario.start.timestamp()
    span = f"{times.format_elapsed(seconds)} from {time_with_zone(scenario.start)}"
    faults = scenario.plan.faults
    return f"{span}, with {count(len(faults), 'injected fault')}:" if faults else f"{span}, without injected faults"


def headline(stress: Stress) -> str:
    """Return one line that sums it up."""
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
    parts += [f"{_kinds(len(stress.untried))} of stress not tried"] if stress.untried else []
    return f"{' and '.join(parts)}, in {tried}"


def _kinds(number: int) -> str:
    return f"{number:,} kind{'' if number == 1 else 's'}"
