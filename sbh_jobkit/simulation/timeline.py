"""Going through a range on one world: its life and its jobs' due instants in their order, each ending as a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush, merge
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Action, Decision, Policy, Window
from sbh_jobkit.simulation.idempotency import run_twice
from sbh_jobkit.simulation.job_queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.script import Tick
    from sbh_jobkit.fakes.session import FakeTenant
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import WorldSnapshot
    from sbh_jobkit.run.runner import Runner
    from sbh_jobkit.schedule.schedule import Schedule

_OUTCOMES = {Action.SKIP: Outcome.SKIPPED, Action.COALESCE: Outcome.COALESCED, Action.MISS: Outcome.MISSED}
_TURN, _DUE, _BACK = 0, 1, 2
"""In this order at one instant: who waited goes first, and a scheduler that comes back sees what is due just then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A job, the schedule that it has in a simulation, and what becomes of its due instants."""

    job: Job
    schedule: Schedule
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class TimedSnapshot:
    """The world at a point of the simulation."""

    epoch: float
    after_run: bool
    """Whether it is the world after a run that started then, or before the jobs of that time."""
    snapshot: WorldSnapshot


class Timeline:
    """One way through a range of epoch seconds."""

    def __init__(
        self,
        tenant: FakeTenant,
        due: Sequence[Due],
        *,
        start: float,
        end: float,
        zone: ZoneInfo,
        down: Sequence[Window] = (),
        twice: bool = False,
    ) -> None:
        """Settle what will happen when; `down` are the times, in their order, when the scheduler is down.

        `twice` lets each run know what a second one would have done.
        """
        self._tenant = tenant
        self._world = world = tenant.world
        self._due = due
        self._zone = zone
        self._end = end
        self._twice = twice
        self._down = [window for window in down if window.end > start]
        self._lanes = [JobQueue(each.policy, each.schedule.tz) for each in due]
        self._ticks = list(world.script.ticks) if world.script else []
        first = -len(self._ticks)  # life goes on before the jobs of the same instant look at it
        schedules = [*(tick.schedule(zone) for tick in self._ticks), *(each.schedule for each in due)]
        self._fires = merge(*(_stream(schedule, start, end, first + n) for n, schedule in enumerate(schedules)))
        self._later: list[tuple[float, int, int]] = []
        """What was found out on the way: when, what, and whose lane, or which time the scheduler was down."""
        self.snapshots: list[TimedSnapshot] | None = None
        """The world at each step, where somebody wants to keep it: put a list here."""

    def steps(self, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        """Yield every due instant as a run, as it ends; extensions see it first."""
        return map(self._tenant.notify, self._steps(clock, runner))

    def _steps(self, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        self._keep(clock.epoch)
        for epoch, index in chain(self._fires, [(inf, 0)]):
            while self._later and self._later[0][:2] < (epoch, _DUE):
                yield from self._happen(*heappop(self._later), clock, runner)
            if epoch == inf:
                return
            if index < 0:
                self._tick(clock, self._ticks[index], epoch)
            elif self._is_up(index, epoch):
                lane = self._lanes[index]
                yield from self._carry_out(index, lane.due([epoch], epoch), epoch, clock, runner)

    def _happen(self, epoch: float, what: int, which: int, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        if what == _TURN:
            until = next((window.end for window in self._down if epoch in window), None)
            if until is not None:
                heappush(self._later, (until, _TURN, which))
            else:
                yield from self._carry_out(which, [self._lanes[which].turn(epoch)], epoch, clock, runner)
            return
        for index, lane in enumerate(self._lanes):
            if lane.unseen and epoch >= self._end:
                yield from (self._never_seen(index, fire, self._down[which]) for fire in lane.unseen)
            elif lane.unseen:
                yield from self._carry_out(index, lane.came_back(self._down[which]), epoch, clock, runner)

    def _is_up(self, index: int, epoch: float) -> bool:
        """Whether the scheduler sees a fire time; if not, note it for when it comes back."""
        for number, window in enumerate(self._down):
            if window.start <= epoch < window.end or (epoch == window.end and self._lanes[index].unseen):
                if not any(lane.unseen for lane in self._lanes):
                    heappush(self._later, (window.end, _BACK, number))
                self._lanes[index].unseen.append(epoch)
                return False
        return True

    def _carry_out(
        self, index: int, decisions: Sequence[Decision], now: float, clock: VirtualClock, runner: Runner
    ) -> Iterator[Run]:
        due, lane = self._due[index], self._lanes[index]
        for decision in decisions:
            if decision.action is Action.START:
                run = self._run(due, decision, now, clock, runner)
                lane.started(decision.fire, clock.epoch)
                self._keep(now, run)
                yield run
            elif decision.action is not Action.WAIT:
                yield self._not_started(due, decision)
        turn = None if lane.expects_turn else lane.next_turn(now)
        if turn is not None:
            lane.expects_turn = True
            heappush(self._later, (turn, _TURN, index))

    def _run(self, due: Due, decision: Decision, now: float, clock: VirtualClock, runner: Runner) -> Run:
        def start() -> Run:
            clock.move_to(now, due.schedule.tz)
            return runner.run(due.job, decision.fire, due.schedule, started=now, reason=decision.reason)

        return run_twice(start, self._tenant, clock) if self._twice else start()

    def _tick(self, clock: VirtualClock, tick: Tick, epoch: float) -> None:
        clock.move_to(epoch, self._zone)
        if self._world.script is not None:
            self._world.script.tick(tick, self._world, clock.now)
        self._keep(epoch)

    def _keep(self, epoch: float, run: Run | None = None) -> None:
        if self.snapshots is not None:
            kept = run.after if run is not None else None
            self.snapshots.append(TimedSnapshot(epoch, run is not None, kept or self._world.snapshot()))

    def _not_started(self, due: Due, decision: Decision) -> Run:
        kept = self.snapshots[-1].snapshot if self.snapshots else None
        return Run(
            tenant=self._world.tenant_id,
            plugin=due.job.manifest.slug,
            job=due.job.name,
            fire_time=datetime.fromtimestamp(decision.fire, due.schedule.tz),
            started_at=None,
            duration=timedelta(0),
            outcome=_OUTCOMES[decision.action],
            reason=decision.reason,
            before=kept,
            after=kept,
        )

    def _never_seen(self, index: int, fire: float, down: Window) -> Run:
        since = datetime.fromtimestamp(down.start, self._due[index].schedule.tz)
        reason = f"missed: the scheduler was down from {since:%Y-%m-%d %H:%M} until after the end of the range"
        return self._not_started(self._due[index], Decision(fire=fire, action=Action.MISS, reason=reason))


def _stream(schedule: Schedule, start: float, end: float, index: int) -> Iterator[tuple[float, int]]:
    return ((epoch, index) for epoch in schedule.epochs(start, end))
