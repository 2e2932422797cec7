"""Rows of the tables that the terminal and the page show of a simulation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.tally import FailureGroup
    from sbh_jobkit.simulation.concurrency import BusyMinute
    from sbh_jobkit.simulation.installed import InstalledPlugin
    from sbh_jobkit.simulation.result import SimulationResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """The counts of all runs of one plugin, at all its tenants."""

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
    """The first minute in which most of its runs started, and how many; None if none started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingGroup:
    """Runs of a plugin's job that failed in the same way."""

    job: str
    """The plugin's label and the job's name."""
    path: str
    start: datetime
    """When the simulation of the plugin started."""
    group: FailureGroup


def plugin_rows(simulation: SimulationResult) -> list[PluginRow]:
    """Return a row for each plugin, those with failures first."""
    labels = simulation.labels
    rows = [_row(labels[path], plugin) for path, plugin in simulation.plugins.items()]
    return sorted(rows, key=lambda row: not row.failures)


def _row(label: str, plugin: InstalledPlugin) -> PluginRow:
    tallies = [job.tally for job in plugin.jobs]
    minutes = Counter(chain.from_iterable(tally.starts for tally in tallies))
    most = max(minutes.values(), default=0)
    first = min((minute for minute, number in minutes.items() if number == most), default=None)
    return PluginRow(
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


def failing_groups(simulation: SimulationResult) -> Iterator[FailingGroup]:
    """Yield the groups of failing runs, by plugin and job."""
    labels = simulation.labels
    for plugin, group in simulation.failure_groups:
        job = f"{labels[plugin.path]}.{group.first.job}"
        yield FailingGroup(job=job, path=plugin.path, start=plugin.start, group=group)


def job_names(peak: BusyMinute) -> list[str]:
    """Return the names of the jobs that start in a minute, such as `shop.sync` or `shop.sync ×20`."""
    named = ((".".join(job), number) for job, number in peak.who)
    return [name if number == 1 else f"{name} ×{number:,}" for name, number in named]
