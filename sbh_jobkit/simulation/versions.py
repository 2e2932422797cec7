"""A simulation compared with another one of the same world: of another version, or without the injected faults."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sbh_jobkit.simulation.compare.comparison import Comparison, compare
from sbh_jobkit.simulation.compare.identity import Identities
from sbh_jobkit.simulation.compare.judgement import judge
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.conditions import Conditions
    from sbh_jobkit.simulation.result import Simulation


def compare_versions(
    conditions: Conditions, before: Plugin, after: Plugin, make_world: Callable[[], World]
) -> Comparison:
    """Simulate both, each in a new world, under the same conditions, and compare them.

    Raises UnknownJobError for a job that neither has.
    """
    for name in conditions.jobs or ():
        if name not in before.jobs:
            _ = after.jobs[name]  # raises, with the nearest name
    found = []
    for plugin in (before, after):
        # a version that is only a main.py has no zone of its own
        zone = after.manifest.timezone or before.manifest.timezone if plugin.manifest.timezone is None else None
        under = replace(conditions, tz=conditions.tz or zone).only(plugin.jobs)
        found.append(Simulator.under(under, plugin, make_world()).simulate())
    return compare(*found)


def is_disturbed(simulation: Simulation) -> bool:
    """Return whether injected faults may have lost or doubled anything: a run met one, came late, or never started."""
    met = (run.injected_faults or not run.outcome.started or run.started_at != run.fire_time for run in simulation.runs)
    return bool(simulation.conditions.plan.faults) and any(met)


def undisturbed(simulation: Simulation, plugin: Plugin, world: World) -> Simulator:
    """Return the simulator of the same range without the injected faults, in a new world."""
    return Simulator.under(replace(simulation.conditions, faults=None, twice=False, unreached=False), plugin, world)


def with_lost(simulation: Simulation, plain: Iterable[Run]) -> Simulation:
    """Return a simulation that knows what its injected faults have lost or doubled against these runs without them."""
    runs, identities = list(plain), Identities.from_world(simulation.world)
    identities.check(effect for run in runs for effect in run.effects)
    return replace(simulation, lost=tuple(judge(runs, simulation.runs, identities)))
