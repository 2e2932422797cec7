"""Two versions of a plugin, simulated in the same world and compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sbh_jobkit.simulation.compare.comparison import Comparison, compare
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.simulation.conditions import Conditions


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
