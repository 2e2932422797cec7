"""One plugin at one tenant, replayed alone: what it is asked, and what it came to, both small enough to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.errors import Interrupted, JobkitError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin, manual_jobs
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all installations of a fleet are replayed under, in the words of the simulator."""

    start: str | datetime
    end: str | datetime | None = None
    duration: str | timedelta | None = None
    tz: str | None = None
    jobs: tuple[str, ...] | None = None
    """Only these, in the plugins that have them."""
    policy: Policy | Mapping[str, Policy] | None = None
    faults: FaultPlan | None = None
    time_limit: float | None = None
    seed: int = 0
    target: str | None = None


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
    reached: datetime | None = None
    """The virtual time at which a person stopped it; None if it reached its end."""

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
        """Whether no run needs attention."""
        return not self.failures

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A plugin to replay at a tenant."""

    path: str
    tenant: str
    conditions: Conditions = field(repr=False)


def replay(order: Task, pulse: Callable[[], object] = lambda: None) -> Installation | NotSimulated:
    """Load a plugin and its world anew and run the jobs through the range; `pulse` is called after each run."""
    given = order.conditions
    try:
        plugin = Plugin.load(order.path)
        world = World.of(plugin.root, order.tenant, given.seed)
        if given.target is not None:
            world.target = given.target
        simulator = Simulator(
            plugin,
            world,
            start=given.start,
            end=given.end,
            duration=given.duration,
            tz=given.tz,
            jobs=None if given.jobs is None else [name for name in given.jobs if name in plugin.jobs],
            policy=given.policy,
            faults=given.faults,
            time_limit=given.time_limit,
        )
        jobs = {due.job.name: InstalledJob.from_due(due) for due in simulator.due}

        def count(run: Run) -> None:
            jobs[run.job].tally.add(run)
            pulse()

        reached = None
        try:
            simulator.each(count)
        except Interrupted as stop:
            reached = stop.at
    except JobkitError as error:
        return NotSimulated(path=order.path, tenant=order.tenant, why=str(error))
    return Installation(
        path=order.path,
        plugin=plugin.slug,
        name=plugin.manifest.name,
        tenant=order.tenant,
        start=simulator.start,
        end=simulator.end,
        zone=simulator.zone,
        jobs=tuple(jobs.values()),
        manual=manual_jobs(plugin),
        warnings=plugin.warnings,
        reached=reached,
    )
