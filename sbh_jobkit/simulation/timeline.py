"""The order of events in a simulation: `@every` functions of the world, jobs that are due, wait or are tried again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush, merge
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, NamedTuple

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
_TURN, _DUE, _UP, _RETRY = 0, 1, 2, 3
"""The order at one time: jobs that waited, jobs that are due, the scheduler that is back, runs that are tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A job with its schedule and policy in a simulation."""

    job: Job
    schedule: Schedule
    policy: Policy = field(default_factory=Policy)


class TimedSnapshot(NamedTuple):
    """The world at a point of the simulation."""

    epoch: float
    after_run: bool
    """Whether it is the world after a run that started then, or before the jobs of that time."""
    snapshot: WorldSnapshot


class Timeline:
    """All events of one simulation, from one world; times are epoch seconds."""

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
        """Plan the fire times. `down` is when the scheduler is down, in order.

        With `twice`, every run is followed by a second one, which is taken back.
        """
        self._tenant = tenant
        self._world = world = tenant.world
        self._due = due
        self._zone = zone
        self._end = end
        self._twice = twice
        self._down = [window for window in down if window.end > start]
        self._queues = [JobQueue(each.policy, each.schedule.tz) for each in due]
        self._ticks = list(world.script.ticks) if world.script else []
        first = -len(self._ticks)  # the world changes before the jobs of the same time see it
        schedules = [*(tick.schedule(zone) for tick in self._ticks), *(each.schedule for each in due)]
        streams = [_stream(schedule, start, end, first + n) for n, schedule in enumerate(schedules)]
        self._fires = streams[0] if len(streams) == 1 else merge(*streams)
        self._later: list[tuple[float, int, int]] = []
        """Events found on the way: time, kind, and the index of a queue or of a downtime."""
        self.snapshots: list[TimedSnapshot] | None = None
        """The world after each step; None does not keep it, a list does."""

    @property
    def calls_others(self) -> bool:
        """Whether code that is not the kit's is called between runs: of the world's script, or of extensions."""
        return bool(self._ticks or self._world.extensions)

    def steps(self, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        """Yield a run for every attempt at a fire time when it has ended; extensions see the run first."""
        steps = self._steps(clock, runner)
        return map(self._world.extensions.notify, steps) if self._world.extensions else steps

    def _steps(self, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        self._keep(clock.epoch)
        for epoch, index in chain(self._fires, [(inf, 0)]):
            while self._later and self._later[0][:2] < (epoch, _DUE):
                yield from self._run_event(*heappop(self._later), clock, runner)
            if epoch == inf:
                return
            if index < 0:
                self._tick(clock, self._ticks[index], epoch)
            elif not self._down or self._is_up(index, epoch):
                queue = self._queues[index]
                yield from self._run_decisions(index, queue.due([epoch], epoch), epoch, clock, runner)

    def _run_event(self, epoch: float, kind: int, which: int, clock: VirtualClock, runner: Runner) -> Iterator[Run]:
        if kind in {_TURN, _RETRY}:
            until = next((window.end for window in self._down if epoch in window), None)
            if until is not None:
                heappush(self._later, (until, kind, which))
                return
            queue = self._queues[which]
            if kind == _TURN and (turn := queue.next_turn(epoch)) is not None and turn > epoch:
                heappush(self._later, (turn, _TURN, which))  # with allow, others have started in the meantime
                return
            back = next((window for window in self._down if epoch == window.end), None)
            decision = queue.dequeue(epoch) if kind == _TURN else queue.retry(epoch, back)
            yield from self._run_decisions(which, [decision], epoch, clock, runner)
            return
        for index, queue in enumerate(self._queues):
            if queue.missed and epoch >= self._end:
                yield from (self._not_started(self._due[index], each) for each in queue.give_up(self._down[which]))
            elif queue.missed:
                yield from self._run_decisions(index, queue.catch_up(self._down[which]), epoch, clock, runner)

    def _is_up(self, index: int, epoch: float) -> bool:
        """Return whether the scheduler is up at a fire time; if not, keep the fire time until it is."""
        for number, window in enumerate(self._down):
            if window.start <= epoch < window.end or (epoch == window.end and self._queues[index].missed):
                if not any(queue.missed for queue in self._queues):
                    heappush(self._later, (window.end, _UP, number))
                self._queues[index].missed.append(epoch)
                return False
        return True

    def _run_decisions(
        self, index: int, decisions: Sequence[Decision], now: float, clock: VirtualClock, runner: Runner
    ) -> Iterator[Run]:
        due, queue = self._due[index], self._queues[index]
        for decision in decisions:
            if decision.action is Action.START:
                if self._twice:
                    run = self._run_twice(due, decision, now, clock, runner)
                else:
                    clock.move_to(now, due.schedule.tz)
                    run = runner.run(due.job, decision.fire, due.schedule, started=now, reason=decision.reason)
                queue.started(decision.fire, clock.epoch)
                if decision.attempt > 1:
                    run = replace(run, attempt=decision.attempt)
                if (
                    due.policy.retry
                    and (ready := queue.ended(decision, run.outcome, self._known(run, clock))) is not None
                ):
                    heappush(self._later, (ready, _RETRY, index))
                if self.snapshots is not None:
                    self._keep(now, run)
                yield run
            elif decision.action is not Action.WAIT:
                yield self._not_started(due, decision)
        turn = None if queue.has_turn else queue.next_turn(now)
        if turn is not None:
            queue.has_turn = True
            heappush(self._later, (turn, _TURN, index))

    def _known(self, run: Run, clock: VirtualClock) -> float:
        """Return when the scheduler knows how a run ended: one that died with the scheduler, when that is back."""
        if run.outcome is not Outcome.LOST:
            return clock.epoch
        return next((window.end for window in self._down if clock.epoch in window), clock.epoch)

    def _run_twice(self, due: Due, decision: Decision, now: float, clock: VirtualClock, runner: Runner) -> Run:
        def start(job: Job) -> Run:
            clock.move_to(now, due.schedule.tz)
            return runner.run(job, decision.fire, due.schedule, started=now, reason=decision.reason)

        return run_twice(start, due.job, self._tenant, clock)

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
            attempt=decision.attempt,
            before=kept,
            after=kept,
        )


def _stream(schedule: Schedule, start: float, end: float, index: int) -> Iterator[tuple[float, int]]:
    return ((epoch, index) for epoch in schedule.epochs(start, end))
