"""The output of `sbh-jobkit simulate`: a summary or JSON on standard output, and the HTML report in a file."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.errors import about
from sbh_jobkit.report.text import count
from sbh_jobkit.simulation.fleet.result import FleetSimulation

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.concurrency import BusyMinute
    from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.unreached import UnreachedLines

_MOST_PEAKS = 10
_NARROWEST, _USUAL = 20, 80


class _View(Protocol):
    """What the output shows of a result."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeds."""

    def title(self) -> str:
        """Return the first line of the summary, without the range."""

    def table(self) -> RenderableType:
        """Return the table of the summary."""

    def blocks(self) -> Iterator[Iterable[str]]:
        """Yield the paragraphs below the table, each as lines; one without lines is left out."""

    def headline(self) -> str:
        """Return the last line of the summary."""

    def html(self) -> str:
        """Return the report."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON values."""


def write(options: Namespace, result: Simulation | FleetSimulation) -> bool:
    """Write the report, then print JSON or the summary; return whether the result is ok."""
    view: _View
    if isinstance(result, FleetSimulation):
        _print_messages(result)
        view = _FleetView(options, result)
    else:
        view = _SimulationView(options, result)
    if options.html and result.plugins:
        streams.write(options.html, view.html())
    if options.json:
        streams.print_json(view.as_dict())
    elif result.plugins:
        _print_summary(options, result, view)
    elif result.interrupted:
        print("interrupted before anything was done")
    return view.ok


def _print_summary(options: Namespace, result: Simulation | FleetSimulation, view: _View) -> None:
    from rich.console import Console

    from sbh_jobkit.report.terminal.runs import time_with_zone

    print(f"{view.title()}: {time_with_zone(result.start)} to {time_with_zone(result.end)}\n")
    columns = os.environ.get("COLUMNS", "")
    narrow = columns.isdecimal() and int(columns) < _NARROWEST  # rich would print nothing, or one letter in each line
    Console(highlight=False, width=_USUAL if narrow else None).print(view.table())
    for block in view.blocks():
        if text := "\n".join(block):
            print(f"\n{text}")
    print(f"\n{view.headline()}")
    if options.html:
        print(f"report: {options.html}")


def _print_messages(fleet: FleetSimulation) -> None:
    for plugin in fleet.plugins.values():
        for warning in plugin.warnings:
            streams.message(f"warning: {plugin.path}: {warning}")
    for (path, why), number in Counter((one.path, one.why) for one in fleet.not_simulated).items():
        where = f" (at {number:,} tenants)" if number > 1 else ""
        streams.message(f"error: {about(path, why)}{where}")


class _SimulationView:
    """One plugin at one tenant: each job a row, and each run in the JSON."""

    def __init__(self, options: Namespace, simulation: Simulation) -> None:
        self._options = options
        self._simulation = simulation
        self._verdict = simulation.verdict

    @property
    def ok(self) -> bool:
        return self._verdict.ok

    def title(self) -> str:
        from sbh_jobkit.report.headline import title

        return title(self._simulation)

    def table(self) -> RenderableType:
        from sbh_jobkit.report.terminal.runs import summary_table

        (plugin,) = self._simulation.plugins.values()
        return summary_table(plugin.jobs)

    def blocks(self) -> Iterator[Iterable[str]]:
        from sbh_jobkit.report.idempotency import repeat_lines
        from sbh_jobkit.report.terminal.injected import injected_lines
        from sbh_jobkit.report.terminal.observations import observation_lines
        from sbh_jobkit.report.terminal.runs import expected_runs, failing_runs, host_differences
        from sbh_jobkit.report.unreached import unreached_lines
        from sbh_jobkit.report.usage import usage_lines

        simulation, failures = self._simulation, self._simulation.failures
        (plugin,) = simulation.plugins.values()
        yield from ([line] for line in expected_runs(simulation.runs))
        if failures:
            yield [*failing_runs(failures), *host_differences(failures)]
            yield [f"rerun the first: {self._rerun(failures[0])}"]
        yield injected_lines(simulation.runs, self._verdict.lost)
        if simulation.unused_faults:
            yield ["unused faults:", *(f"  {fault}" for fault in simulation.unused_faults)]
        if plugin.manual:
            yield [f"manual only (no schedule): {', '.join(plugin.manual)}"]
        yield usage_lines(simulation.usage, self._verdict.exceeded)
        yield repeat_lines(simulation.runs)
        # what no simulation ever calls is in the report and in the JSON
        yield observation_lines([each for each in simulation.observations if each.kind != "not-simulated"])
        yield unreached_lines(simulation.unreached_lines or {}, whole=self._options.unreached)
        if simulation.interrupted:
            yield [f"interrupted {self._progress()}"]

    def headline(self) -> str:
        from sbh_jobkit.report.headline import simulation_headline

        return simulation_headline(self._simulation)

    def html(self) -> str:
        from sbh_jobkit.report.html.simulation import page

        progress = self._progress() if self._simulation.interrupted else None
        return page(self._simulation, self._rerun, progress)

    def as_dict(self) -> dict[str, Any]:
        simulation = self._simulation
        asked: dict[str, Any] = {"over_budget": self._verdict.exceeded} if self._options.budget else {}
        if self._options.twice:
            asked["unsafe_to_repeat"] = {job: len(runs) for job, runs in self._verdict.not_idempotent.items()}
        return {
            "plugin": simulation.plugin.slug,
            "target": simulation.world.target,
            "start": simulation.start.isoformat(),
            "end": simulation.end.isoformat(),
            "tz": simulation.zone.key,
            "interrupted": simulation.reached.isoformat() if simulation.reached else None,
            "ok": self.ok,
            "usage": simulation.usage.to_dict(),
            "lost": [each.line for each in self._verdict.lost],
            "observations": [each.to_dict() for each in simulation.observations],
            "unreached": _as_dicts(simulation.unreached) if simulation.watch is not None else None,
            **asked,
            "runs": [
                run.to_dict() if run.ok else {**run.to_dict(), "rerun": self._rerun(run)} for run in simulation.runs
            ],
        }

    def _rerun(self, run: Run) -> str:
        return given.rerun(self._options, self._simulation.start, run, self._simulation.plugin.source)

    def _progress(self) -> str:
        simulation = self._simulation
        total = count(simulation.due_count, "due instant")
        return f"at {simulation.reached:%Y-%m-%d %H:%M} virtual time, {len(simulation.runs):,} of {total}"


class _FleetView:
    """Several plugins or tenants: each plugin a row, and each job in the JSON."""

    def __init__(self, options: Namespace, fleet: FleetSimulation) -> None:
        self._options = options
        self._fleet = fleet

    @property
    def ok(self) -> bool:
        return self._fleet.ok

    def title(self) -> str:
        from sbh_jobkit.report.headline import fleet_title

        return fleet_title(self._fleet)

    def table(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        from sbh_jobkit.report.rows import plugin_rows
        from sbh_jobkit.report.terminal.fleet import fleet_table, more_rows

        rows = plugin_rows(self._fleet)
        return Group(fleet_table(rows), *map(Text, more_rows(rows)))

    def blocks(self) -> Iterator[Iterable[str]]:
        from sbh_jobkit.report.headline import fleet_progress
        from sbh_jobkit.report.terminal.fleet import failing, peaks
        from sbh_jobkit.report.unreached import unreached_lines

        yield peaks(self._fleet)
        if groups := self._fleet.failure_groups:
            yield failing(self._fleet)
            plugin, first = groups[0]
            yield [f"rerun the first: {self._rerun(plugin, first.first)}"]
        yield unreached_lines(self._fleet.unreached_lines or {}, whole=self._options.unreached)
        if self._fleet.interrupted:
            yield [f"interrupted: {fleet_progress(self._fleet)}"]

    def headline(self) -> str:
        from sbh_jobkit.report.headline import fleet_headline

        return fleet_headline(self._fleet)

    def html(self) -> str:
        from sbh_jobkit.report.html.fleet import fleet_report

        plugins = self._fleet.plugins
        return fleet_report(self._fleet, lambda group: self._rerun(plugins[group.path], group.group.first))

    def as_dict(self) -> dict[str, Any]:
        fleet = self._fleet
        return {
            "installations": fleet.asked,
            "done": fleet.done,
            "interrupted": fleet.interrupted,
            "ok": fleet.ok,
            "not_replayed": [{"path": one.path, "tenant": one.tenant, "why": one.why} for one in fleet.not_simulated],
            "plugins": [self._plugin_as_dict(plugin) for plugin in fleet.plugins.values()],
            "busiest": [self._peak_as_dict(peak) for peak in fleet.concurrency().peaks(_MOST_PEAKS)],
        }

    def _peak_as_dict(self, peak: BusyMinute) -> dict[str, Any]:
        return {
            "at": self._fleet.time_of(peak.minute).isoformat(),
            "runs": peak.runs,
            "who": [{"plugin": plugin, "job": job, "runs": number} for (plugin, job), number in peak.who],
            "minutes": peak.minutes,
            "last": self._fleet.time_of(peak.last).isoformat(),
        }

    def _plugin_as_dict(self, plugin: InstalledPlugin) -> dict[str, Any]:
        return {
            "path": plugin.path,
            "plugin": plugin.slug,
            "start": plugin.start.isoformat(),
            "end": plugin.end.isoformat(),
            "tz": plugin.zone.key,
            "by_hand": list(plugin.manual),
            "tenants": {name: {"runs": runs, "failures": fails} for name, (runs, fails) in plugin.tenants.items()},
            "unreached": None if plugin.unreached is None else _as_dicts(plugin.unreached),
            "jobs": [self._job_as_dict(plugin, job) for job in plugin.jobs],
        }

    def _job_as_dict(self, plugin: InstalledPlugin, job: InstalledJob) -> dict[str, Any]:
        failing = [
            {
                "runs": group.count,
                "tenants": group.tenants,
                "last": group.last.isoformat(),
                "first": group.first.to_dict(),
                "rerun": self._rerun(plugin, group.first),
            }
            for group in job.tally.failure_groups
        ]
        return {"name": job.name, "schedule": job.schedule, **job.tally.to_dict(), "failing": failing}

    def _rerun(self, plugin: InstalledPlugin, run: Run) -> str:
        return given.rerun(self._options, plugin.start, run, plugin.path)


def _as_dicts(lines: Iterable[UnreachedLines]) -> list[dict[str, Any]]:
    return [each.to_dict() for each in lines]
