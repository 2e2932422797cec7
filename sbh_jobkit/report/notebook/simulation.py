"""A simulation, as a notebook shows it: a timeline, a table by job, and each kind of failure once."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.headline import simulation_headline, title
from sbh_jobkit.report.html.failures import choose_runs
from sbh_jobkit.report.idempotency import repeat_lines
from sbh_jobkit.report.notebook import effects as _effects
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook.timeline import tracks_drawing
from sbh_jobkit.report.template import render
from sbh_jobkit.report.terminal.injected import injected_lines
from sbh_jobkit.report.terminal.observations import observation_lines
from sbh_jobkit.report.terminal.runs import expected_runs, failing_runs, summary_table, wrap_line
from sbh_jobkit.report.terminal.runs import time_with_zone as with_zone
from sbh_jobkit.report.unreached import unreached_lines
from sbh_jobkit.run.tally import group_exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.installed import InstalledJob
    from sbh_jobkit.simulation.result import Simulation

_MOST_FAILURES = 20


def text(simulation: Simulation) -> str:
    """Sum it up by job, for a terminal."""
    from rich.console import Console

    out = StringIO()
    console = Console(file=out, width=_run.WIDTH, color_system=None, highlight=False, force_jupyter=False)
    console.print(summary_table(_jobs(simulation)))
    table = [line.rstrip() for line in out.getvalue().splitlines()]
    more = [*expected_runs(simulation.runs), *failing_runs(simulation.failures, _run.WIDTH)]
    paragraphs = [more, *(lines for _, lines in _besides(simulation))]
    paragraphs.append([*observation_lines(simulation.observations, _run.WIDTH)])
    more = "\n\n".join("\n".join(each) for each in paragraphs if each).splitlines()
    heading, ending = f"{title(simulation)}: {_range(simulation)}", simulation_headline(simulation)
    return "\n".join([heading, "", *table, "", *more, *([""] if more else []), ending])


def html(simulation: Simulation) -> str:
    """Return a drawing of it, its jobs, and each kind of failure once."""
    runs, axis = simulation.runs, Axis(simulation.start, simulation.end)
    jobs = _jobs(simulation)
    groups = [group for _, group in simulation.failure_groups]
    return render(
        "simulation_card",
        verdict=simulation_headline(simulation),
        ok=simulation.verdict.ok,
        title=title(simulation),
        span=_range(simulation),
        timeline=tracks_drawing(jobs, runs, axis, choose_runs(jobs, runs).shown),
        jobs=jobs,
        expected=list(expected_runs(runs)),
        besides=[(heading, "\n".join(lines)) for heading, lines in _besides(simulation)],
        observations=[f"{each.line}: {each.advice}" for each in simulation.observations],
        unstarted=list(_unstarted(runs)),
        failures=[
            {"run": _run.RunCard.from_run(group.first), "count": group.count, "last": group.last}
            for group in groups[:_MOST_FAILURES]
        ],
        more_failures=len(groups) - _MOST_FAILURES,
    )


def findings(simulation: Simulation) -> str:
    """Return what else is wrong, the observations, and what all runs did, each folded."""
    return render(
        "simulation_findings",
        besides=[(heading, "\n".join(lines)) for heading, lines in _besides(simulation)],
        observations=[f"{each.line}: {each.advice}" for each in simulation.observations],
        number=len(simulation.effects),
        effects=_effects.html(simulation.effects),
    )


def _besides(simulation: Simulation) -> Iterator[tuple[str, list[str]]]:
    """Yield what else is wrong or was asked for, each with a heading and its lines."""
    verdict, lines = simulation.verdict, simulation.unreached_lines if simulation.conditions.unreached else None
    over = [line for each in verdict.exceeded for line in wrap_line(f"over budget: {each}", width=_run.WIDTH)]
    found = {
        "over budget": over,
        "injected faults": injected_lines(simulation.runs, verdict.lost, _run.WIDTH),
        "second runs": repeat_lines(simulation.runs, _run.WIDTH),
        "lines never reached": unreached_lines(lines, whole=True, width=_run.WIDTH) if lines is not None else (),
    }
    for heading, each in found.items():
        if listed := list(each):
            yield heading, listed


def _jobs(simulation: Simulation) -> tuple[InstalledJob, ...]:
    (plugin,) = simulation.plugins.values()
    return plugin.jobs


def _range(simulation: Simulation) -> str:
    return f"{with_zone(simulation.start)} to {with_zone(simulation.end)}"


def _unstarted(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Yield the runs that a policy kept from starting, by job and verdict."""
    for group in group_exceptions(runs, by_reason=False):
        if group.verdict != "expected":
            shown = group.runs[:_MOST_FAILURES]
            yield {"job": group.job, "verdict": group.verdict, "runs": len(group.runs), "shown": shown}
