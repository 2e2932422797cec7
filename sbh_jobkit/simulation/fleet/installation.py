"""One plugin at one tenant: the task and its result, which are small enough to go between processes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.errors import Interrupted, JobkitError
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin, manual_jobs
from sbh_jobkit.simulation.simulator import Simulator
from sbh_jobkit.simulation.unreached import lines_seen, watch_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.conditions import Conditions
    from sbh_jobkit.simulation.unreached import LinesSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the jobs of one plugin did at one tenant."""

    path: str
    plugin: str
    """Its slug."""
    name: str
    tenant: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    jobs: tuple[InstalledJob, ...]
    manual: tuple[str, ...] = ()
    """Jobs without a schedule."""
    warnings: tuple[str, ...] = ()
    """What is probably a mistake in the plugin."""
    lines: LinesSeen | None = field(repr=False, default=None)
    """The lines that its runs left over; None if nothing has noted them."""
    reached: datetime | None = None
    """The virtual time at which a person stopped it; None if it reached its end."""
    missing: int = 0
    """How many due instants have no run."""

    @property
    def runs(self) -> int:
        """How many runs there are, with those that did not start."""
        return sum(job.tally.runs for job in self.jobs)

    @property
    def failures(self) -> int:
        """How many of them need attention."""
        return sum(job.tally.failures for job in self.jobs)

    @property
    def ok(self) -> bool:
        """Whether no run needs attention, and none is missing."""
        return not self.failures and not self.missing

    @property
    def by_hand(self) -> tuple[str, ...]:
        """Old name of `manual`."""
        return self.manual

    def as_plugin(self) -> InstalledPlugin:
        """Return the plugin with the counts of this tenant."""
        return InstalledPlugin(
            path=self.path,
            slug=self.plugin,
            name=self.name,
            start=self.start,
            end=self.end,
            zone=self.zone,
            jobs=self.jobs,
            manual=self.manual,
            warnings=self.warnings,
            tenants={self.tenant: (self.runs, self.failures)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSimulated:
    """A plugin that could not be simulated at a tenant, and why."""

    path: str
    tenant: str
    why: str
    missing: bool = False
    """Whether its process ended before its work did, so that its runs are missing; else it could not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A plugin to simulate at a tenant."""

    path: str
    tenant: str
    conditions: Conditions = field(repr=False)


def run_task(task: Task, heartbeat: Callable[[], object] = lambda: None) -> Installation | NotSimulated:
    """Load a plugin and its world, and run its jobs through the range; `heartbeat` is called after each run."""
    try:
        plugin = Plugin.load(task.path)
        conditions = task.conditions.only(plugin.jobs)
        simulator = Simulator.under(conditions, plugin, conditions.world_of(plugin.root, task.tenant))
        watch = watch_lines(plugin, asked=conditions.unreached)
        jobs = {due.job.name: InstalledJob.from_due(due) for due in simulator.due}
        came = 0

        def count(run: Run) -> None:
            nonlocal came
            came += run.attempt == 1
            jobs[run.job].tally.add(run)
            if watch is not None:
                watch.renew()
            heartbeat()

        reached = None
        try:
            with watch or nullcontext():
                simulator.each(count)
        except Interrupted as stop:
            reached = stop.at
    except JobkitError as error:
        return NotSimulated(path=task.path, tenant=task.tenant, why=str(error))
    return Installation(
        path=task.path,
        plugin=plugin.slug,
        name=plugin.manifest.name,
        tenant=task.tenant,
        start=simulator.start,
        end=simulator.end,
        zone=simulator.zone,
        jobs=tuple(jobs.values()),
        manual=manual_jobs(plugin),
        warnings=plugin.warnings,
        lines=lines_seen(plugin, watch) if watch is not None else None,
        reached=reached,
        missing=simulator.count() - came if reached is None else 0,
    )
