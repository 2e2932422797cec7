"""A simulation: every fire time of a range in order, in virtual time, on one world that keeps its changes."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Self

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import Interrupted, TimeFormatError, WorldError
from sbh_jobkit.fakes.expectations import check_due
from sbh_jobkit.fakes.faults.injector import ActivePlan
from sbh_jobkit.fakes.session import FakeTenant
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.run import Fire, Run
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.run.virtual import VirtualSandbox
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policies import policy_lookup
from sbh_jobkit.simulation.conditions import Conditions
from sbh_jobkit.simulation.observations.modules import ModuleState
from sbh_jobkit.simulation.result import Simulation
from sbh_jobkit.simulation.timeline import Due, Timeline
from sbh_jobkit.simulation.unreached import watch_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.machine.lines import LineWatch
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.schedule.schedule import Schedule

_SELDOM = 10_000, 100
"""New objects between two looks of the garbage collector, and looks between two at those that are kept."""


class SeldomCollected:
    """While it is open, the collector looks for cycles less often: a run makes none, but what its job makes."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before = gc.get_threshold()

    def __enter__(self) -> Self:
        """Let more objects be made between two looks, unless the collector is off or looks less often already."""
        self._before = first, second, third = gc.get_threshold()
        if 0 < first < _SELDOM[0]:
            gc.set_threshold(_SELDOM[0], max(second, _SELDOM[1]), third)
        return self

    def __exit__(self, *_: object) -> None:
        """Set what was set before, unless someone has changed it meanwhile; the runs that are kept count as old."""
        if gc.get_threshold()[0] == _SELDOM[0]:
            if not gc.get_freeze_count():
                gc.freeze()  # without this, the collector would look at all of them at once
                gc.unfreeze()
            gc.set_threshold(*self._before)


class Simulator:
    """Runs a plugin's jobs from `start` until before `end`.

    Times are datetimes or ISO text; naive ones are in `tz`, else the world's zone, else the manifest's, else UTC.
    Without `world`, the `world.py` beside the plugin describes it.
    """

    def __init__(
        self,
        plugin: Plugin | str | Path,
        world: World | None = None,
        *,
        start: str | datetime = times.START,
        end: str | datetime | None = None,
        duration: str | timedelta | None = None,
        tz: str | None = None,
        jobs: Iterable[str] | None = None,
        policy: Policy | Mapping[str, Policy] | None = None,
        faults: FaultPlan | None = None,
        twice: bool = False,
        unreached: bool = False,
        time_limit: float | None = None,
    ) -> None:
        """Check everything that is given; nothing runs yet. `plugin` may also be what `Plugin.load` takes."""
        conditions = Conditions(
            start=start,
            end=end,
            duration=duration,
            tz=tz,
            jobs=jobs,
            policy=policy,
            faults=faults,
            twice=twice,
            unreached=unreached,
            time_limit=time_limit,
        )
        self._prepare(_loaded(plugin), world, conditions)

    @classmethod
    def under(cls, conditions: Conditions, plugin: Plugin, world: World | None = None) -> Self:
        """Make a simulator of conditions that are checked already."""
        simulator = cls.__new__(cls)
        simulator._prepare(plugin, world, conditions)  # noqa: SLF001  its own class
        return simulator

    def _prepare(self, plugin: Plugin, world: World | None, conditions: Conditions) -> None:
        if world is not None and not isinstance(world, World):
            msg = f"the world must be a World, got {world!r}; World.load('world.py') makes one of a file"
            raise WorldError(msg)
        self.plugin = plugin
        self.conditions = conditions
        self.world = world if world is not None else conditions.world_of(plugin.root)
        self.own_zone = conditions.zone_in(self.world)
        """The zone of `tz` or of the world, which counts instead of the manifest's; None if neither names one."""
        self.zone = self.own_zone or times.zone(plugin.manifest.timezone or "UTC")
        self.start, self.end = conditions.range_in(self.zone)
        policy_of = policy_lookup(conditions.policy, plugin.jobs)
        conditions.budget.check_jobs(plugin.jobs)
        names = plugin.jobs if conditions.jobs is None else conditions.jobs
        self.due = tuple(
            Due(job=plugin.jobs[name], schedule=schedule, policy=policy_of(name))
            for name in names
            if (schedule := plugin.jobs[name].schedule_in(self.own_zone)) is not None
        )

    def fires(self) -> Iterator[Fire]:
        """Yield every fire time of every job, in the order of time; nothing runs."""
        for epoch, index in merge(*(self._stream(index, due.schedule) for index, due in enumerate(self.due))):
            due = self.due[index]
            at = datetime.fromtimestamp(epoch, due.schedule.tz)
            yield Fire(plugin=self.plugin.slug, job=due.job.name, at=at, note=due.schedule.note(at))

    def count(self) -> int:
        """Count the fire times, quickly."""
        return sum(sum(1 for _ in self._stream(0, due.schedule)) for due in self.due)

    def _stream(self, index: int, schedule: Schedule) -> Iterator[tuple[int, int]]:
        return ((epoch, index) for epoch in schedule.epochs(self.start.timestamp(), self.end.timestamp()))

    def runs(self) -> Iterator[Run]:
        """Yield each run when it has ended; between two runs the process sees the machine's time.

        Past runs are not kept, and neither are their records: `world.events` has the events of the latest run only.
        """
        clock, tenant = VirtualClock(self.start, self.zone), self._tenant(snapshots=False)
        sandbox = VirtualSandbox(clock)
        steps = self._timeline(tenant).steps(clock, Runner(tenant, sandbox))
        while True:
            self.world.forget()
            with clock, sandbox:
                run = next(steps, None)
            if run is None:
                return
            yield run

    def each(self, look: Callable[[Run], object]) -> None:
        """Call `look` with each run when it has ended, still in virtual time; past runs are not kept.

        This is faster than `runs`, which returns to the machine's time after each run. Ctrl-C raises Interrupted.
        """
        clock, tenant = VirtualClock(self.start, self.zone), self._tenant(snapshots=False)
        timeline = self._timeline(tenant)
        try:
            with clock, VirtualSandbox(clock) as sandbox, SeldomCollected():
                for run in timeline.steps(clock, Runner(tenant, sandbox)):
                    look(run)
                    self.world.forget()
        except KeyboardInterrupt as stop:
            raise Interrupted(clock.now) from stop

    def until(self, at: str | datetime) -> Simulator:
        """Return the same simulator with another end: the fire times at `at` are its last."""
        last = times.instant_in_range(at, self.zone)
        if last < self.start:
            msg = f"{last.isoformat()} is before the start {self.start.isoformat()}"
            raise TimeFormatError(msg)
        shorter = copy(self)
        shorter.end = (last.astimezone(UTC) + timedelta(seconds=1)).astimezone(self.zone)
        return shorter

    def simulate(self, progress: Callable[[int], None] | None = None) -> Simulation:
        """Simulate the whole range; `progress` is called with the number of runs so far.

        Ctrl-C raises Interrupted, a KeyboardInterrupt whose `so_far` is the simulation up to that time.
        """
        if progress is None:
            return next(self._slices(None))

        def enough(done: int) -> bool:
            progress(done)
            return False

        return next(self._slices(enough))

    def slices(self, enough: Callable[[int], bool]) -> Iterator[Simulation]:
        """Simulate in slices: after each run, `enough` gets the number of runs so far and returns whether a slice ends.

        Yields the simulation up to that time, and at last all of it, always with the same list of runs. Between two
        slices the process sees the machine's time.
        """
        return self._slices(enough)

    def _slices(self, enough: Callable[[int], bool] | None) -> Iterator[Simulation]:
        """Simulate in slices, or all at once without `enough`."""
        clock, tenant = VirtualClock(self.start, self.zone), self._tenant()
        timeline, plan = self._timeline(tenant), tenant.plan
        tenant.alone = enough is None and not timeline.calls_others
        sandbox = VirtualSandbox(clock, alone=tenant.alone)
        timeline.snapshots, runs = [], list[Run]()
        state, watch = ModuleState(self.plugin), watch_lines(self.plugin, asked=self.conditions.unreached)
        steps, going = timeline.steps(clock, Runner(tenant, sandbox)), True
        while going:
            try:
                with watch or nullcontext(), clock, sandbox, SeldomCollected():
                    going = False
                    for run in steps:
                        runs.append(run)
                        if watch is not None:
                            watch.renew()
                        if enough is not None and (going := enough(len(runs))):
                            break
            except KeyboardInterrupt as stop:
                so_far = self._result(runs, timeline, plan, clock.now, state=state, watch=watch)
                raise Interrupted(clock.now, so_far) from stop
            yield self._result(runs, timeline, plan, clock.now if going else None, state=state, watch=watch)

    def _result(
        self,
        runs: list[Run],
        timeline: Timeline,
        plan: ActivePlan | None,
        reached: datetime | None,
        *,
        state: ModuleState,
        watch: LineWatch | None,
    ) -> Simulation:
        return Simulation(
            plugin=self.plugin,
            world=self.world,
            start=self.start,
            end=self.end,
            zone=self.zone,
            due=self.due,
            reached=reached,
            runs=runs,
            unused_faults=plan.unused_faults if plan is not None else (),
            module_changes=state.changes(self.world.redactor().text),
            watch=watch,
            conditions=self.conditions,
            snapshots=timeline.snapshots or [],
        )

    def _tenant(self, *, snapshots: bool = True) -> FakeTenant:
        plan = ActivePlan.for_jobs(self.conditions.plan, self.zone, self.plugin.jobs)
        return FakeTenant(self.world, plan=plan, time_limit=self.conditions.time_limit, snapshots=snapshots)

    def _timeline(self, tenant: FakeTenant) -> Timeline:
        self.world.refuse_to_go_back(self.start)
        tenant.begin(self.plugin.jobs, self.start, self.zone, self.own_zone)
        schedules = {due.job.name: due.schedule for due in self.due}
        check_due(self.world.expectations, self.plugin.jobs, schedules, self.start, self.end)
        return Timeline(
            tenant,
            self.due,
            start=self.start.timestamp(),
            end=self.end.timestamp(),
            zone=self.zone,
            down=self.conditions.plan.downtime(self.zone),
            twice=self.conditions.twice,
        )


def simulate(
    plugin: Plugin | str | Path,
    world: World | None = None,
    *,
    start: str | datetime = times.START,
    end: str | datetime | None = None,
    duration: str | timedelta | None = None,
    tz: str | None = None,
    jobs: Iterable[str] | None = None,
    policy: Policy | Mapping[str, Policy] | None = None,
    faults: FaultPlan | None = None,
    twice: bool = False,
    unreached: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Simulate a plugin's jobs over a range of dates (default: 30 days from 2026-01-01).

    `policy` is one policy for all jobs, or a policy by job; `faults` is what goes wrong during the simulation. With
    `twice`, `run.repeated` is what a second run would change; the second run leaves no trace. `unreached` asks for
    `simulation.unreached`, which is always there from Python 3.12 on.
    """
    conditions = Conditions(
        start=start,
        end=end,
        duration=duration,
        tz=tz,
        jobs=jobs,
        policy=policy,
        faults=faults,
        twice=twice,
        unreached=unreached,
    )
    return Simulator.under(conditions, _loaded(plugin), world).simulate(progress)


def _loaded(plugin: Plugin | str | Path) -> Plugin:
    return plugin if isinstance(plugin, Plugin) else Plugin.load(plugin)
