"""How the runs of a simulation went, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.text import count
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.simulation.idempotency import not_idempotent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation


def title(simulation: Simulation) -> str:
    """Return the plugin's name, and "on today's host" where the simulation followed that host's rules."""
    where = " on today's host" if simulation.world.target == "host" else ""
    return f"{simulation.plugin.manifest.name}{where}"


def headline(runs: Sequence[Run], *, over_budget: bool = False) -> str:
    """Say in one line how the runs went."""
    failing = [run for run in runs if not run.ok]
    if not runs:
        return "No run was due"
    skipped = sum(run.outcome is Outcome.SKIPPED for run in runs)
    but = [f"{skipped:,} skipped"] if skipped and not failing else []
    but += ["over budget"] if over_budget else []
    but += [f"{count(len(found), 'job')} not safe to repeat"] if (found := not_idempotent(runs)) else []
    if not failing:
        told = "1 run, as expected" if len(runs) == 1 else f"{len(runs):,} runs, all as expected"
        return f"{told}, but {' and '.join(but)}" if but else told
    how = "passed unexpectedly" if all(run.verdict == "unexpected_ok" for run in failing) else "failed"
    return ", ".join([f"{len(failing):,} of {count(len(runs), 'run')} {how}", *but])
