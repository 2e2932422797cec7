"""`sbh-jobkit simulate --stress`: the days that come all the same, and what breaks on them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import options as given
from sbh_jobkit.fakes.world import TENANT
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.report.terminal.stress import lines
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.stress import read, stress

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.simulation.stress.shrink import Broken


def put_under_stress(options: Namespace) -> bool:
    """Try, print, and return whether nothing broke."""
    kinds = read(options.stress)
    simulator = given.simulator(options, duration=options.duration, jobs=options.job)
    given.need_jobs(simulator.plugin)
    if options.seed is None and simulator.faults.seed:
        options.seed = simulator.faults.seed  # a command without the plan's file has one word for it and the world's
    where = ("--tenants", options.tenant) if options.tenant != TENANT else ()
    plain = Scenario(
        start=simulator.start,
        end=simulator.end,
        zone=simulator.zone,
        plan=simulator.faults,
        jobs=tuple(options.job or ()),
        time_limit=options.time_limit,
        policy=given.policies(options),
        words=(*where, *given.settings(options)),
    )

    def load() -> tuple[Plugin, World]:
        plugin = Plugin.load(options.path)
        return plugin, given.tenant(plugin, options)

    found = stress(load, plain, kinds, progress=_told if sys.stderr.isatty() else lambda _: None)
    if options.json:
        given.print_json(
            {
                "plugin": simulator.plugin.slug,
                "stress": list(kinds),
                "ok": found.ok,
                "notes": list(found.notes),
                "broken": [_as_json(broken, options.path) for broken in found.broken],
                "anyway": [run.to_dict() for run in found.anyway],
            }
        )
    else:
        print(f"{simulator.plugin.manifest.name} under stress: {', '.join(kinds)}")
        print("\n".join(lines(found, options.path)))
    return found.ok


def _as_json(broken: Broken, path: str) -> dict[str, Any]:
    scenario = broken.scenario
    return {
        "run": broken.run.to_dict(),
        "start": scenario.start.isoformat(),
        "end": scenario.end.isoformat(),
        "faults": [str(fault) for fault in scenario.plan.faults],
        "command": scenario.command(path),
    }


def _told(text: str) -> None:
    print(f"sbh-jobkit: trying {text}", file=sys.stderr)
