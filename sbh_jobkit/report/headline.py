"""The title of a simulation, and the line that sums up its runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import count
from sbh_jobkit.simulation.idempotency import not_idempotent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.fleet.result import FleetSimulation
    from sbh_jobkit.simulation.result import Simulation

_MOST_NAMED = 3


def title(simulation: Simulation) -> str:
    """Return the plugin's name, and "on today's host" if the simulation followed that host's rules."""
    where = " on today's host" if simulation.world.target == "host" else ""
    return f"{simulation.plugin.manifest.name}{where}"


def fleet_title(simulation: FleetSimulation) -> str:
    """Return a name for the fleet, such as `3 plugins at 20 tenants`."""
    plugins = list(simulation.plugins.values())
    tenants = {tenant for plugin in plugins for tenant in plugin.tenants}
    name = plugins[0].name if len(plugins) == 1 else count(len(plugins), "plugin")
    return f"{name} at {count(len(tenants), 'tenant')}"


def headline(runs: Sequence[Run], *, over_budget: bool = False) -> str:
    """Return one line about the runs, such as `3 of 2,298 runs failed`."""
    found = not_idempotent(runs)
    exceptions = ["over budget"] if over_budget else []
    exceptions += [f"{count(len(found), 'job')} not idempotent"] if found else []
    return _sentence(Counter(run.verdict for run in runs), sum(not run.ok for run in runs), exceptions)


def fleet_headline(simulation: FleetSimulation) -> str:
    """Return one line about the runs of all installations."""
    verdicts: Counter[str] = Counter()
    for plugin in simulation.plugins.values():
        for job in plugin.jobs:
            verdicts += job.tally.verdicts
    sentence = _sentence(verdicts, simulation.failure_count, [])
    missing = len(simulation.not_simulated)
    return f"{sentence}, {count(missing, 'installation')} could not be simulated" if missing else sentence


def _sentence(verdicts: Counter[str], failures: int, exceptions: Sequence[str]) -> str:
    runs = verdicts.total()
    if not runs:
        return "No run was due"
    if failures:
        how = "passed unexpectedly" if verdicts["unexpected_ok"] == failures else "failed"
        return ", ".join([f"{failures:,} of {count(runs, 'run')} {how}", *exceptions])
    but = [*([f"{verdicts['skipped']:,} skipped"] if verdicts["skipped"] else []), *exceptions]
    sentence = "1 run, as expected" if runs == 1 else f"{runs:,} runs, all as expected"
    return f"{sentence}, but {' and '.join(but)}" if but else sentence


def fleet_progress(simulation: FleetSimulation) -> str:
    """Return how much of a fleet was simulated before it was interrupted."""
    parts = [f"{simulation.done:,} of {count(simulation.asked, 'installation')} done"]
    parts += [
        f"{one.plugin} at {one.tenant} up to {one.reached:%Y-%m-%d %H:%M}" for one in simulation.partial[:_MOST_NAMED]
    ]
    more = len(simulation.partial) - _MOST_NAMED
    return ", ".join([*parts, *([f"{more:,} more in part"] if more > 0 else [])])
