"""What happened in a simulation, of one plugin or of a fleet.

How a view uses it: it takes any `SimulationResult` and asks no run what it can ask the result.

    result.ok, result.run_count, result.failure_count, result.interrupted
    result.start, result.end, result.zone
    result.plugins                     InstalledPlugin by path; one for a Simulation
        plugin.name, plugin.slug, plugin.tenants, plugin.manual, plugin.warnings
        plugin.jobs                    InstalledJob: name, schedule, english
            job.tally                  all numbers of its runs: runs, ok, failures, verdicts, starts, …
    result.failure_groups              (plugin, group): failing runs that failed in the same way
        group.first, group.count, group.last, group.tenants
    result.concurrency()               how many runs start in each minute

A fleet keeps these numbers and the first run of each group. A `Simulation` also has every run (`runs`) and the world.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import TimeFormatError, WorldError
from sbh_jobkit.run.frames import frame
from sbh_jobkit.run.httplog import HttpLog
from sbh_jobkit.run.tally import group_failures
from sbh_jobkit.run.usage import Usage
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.compare.comparison import Comparison, compare
from sbh_jobkit.simulation.concurrency import Concurrency
from sbh_jobkit.simulation.conditions import Conditions
from sbh_jobkit.simulation.idempotency import not_idempotent
from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin, manual_jobs
from sbh_jobkit.simulation.observations.observation import INFORMATIVE
from sbh_jobkit.simulation.observations.observe import observe
from sbh_jobkit.simulation.unreached import lines_seen
from sbh_jobkit.simulation.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.machine.lines import LineWatch
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.tally import FailureGroup
    from sbh_jobkit.simulation.compare.judgement import Finding
    from sbh_jobkit.simulation.observations.observation import Observation
    from sbh_jobkit.simulation.timeline import Due, TimedSnapshot
    from sbh_jobkit.simulation.unreached import UnreachedLines


_Made = TypeVar("_Made")


class SimulationResult:
    """What all simulations have in common: plugins, their jobs, and the counts of their runs."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def plugins(self) -> Mapping[str, InstalledPlugin]:
            """The plugins by path."""

        @property
        def zone(self) -> ZoneInfo:
            """The zone in which times are shown."""

        @property
        def interrupted(self) -> bool:
            """Whether a person stopped it before its end."""

    @property
    def run_count(self) -> int:
        """How many runs there are, with those that did not start."""
        return sum(plugin.runs for plugin in self.plugins.values())

    @property
    def failure_count(self) -> int:
        """How many runs need attention."""
        return sum(plugin.failures for plugin in self.plugins.values())

    @property
    def failure_groups(self) -> list[tuple[InstalledPlugin, FailureGroup]]:
        """The failing runs in groups of like ones, by plugin and job."""
        return [
            (plugin, group)
            for plugin in self.plugins.values()
            for job in plugin.jobs
            for group in job.tally.failure_groups
        ]

    @property
    def labels(self) -> dict[str, str]:
        """What to call each plugin: its slug, with its path if two have the same slug."""
        slugs = Counter(plugin.slug for plugin in self.plugins.values())
        return {
            path: plugin.slug if slugs[plugin.slug] == 1 else f"{plugin.slug} ({path})"
            for path, plugin in self.plugins.items()
        }

    @property
    def unreached_lines(self) -> dict[str, tuple[UnreachedLines, ...]] | None:
        """The lines that no run reached, by the plugin's label; None if nothing has noted lines."""
        labels = self.labels
        found = {labels[path]: plugin.unreached for path, plugin in self.plugins.items()}
        return {label: lines for label, lines in found.items() if lines is not None} or None

    def concurrency(self) -> Concurrency:
        """Count the runs that start in each minute, by the plugin's label and the job."""
        labels = self.labels
        return Concurrency(
            {(labels[path], job.name): job.tally.starts for path, plugin in self.plugins.items() for job in plugin.jobs}
        )

    def time_of(self, minute: int) -> datetime:
        """Return a minute since 1970 as a time in the zone."""
        return datetime.fromtimestamp(minute * 60, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation(SimulationResult, Shown):
    """What happened: every run, in the order in which they were due."""

    plugin: Plugin
    world: World
    """The tenant as the simulation left it."""
    start: datetime
    end: datetime
    zone: ZoneInfo
    due: tuple[Due, ...]
    runs: list[Run]
    unused_faults: tuple[InjectedFault, ...] = ()
    """The injected faults of the plan that no run met."""
    reached: datetime | None = None
    """The virtual time at which a person stopped it; None if it reached its end."""
    module_changes: list[tuple[str, str]] = field(repr=False, compare=False, default_factory=list)
    """The variables of the plugin's modules that the runs have changed, and how."""
    conditions: Conditions = field(repr=False, compare=False, default_factory=Conditions)
    """What it was held to."""
    lost: tuple[Finding, ...] = field(repr=False, compare=False, default=())
    """What injected faults have lost or doubled for good, where somebody has compared it with a simulation without."""
    watch: LineWatch | None = field(repr=False, compare=False, default=None)
    """What has noted the lines that the runs reached; None if nobody asked for it."""
    snapshots: list[TimedSnapshot] = field(repr=False, compare=False, default_factory=list)
    """The world after each step, in the order of their virtual times."""
    _made: dict[str, tuple[int, Any]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """What was worked out of the runs, by its name, and for how many of them."""

    def __repr__(self) -> str:
        """Return the counts in one line."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(self.verdicts).items()))
        return f"<Simulation of {self.plugin.slug}: {len(self.runs)} runs ({counts or 'none'})>"

    @property
    def ok(self) -> bool:
        """Whether no run needs attention."""
        return not self.failures

    @property
    def failures(self) -> list[Run]:
        """The runs that need attention: failed, faulty, or expected to fail but did not."""
        return [run for run in self.runs if not run.ok]

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped it before its end."""
        return self.reached is not None

    @property
    def verdicts(self) -> list[str]:
        """The verdict of each run."""
        return [run.verdict for run in self.runs]

    @property
    def due_count(self) -> int:
        """How many fire times the range has, also if the simulation was interrupted."""
        start, end = self.start.timestamp(), self.end.timestamp()
        return sum(sum(1 for _ in due.schedule.epochs(start, end)) for due in self.due)

    @property
    def usage(self) -> Usage:
        """What the runs used, in total and by job."""
        return Usage.from_runs(self.runs, self.zone)

    @property
    def plugins(self) -> Mapping[str, InstalledPlugin]:
        """The plugin with the counts of its runs, by its path. They are counted once for a number of runs."""
        return {self.plugin.source: self._once("counts", self._count)}

    def _once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """Return what `make` returns for the runs so far; it is called again when there are more runs."""
        number = len(self.runs)
        if name not in self._made or self._made[name][0] != number:
            self._made[name] = number, make()
        made: _Made = self._made[name][1]
        return made

    def _count(self) -> InstalledPlugin:
        plugin = InstalledPlugin(
            path=self.plugin.source,
            slug=self.plugin.slug,
            name=self.plugin.manifest.name,
            start=self.start,
            end=self.end,
            zone=self.zone,
            jobs=tuple(InstalledJob.from_due(due) for due in self.due),
            manual=manual_jobs(self.plugin),
            warnings=self.plugin.warnings,
        )
        plugin.add(self.runs, self.world.tenant_id)
        return plugin

    @property
    def failure_groups(self) -> list[tuple[InstalledPlugin, FailureGroup]]:
        """The failing runs in groups of like ones, by the fire time of the first; each run knows its worlds."""
        (plugin,) = self.plugins.values()
        return [(plugin, group) for group in group_failures(self.runs)]

    @property
    def effects(self) -> list[Effect]:
        """What the runs did, in their order: events, requests that write, files, secrets, services of extensions."""
        return [effect for run in self.runs for effect in run.effects]

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What is probably not meant, though nothing failed; without the kinds that `world.allow` names."""
        return self._once("observations", lambda: observe(self))

    @property
    def unmeant(self) -> list[Observation]:
        """The observations that count where somebody is strict: all but those about what a simulation leaves out."""
        return [each for each in self.observations if each.kind not in INFORMATIVE]

    @property
    def verdict(self) -> Verdict:
        """What is wrong with it: failing runs, exceeded budgets, second runs that did something, lost effects."""
        return self._once("verdict", self._judge)

    def _judge(self) -> Verdict:
        return Verdict.from_runs(
            self.runs,
            budget=self.conditions.budget,
            usage=self.usage,
            observations=self.unmeant if self.conditions.strict else (),
            lost=self.lost,
        )

    @property
    def unreached(self) -> tuple[UnreachedLines, ...]:
        """The lines of the plugin that no run reached, by function; raises WorldError if nothing has noted lines."""
        watch = self.watch
        if watch is None:
            msg = "no lines were noted, so it is not known which no run reached: use simulate(…, unreached=True)"
            raise WorldError(msg)
        seen = self._once("lines", lambda: lines_seen(self.plugin, watch))
        return seen.after({run.job for run in self.runs if run.outcome.started})

    @property
    def unreached_lines(self) -> dict[str, tuple[UnreachedLines, ...]] | None:
        """The same by the plugin's label; None if nothing has noted lines."""
        return None if self.watch is None else {self.plugin.slug: self.unreached}

    def compared_with(self, after: Simulation) -> Comparison:
        """Return what another simulation does differently, as `diff(self, after)` does."""
        if not isinstance(after, Simulation):
            msg = f"diff compares two simulations, got a simulation and {after!r}"
            raise WorldError(msg)
        return compare(self, after)

    @property
    def not_idempotent(self) -> dict[str, list[Run]]:
        """The runs whose second run changed or sent something, by job; raises WorldError if nothing ran twice."""
        if any(run.repeated is None and run.outcome.started for run in self.runs):
            msg = "nothing ran twice, so it is not known which jobs are idempotent: use simulate(…, twice=True)"
            raise WorldError(msg)
        return not_idempotent(self.runs)

    @property
    def idle(self) -> tuple[InjectedFault, ...]:
        """Old name of `unused_faults`."""
        return self.unused_faults

    @property
    def moments(self) -> list[TimedSnapshot]:
        """Old name of `snapshots`."""
        return self.snapshots

    @property
    def unsafe_to_repeat(self) -> dict[str, list[Run]]:
        """Old name of `not_idempotent`."""
        return self.not_idempotent

    @property
    def http(self) -> HttpLog:
        """The HTTP calls of all runs; `.to_frame()` makes a table of them."""
        return HttpLog(self.runs)

    def at(self, moment: str | datetime) -> World:
        """Return a copy of the world as the jobs that are due at a time met it, after the `@every` of that time.

        A naive time is in the simulation's zone. Raises TimeFormatError outside the range.
        """
        instant = times.instant(moment, self.zone)
        last = self.reached or self.end
        if not self.start <= instant <= last:
            span = f"{self.start.isoformat()} to {last.isoformat()}"
            msg = f"{instant.isoformat()} is outside of the simulation, {span}"
            raise TimeFormatError(msg)
        before = [kept for kept in self.snapshots if (kept.epoch, kept.after_run) < (instant.timestamp(), True)]
        world: World = before[-1].snapshot.world()
        return world

    def to_frame(self) -> Any:
        """Return the runs as a pandas DataFrame, one row for each run."""
        columns = ("fire_time", "job", "verdict", "ok", "outcome", "duration", "reason", "summary", "value")
        counted = ("events", "http_calls", "llm_calls", "files", "faults", "injected_faults")
        rows = [
            {name: getattr(run, name) for name in columns} | {name: len(getattr(run, name)) for name in counted}
            for run in self.runs
        ]
        return frame(rows, columns=[*columns, *counted])
