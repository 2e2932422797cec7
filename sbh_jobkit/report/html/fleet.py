"""A fleet as one HTML file that loads nothing: failing runs, the busiest times, and a table by plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.headline import fleet_headline, fleet_progress, fleet_title
from sbh_jobkit.report.html.failures import choose_groups
from sbh_jobkit.report.html.failures import failing_groups as write_groups
from sbh_jobkit.report.html.page import clock_changes, range_facts, render_page
from sbh_jobkit.report.html.peaks import peak_chart
from sbh_jobkit.report.html.tables import plugin_table, unreached
from sbh_jobkit.report.rows import failing_groups, plugin_rows
from sbh_jobkit.report.text import clip, count

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.report.rows import FailingGroup
    from sbh_jobkit.simulation.fleet.result import FleetSimulation

_MOST_PEAKS = 10
_MOST_LINES = 100
_MOST_TEXT = 2_000


def fleet_report(simulation: FleetSimulation, rerun: Callable[[FailingGroup], str]) -> str:
    """Write the report; `rerun` returns the command that repeats the first run of a group."""
    axis = Axis(simulation.start, simulation.end)
    pileup = simulation.concurrency()
    groups = list(failing_groups(simulation))
    shown = choose_groups(groups)
    headline, name = fleet_headline(simulation), fleet_title(simulation)
    interrupted = {"Interrupted": fleet_progress(simulation)} if simulation.interrupted else {}
    lines = unreached(simulation.unreached_lines or {})
    failures = {"failures": count(simulation.failures, "failing run")} if shown else {}
    return render_page(
        "fleet",
        title=name,
        headline=f"Interrupted: {headline}" if simulation.interrupted else headline,
        ok=simulation.ok,
        facts={**range_facts(axis, simulation.zone.key), **interrupted},
        sections={
            **failures,
            "peaks": "Busiest times",
            "plugins": "Plugins",
            **({"unreached": "Lines never reached"} if lines else {}),
        },
        clock_changes=clock_changes(axis),
        failing_runs=write_groups(shown, groups, rerun) if shown else "",
        peaks=peak_chart(pileup, pileup.peaks(_MOST_PEAKS), axis, simulation.time_of),
        unreached=lines,
        not_replayed=_not_replayed(simulation),
        plugins=plugin_table(
            plugin_rows(simulation), {group.path: number for number, group in reversed(shown.items())}
        ),
    )


def _not_replayed(simulation: FleetSimulation) -> list[str]:
    lines = [f"{one.path} at {one.tenant}: {clip(one.why, _MOST_TEXT)}" for one in simulation.not_simulated]
    more = [f"and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return [*lines[:_MOST_LINES], *more]
