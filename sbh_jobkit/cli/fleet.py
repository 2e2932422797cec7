"""`sbh-jobkit simulate` of several plugins, or at several tenants: the whole platform as a table, JSON, or a report."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import options as given
from sbh_jobkit.errors import FleetError, Interrupted

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.report.fleet_rows import FailingGroup
    from sbh_jobkit.simulation.concurrency import BusyMinute
    from sbh_jobkit.simulation.fleet.fleet import Fleet
    from sbh_jobkit.simulation.fleet.result import FleetSimulation
    from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin

_MOST_PEAKS = 10


def simulate_fleet(options: Namespace, fleet: Fleet) -> bool:
    """Simulate, print, and return whether all is ok; Ctrl-C prints what was done so far."""
    if options.stress is not None or options.budget or options.twice:
        msg = "--stress, --budget and --twice are for one plugin at one tenant; simulate them one by one"
        raise FleetError(msg)
    processes = _processes(options.jobs)
    try:
        simulation = _watched(fleet, processes)
    except Interrupted as stop:
        _report(options, stop.so_far)
        raise
    if options.job and not any(plugin.jobs for plugin in simulation.plugins.values()):
        msg = f"none of the plugins has a job {' or '.join(map(repr, options.job))} with a schedule"
        raise FleetError(msg)
    _report(options, simulation)
    if simulation.not_simulated:
        msg = f"{len(simulation.not_simulated):,} of {len(fleet):,} installations could not be replayed"
        raise FleetError(msg)
    return simulation.ok


def _processes(text: str) -> int:
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        msg = f"--jobs {text!r} is neither a number of processes from 1 nor auto"
        raise FleetError(msg)
    return int(text)


def _watched(fleet: Fleet, processes: int) -> FleetSimulation:
    if not sys.stderr.isatty():
        return fleet.simulate(processes)
    from sbh_jobkit.report.progress import Progress

    with Progress(len(fleet), "installations") as progress:
        return fleet.simulate(processes, progress.show)


def _report(options: Namespace, simulation: FleetSimulation) -> None:
    for plugin in simulation.plugins.values():
        for warning in plugin.warnings:
            given.tell(f"warning: {plugin.path}: {warning}")
    for (path, why), number in Counter((one.path, one.why) for one in simulation.not_simulated).items():
        given.tell(
            f"error: {why if path in why else f'{path}: {why}'}{f' (at {number:,} tenants)' if number > 1 else ''}"
        )
    if options.html and simulation.plugins:
        _write_report(options, simulation)
    if options.json:
        given.print_json(_as_json(options, simulation))
    elif simulation.plugins:
        _print_summary(options, simulation)
    elif simulation.interrupted:
        print("interrupted before anything was done")


def _write_report(options: Namespace, simulation: FleetSimulation) -> None:
    from sbh_jobkit.report.html.fleet import fleet_report

    def rerun(group: FailingGroup) -> str:
        return given.rerun(options, group.start, group.alike.first, group.path)

    given.write(options.html, fleet_report(simulation, rerun))


def _print_summary(options: Namespace, simulation: FleetSimulation) -> None:
    from rich.console import Console

    from sbh_jobkit.report.fleet_rows import (
        failing_groups,
        fleet_headline,
        fleet_progress,
        fleet_title,
        summarise_fleet,
    )
    from sbh_jobkit.report.terminal import fleet as fleet_terminal
    from sbh_jobkit.report.terminal.runs import time_with_zone

    rows = summarise_fleet(simulation)
    print(f"{fleet_title(simulation)}: {time_with_zone(simulation.start)} to {time_with_zone(simulation.end)}\n")
    Console(highlight=False).print(fleet_terminal.fleet_table(rows))
    for line in fleet_terminal.more_rows(rows):
        print(line)
    if text := "\n".join(fleet_terminal.peaks(simulation)):
        print(f"\n{text}")
    if simulation.failures:
        first = next(failing_groups(simulation))
        print("\n".join(["", *fleet_terminal.failing(simulation)]))
        print(f"\nrerun the first: {given.rerun(options, first.start, first.alike.first, first.path)}")
    if simulation.interrupted:
        print(f"\ninterrupted: {fleet_progress(simulation)}")
    print(f"\n{fleet_headline(simulation)}")
    if options.html:
        print(f"report: {options.html}")


def _as_json(options: Namespace, simulation: FleetSimulation) -> dict[str, Any]:
    return {
        "installations": simulation.asked,
        "done": simulation.done,
        "interrupted": simulation.interrupted,
        "ok": simulation.ok,
        "not_replayed": [{"path": one.path, "tenant": one.tenant, "why": one.why} for one in simulation.not_simulated],
        "plugins": [_plugin_as_json(options, plugin) for plugin in simulation.plugins.values()],
        "busiest": [_peak_as_json(simulation, peak) for peak in simulation.concurrency().peaks(_MOST_PEAKS)],
    }


def _peak_as_json(simulation: FleetSimulation, peak: BusyMinute) -> dict[str, Any]:
    return {
        "at": simulation.time_of(peak.minute).isoformat(),
        "runs": peak.runs,
        "who": [{"plugin": plugin, "job": job, "runs": number} for (plugin, job), number in peak.who],
        "minutes": peak.minutes,
        "last": simulation.time_of(peak.last).isoformat(),
    }


def _plugin_as_json(options: Namespace, plugin: InstalledPlugin) -> dict[str, Any]:
    return {
        "path": plugin.path,
        "plugin": plugin.slug,
        "start": plugin.start.isoformat(),
        "end": plugin.end.isoformat(),
        "tz": plugin.zone.key,
        "by_hand": list(plugin.manual),
        "tenants": {name: {"runs": runs, "failures": failures} for name, (runs, failures) in plugin.tenants.items()},
        "jobs": [_job_as_json(options, plugin, job) for job in plugin.jobs],
    }


def _job_as_json(options: Namespace, plugin: InstalledPlugin, job: InstalledJob) -> dict[str, Any]:
    failing = [
        {
            "runs": alike.count,
            "tenants": alike.tenants,
            "last": alike.last.isoformat(),
            "first": alike.first.to_dict(),
            "rerun": given.rerun(options, plugin.start, alike.first, plugin.path),
        }
        for alike in job.tally.failure_groups
    ]
    return {"name": job.name, "schedule": job.schedule, **job.tally.to_dict(), "failing": failing}
