"""One plugin at one tenant, replayed alone: what it is asked, and what it came to, both small enough to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.errors import Interrupted, JobkitError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.tally import Tally
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
class InstalledJob:
    """A job of an installation, or of a plugin at all its tenants, and what its runs came to."""

    name: str
    schedule: str
    english: str
    tally: Tally


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
    by_hand: tuple[str, ...] = ()
    """Jobs without a schedule."""
    warnings: tuple[str, ...] = ()
    """What is not wrong with the plugin, but surely not meant."""
    reached: datetime | None = None
    """The virtual time at which somebody interrupted it; None where it came to its end."""

    @property
    def runs(self) -> int:
        """How many due instants ended."""
        return sum(job.tally.runs for job in self.jobs)

    @property
    def failures(self) -> int:
        """How many of them need a look."""
        return sum(job.tally.failures for job in self.jobs)

    @property
    def ok(self) -> bool:
        """Whether none does."""
        return not self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReplayed:
    """A plugin that could not be replayed, and why."""

    path: str
    tenant: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A plugin to replay at a tenant."""

    path: str
    tenant: str
    conditions: Conditions = field(repr=False)


def replay(order: Task, pulse: Callable[[], object] = lambda: None) -> Installation | NotReplayed:
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
        tallies = {due.job.name: Tally() for due in simulator.due}

        def count(run: Run) -> None:
            tallies[run.job].add(run)
            pulse()

        reached = None
        try:
            simulator.each(count)
        except Interrupted as stop:
            reached = stop.at
    except JobkitError as error:
        return NotReplayed(path=order.path, tenant=order.tenant, why=str(error))
    return Installation(
        path=order.path,
        plugin=plugin.slug,
        name=plugin.manifest.name,
        tenant=order.tenant,
        start=simulator.start,
        end=simulator.end,
        zone=simulator.zone,
        jobs=tuple(
            InstalledJob(
                name=due.job.name,
                schedule=due.schedule.expression,
                english=due.schedule.describe(),
                tally=tallies[due.job.name],
            )
            for due in simulator.due
        ),
        by_hand=tuple(name for name, job in plugin.jobs.items() if job.expression is None),
        warnings=plugin.warnings,
        reached=reached,
    )
