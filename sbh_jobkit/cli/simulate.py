"""`sbh-jobkit simulate`: one plugin, or several plugins and tenants, through a range of dates.

One way for all of them: options → Conditions → Fleet → result → output. One plugin at one tenant is simulated with
all its runs kept; a fleet keeps counts only.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli.output import write
from sbh_jobkit.cli.streams import message
from sbh_jobkit.errors import FleetError, Interrupted
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.conditions import Conditions, check_together
from sbh_jobkit.simulation.fleet.fleet import Fleet
from sbh_jobkit.simulation.fleet.result import FleetSimulation
from sbh_jobkit.simulation.versions import is_disturbed, undisturbed, with_lost

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.simulation.result import Simulation

_MOST_PROCESSES, _DIGITS = 1_000, 20


def simulate(options: Namespace) -> bool:
    """Simulate, print the result, and return whether it is ok; Ctrl-C prints what was done so far."""
    conditions = Conditions.from_options(vars(options))
    fleet = Fleet.under(conditions, options.paths, given.tenant_names(options.tenants))
    _check_together(options, len(fleet))
    _processes(options.jobs)
    if options.stress is not None:
        from sbh_jobkit.cli.stress import stress

        return stress(options, conditions, fleet.paths[0], fleet.tenants[0])
    if options.against is not None:
        from sbh_jobkit.cli.against import against

        return against(options, conditions, fleet.paths[0], fleet.tenants[0])
    try:
        result = _simulate_fleet(options, fleet) if len(fleet) > 1 else _simulate_one(fleet)
    except Interrupted as stop:
        write(options, stop.so_far)
        raise
    if len(fleet) > 1 and options.job and not any(plugin.jobs for plugin in result.plugins.values()):
        msg = f"none of the plugins has a job {' or '.join(map(repr, options.job))} with a schedule"
        raise FleetError(msg)
    if not isinstance(result, FleetSimulation) and is_disturbed(result):
        plugin = Plugin.load(fleet.paths[0])
        world = conditions.world_of(plugin.root, fleet.tenants[0])
        result = with_lost(result, undisturbed(result, plugin, world).runs())
    ok = write(options, result)
    return _is_complete(result) and ok if isinstance(result, FleetSimulation) else ok


def _is_complete(result: FleetSimulation) -> bool:
    """Say what is missing; raises FleetError for installations that could not begin."""
    if not all(each.missing for each in result.not_simulated):
        msg = f"{len(result.not_simulated):,} of {result.asked:,} installations could not be simulated"
        raise FleetError(msg)
    if result.not_simulated:
        number = len(result.not_simulated)
        end = "has not come to its end" if number == 1 else "have not come to their end"
        message(f"error: {number:,} of {result.asked:,} installations {end}")
    if result.missing_runs:
        message(f"error: {result.missing_runs:,} of {result.missing_runs + result.runs:,} expected runs are missing")
    return not (result.not_simulated or result.missing_runs)


def _check_together(options: Namespace, installations: int) -> None:
    """Raise JobkitError for options that cannot be given together."""
    alone = options.stress is not None or options.against is not None or options.budget or options.twice
    if installations > 1 and alone:
        options_ = "--stress, --against, --budget and --twice"
        msg = f"{options_} work with one plugin at one tenant; simulate the plugins one by one"
        raise FleetError(msg)
    check_together(vars(options))


def _simulate_one(fleet: Fleet) -> Simulation:
    simulator = given.simulator(fleet.conditions, fleet.paths[0], fleet.tenants[0])
    given.require_jobs(simulator.plugin)
    if not sys.stderr.isatty():
        return simulator.simulate()
    from sbh_jobkit.report.progress import Progress

    with Progress(simulator.count()) as progress:
        return simulator.simulate(progress.show)


def _simulate_fleet(options: Namespace, fleet: Fleet) -> FleetSimulation:
    processes = _processes(options.jobs)
    if not sys.stderr.isatty():
        return fleet.simulate(processes)
    from sbh_jobkit.report.progress import Progress

    with Progress(len(fleet), "installations") as progress:
        return fleet.simulate(processes, progress.show)


def _processes(text: str) -> int:
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isdecimal() or not 0 < int(text[:_DIGITS]) <= _MOST_PROCESSES:
        msg = f"--jobs {text!r} is neither a number of processes from 1 to {_MOST_PROCESSES:,} nor auto"
        raise FleetError(msg)
    return int(text)
