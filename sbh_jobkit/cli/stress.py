"""`sbh-jobkit simulate --stress`: which failures appear only on difficult days."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.fakes.world import TENANT
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.report.rerun import shared_words
from sbh_jobkit.report.terminal.stress import lines
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.stress import read, run_stress
from sbh_jobkit.simulation.stress.tenants import other_tenant

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.simulation.compare.judgement import Finding
    from sbh_jobkit.simulation.conditions import Conditions
    from sbh_jobkit.simulation.stress.shrink import Broken


def stress(options: Namespace, conditions: Conditions, path: str, tenant: str) -> bool:
    """Simulate the plugin under stress, print the result, and return whether nothing failed."""
    kinds = read(options.stress)
    simulator = given.simulator(conditions, path, tenant)
    given.require_jobs(simulator.plugin)
    if options.seed is None and conditions.plan.seed:
        options.seed = conditions.plan.seed  # the printed command has no plan file, so --seed has to give its seed
    where = ("--tenants", tenant) if tenant != TENANT else ()
    plain = Scenario.from_simulator(simulator, words=(*where, *shared_words(options)))

    def load() -> tuple[Plugin, World]:
        plugin = Plugin.load(path)
        return plugin, conditions.world_of(plugin.root, tenant)

    def other_world() -> World:
        return conditions.world_of(simulator.plugin.root, other_tenant(tenant))

    progress = _show if sys.stderr.isatty() else lambda _: None
    found = run_stress(load, plain, kinds, path=path, progress=progress, other_world=other_world)
    if options.json:
        streams.print_json(
            {
                "plugin": simulator.plugin.slug,
                "stress": list(kinds),
                "ok": found.ok,
                "notes": list(found.notes),
                "untried": list(found.untried),
                "broken": [_as_dict(broken, path) for broken in found.broken],
                "findings": [_finding(each) for each in found.findings],
                "remarks": [
                    {**each.observation.to_dict(), "met": each.met, "command": each.command} for each in found.remarks
                ],
                "anyway": [run.to_dict() for run in found.anyway],
            }
        )
    else:
        print("\n".join(lines(found)))
    return found.ok


def _as_dict(broken: Broken, path: str) -> dict[str, Any]:
    scenario = broken.scenario
    return {
        "run": broken.run.to_dict(),
        "start": scenario.start.isoformat(),
        "end": scenario.end.isoformat(),
        "faults": [str(fault) for fault in scenario.plan.faults],
        "command": scenario.command(path),
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "job": each.job,
        "finding": each.word,
        "what": each.what,
        "count": each.count,
        "why": each.why,
        "first": each.first.to_dict(),
        "command": each.command,
    }


def _show(text: str) -> None:
    streams.message(f"trying {text}")
