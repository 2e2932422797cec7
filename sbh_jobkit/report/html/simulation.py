"""A simulation as one HTML file that loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.headline import headline
from sbh_jobkit.report.headline import title as title_of
from sbh_jobkit.report.html.failures import choose_runs, failing_runs
from sbh_jobkit.report.html.heatmap import heatmap
from sbh_jobkit.report.html.page import clock_changes, range_facts, render_page
from sbh_jobkit.report.html.tables import job_table, second_runs
from sbh_jobkit.report.html.tables import unreached as unreached_section
from sbh_jobkit.report.html.timeline import timeline
from sbh_jobkit.report.html.unstarted import unstarted
from sbh_jobkit.report.html.usage import usage_table
from sbh_jobkit.report.text import count
from sbh_jobkit.report.verdicts import SIGNS
from sbh_jobkit.run.tally import count_verdicts
from sbh_jobkit.simulation.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sbh_jobkit.report.verdicts import Sign
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.usage import Usage
    from sbh_jobkit.simulation.budget import Budget
    from sbh_jobkit.simulation.installed import InstalledJob
    from sbh_jobkit.simulation.observations.observation import Observation
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.unreached import UnreachedLines


def page(
    simulation: Simulation,
    rerun: Callable[[Run], str],
    interrupted: str | None = None,
) -> str:
    """Return the report of a simulation as HTML; `rerun` returns the command that repeats a run."""
    (plugin,) = simulation.plugins.values()
    return report(
        title=f"{title_of(simulation)}: {simulation.start:%Y-%m-%d} to {simulation.end:%Y-%m-%d}",
        plugin=plugin.slug,
        start=simulation.start,
        end=simulation.end,
        zone=simulation.zone.key,
        jobs=plugin.jobs,
        runs=simulation.runs,
        rerun=rerun,
        usage=simulation.usage,
        budget=simulation.conditions.budget,
        interrupted=interrupted,
        verdict=simulation.verdict,
        observations=simulation.observations,
        unreached=simulation.unreached_lines,
    )


def report(
    *,
    title: str,
    plugin: str,
    start: datetime,
    end: datetime,
    zone: str,
    jobs: Sequence[InstalledJob],
    runs: Sequence[Run],
    rerun: Callable[[Run], str],
    usage: Usage | None = None,
    budget: Budget | None = None,
    interrupted: str | None = None,
    verdict: Verdict | None = None,
    observations: Sequence[Observation] = (),
    unreached: Mapping[str, Sequence[UnreachedLines]] | None = None,
) -> str:
    """Write the report: a timeline, a heat map, a table by job, and each failing run with the command that reruns it.

    `start` and `end` are aware and in `zone`; `rerun` returns the command that repeats a run; `usage` is what the runs
    used, and `budget` their limits; `interrupted` says how much was simulated if a person stopped the simulation;
    `verdict` says what is wrong, where more is known than the runs.
    """
    axis = Axis(start, end)
    failures = choose_runs(jobs, runs)
    failing = sum(job.tally.failures for job in jobs)
    verdict = verdict or Verdict.from_runs(runs, budget=budget, usage=usage)
    sentence = headline(jobs, verdict)
    repeats, lines = second_runs(runs), unreached_section(unreached or {})
    sections = {
        "timeline": "Timeline",
        "heat": "Busiest times",
        "jobs": "Jobs",
        "repeats": "Second runs" if repeats else "",
        "observations": count(len(observations), "observation") if observations else "",
        "unreached": "Lines never reached" if lines else "",
        "failures": count(failing, "failing run") if failing else "Failing runs",
    }
    return render_page(
        "simulation",
        title=title,
        headline=f"Interrupted: {sentence}" if interrupted else sentence,
        ok=verdict.ok,
        facts={
            "Plugin": plugin,
            **range_facts(axis, zone),
            **({"Interrupted": interrupted} if interrupted else {}),
        },
        over_budget=verdict.exceeded,
        lost=[each.line for each in verdict.lost],
        sections={name: label for name, label in sections.items() if label},
        legend=_legend(jobs),
        signs_missing=bool(failures.rest),
        clock_changes=clock_changes(axis),
        timeline=timeline(jobs, runs, axis, failures.shown),
        heatmap=heatmap(runs, axis),
        jobs=job_table(jobs, failures.first_section),
        usage=usage_table(usage, budget.limits if budget else {}) if usage else "",
        second_runs=repeats,
        failing_runs=failing_runs(failures, rerun, expected=sum(job.tally.expected for job in jobs)),
        unstarted=unstarted(runs),
        observations=observations,
        unreached=lines,
    )


def _legend(jobs: Sequence[InstalledJob]) -> list[tuple[Sign, int]]:
    """Return how many runs have each sign, the most serious first."""
    counted = count_verdicts(job.tally for job in jobs)
    return [(sign, counted[sign.verdict]) for sign in reversed(SIGNS.values()) if counted[sign.verdict]]
