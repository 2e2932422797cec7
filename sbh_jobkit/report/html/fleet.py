"""What a fleet did as one HTML file that loads nothing: failing runs, the pile-up, and a table by plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.fleet_rows import failing_kinds, fleet_headline, how_far, summarise_fleet, title
from sbh_jobkit.report.html.failing_kinds import chosen, kind_sections
from sbh_jobkit.report.html.page import clock_changes, document, offsets, span
from sbh_jobkit.report.html.peaks import piles
from sbh_jobkit.report.html.plugintable import plugin_table
from sbh_jobkit.report.text import clip, count, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.report.fleet_rows import FailingKind
    from sbh_jobkit.simulation.fleet.result import FleetSimulation

_MOST_PEAKS = 10
_MOST_LINES = 100
_MOST_TEXT = 2_000


def fleet_report(simulation: FleetSimulation, rerun: Callable[[FailingKind], str]) -> str:
    """Write the report; `rerun` gives the command that repeats the first run of a kind."""
    axis = Axis(simulation.start, simulation.end)
    pileup = simulation.pileup()
    kinds = list(failing_kinds(simulation))
    shown = chosen(kinds)
    sections = {kind.path: number for number, kind in reversed(shown.items())}
    verdict = f"{'Interrupted: ' if simulation.interrupted else ''}{fleet_headline(simulation)}"
    failing = count(simulation.failures, "failing run")
    return document(
        title(simulation),
        verdict,
        f"""<header class="{"good" if simulation.ok else "bad"}">
<p class="title">{safe(title(simulation))}</p>
<h1>{verdict}</h1>
<dl class="meta">
<div><dt>Range</dt><dd>{span(axis)}</dd></div>
<div><dt>Zone</dt><dd>{safe(simulation.zone.key)} {offsets(axis)}</dd></div>\
{f"<div><dt>Interrupted</dt><dd>{safe(how_far(simulation))}</dd></div>" if simulation.interrupted else ""}
</dl>
<nav aria-label="Sections">{f'<a href="#failures">{failing}</a> ' if shown else ""}\
<a href="#piles">Pile-ups</a> <a href="#plugins">Plugins</a></nav>
</header>
<main id="main" tabindex="-1">
{_section("failures", "Failing runs", kind_sections(shown, kinds, rerun)) if shown else ""}\
{_section("piles", "Pile-ups", clock_changes(axis) + piles(pileup, pileup.peaks(_MOST_PEAKS), axis, simulation.at))}\
{_section("plugins", "Plugins", _not_replayed(simulation) + plugin_table(summarise_fleet(simulation), sections))}\
</main>""",
    )


def _section(name: str, head: str, content: str) -> str:
    heading = f'<h2 id="{name}-head">{head}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-head">\n{heading}\n{content}\n</section>\n'


def _not_replayed(simulation: FleetSimulation) -> str:
    told = [f"{one.path} at {one.tenant}: {clip(one.why, _MOST_TEXT)}" for one in simulation.not_replayed]
    more = [f"and {len(told) - _MOST_LINES:,} more"] if len(told) > _MOST_LINES else []
    return "".join(f'<p class="note">Not replayed: {safe(line)}</p>' for line in [*told[:_MOST_LINES], *more])
