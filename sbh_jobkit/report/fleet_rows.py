"""What a fleet did as rows, for the terminal's table and the HTML report alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.tally import FailureGroup
    from sbh_jobkit.simulation.concurrency import BusyMinute
    from sbh_jobkit.simulation.fleet.result import FleetSimulation
    from sbh_jobkit.simulation.installed import InstalledPlugin

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSummary:
    """What all runs of one plugin came to, at all its tenants."""

    label: str
    path: str
    name: str
    tenants: int
    jobs: int
    runs: int
    failures: int
    expected: int
    http_calls: int
    emits: int
    busiest: tuple[datetime, int] | None
    """The first of the minutes in which most of its runs started, and how many; None where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingGroup:
    """Runs of a plugin's job that failed alike."""

    job: str
    """The plugin's label and the job's name."""
    path: str
    start: datetime
    """When the simulation of the plugin began."""
    alike: FailureGroup


def summarise_fleet(simulation: FleetSimulation) -> list[PluginSummary]:
    """Sum up the runs by plugin, those with failures first."""
    labels = simulation.labels
    rows = [_sum_up(labels[path], plugin) for path, plugin in simulation.plugins.items()]
    return sorted(rows, key=lambda row: not row.failures)


def _sum_up(label: str, plugin: InstalledPlugin) -> PluginSummary:
    tallies = [job.tally for job in plugin.jobs]
    minutes = Counter(chain.from_iterable(tally.starts for tally in tallies))
    most = max(minutes.values(), default=0)
    first = min((minute for minute, number in minutes.items() if number == most), default=None)
    return PluginSummary(
        label=label,
        path=plugin.path,
        name=plugin.name,
        tenants=len(plugin.tenants),
        jobs=len(plugin.jobs),
        runs=plugin.runs,
        failures=plugin.failures,
        expected=sum(tally.expected for tally in tallies),
        http_calls=sum(tally.http_calls for tally in tallies),
        emits=sum(tally.emits for tally in tallies),
        busiest=None if first is None else (datetime.fromtimestamp(first * 60, plugin.zone), most),
    )


def failing_groups(simulation: FleetSimulation) -> Iterator[FailingGroup]:
    """Yield the ways in which runs failed, by plugin and job."""
    labels = simulation.labels
    for path, plugin in simulation.plugins.items():
        for job in plugin.jobs:
            for alike in job.tally.failure_groups:
                yield FailingGroup(job=f"{labels[path]}.{job.name}", path=path, start=plugin.start, alike=alike)


def job_names(peak: BusyMinute) -> list[str]:
    """Name those whose runs start in a minute, such as `shop.sync` or `shop.sync ×20`."""
    named = ((".".join(job), number) for job, number in peak.who)
    return [name if number == 1 else f"{name} ×{number:,}" for name, number in named]


def fleet_headline(simulation: FleetSimulation) -> str:
    """Say in one line how the runs went."""
    runs, failures = simulation.runs, simulation.failures
    jobs = [job for plugin in simulation.plugins.values() for job in plugin.jobs]
    skipped = sum(job.tally.verdicts["skipped"] for job in jobs)
    if not runs:
        told = "No run was due"
    elif failures:
        told = f"{failures:,} of {count(runs, 'run')} failed"
    else:
        told = "1 run, as expected" if runs == 1 else f"{runs:,} runs, all as expected"
        told += f", but {skipped:,} skipped" if skipped else ""
    refused = len(simulation.not_simulated)
    return f"{told}, {count(refused, 'installation')} could not be simulated" if refused else told


def fleet_progress(simulation: FleetSimulation) -> str:
    """Say how much of the fleet was replayed before somebody interrupted it."""
    told = [f"{simulation.done:,} of {count(simulation.asked, 'installation')} done"]
    told += [
        f"{one.plugin} at {one.tenant} up to {one.reached:%Y-%m-%d %H:%M}" for one in simulation.partial[:_MOST_NAMED]
    ]
    more = len(simulation.partial) - _MOST_NAMED
    return ", ".join([*told, *([f"{more:,} more in part"] if more > 0 else [])])


def fleet_title(simulation: FleetSimulation) -> str:
    """Name the fleet, such as `3 plugins at 20 tenants`."""
    plugins = list(simulation.plugins.values())
    tenants = {tenant for plugin in plugins for tenant in plugin.tenants}
    named = plugins[0].name if len(plugins) == 1 else count(len(plugins), "plugin")
    return f"{named} at {count(len(tenants), 'tenant')}"
