"""The core on a clock that jumps from one event to the next: what it decides in a range of dates.

Nothing runs: how long each run takes is given. So its rows can be held against those of a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sqlalchemy import select, update

from sbh_jobkit.engines import claims, heartbeat
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.planner import plan
from sbh_jobkit.engines.schema import State, insert, job_mark, job_run
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.policy import TRIED_AGAIN, Window, decide_still_down

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.dispatched import Dispatched
    from sbh_jobkit.engines.planner import PlannedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.schedule.policy import Decision

    Ends = Callable[[PlannedJob, float, int], "RunEnd"]

WORKER = "rehearsal"
"""Whose claims they are."""
_SLOTS = 1_000_000
_FOR_EVER = 1e9
"""Seconds: there is no sign of life between two events."""
_END, _DOWN, _UP, _FIRE = range(4)


class RunEnd(NamedTuple):
    """How a run ends, and after how many seconds."""

    seconds: float = 0.0
    outcome: Outcome = Outcome.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of one due instant; times are epoch seconds."""

    job: PlannedJob
    fire: float
    started: float | None
    outcome: str
    reason: str | None
    attempt: int = 1
    offered: Sequence[float] | None = None
    """When an engine was to bring it to a worker, for each time that it was asked; None where there is no engine."""

    @property
    def at(self) -> datetime:
        """The fire time, in the zone of the schedule."""
        return datetime.fromtimestamp(self.fire, self.job.schedule.tz)


class Side(Protocol):
    """How a scheduler plans and decides."""

    def plan(self, connection: Connection, jobs: Sequence[PlannedJob], now: float, ahead: float) -> None:
        """Write the rows that are due up to now; those of the next `ahead` seconds may be written, too."""

    def dispatch(self, connection: Connection, jobs: Sequence[PlannedJob], now: float) -> Sequence[Dispatched]:
        """Decide, and claim what starts."""

    def offered(self, job: PlannedJob, fire: float, attempt: int) -> Sequence[float] | None:
        """Return when an engine was asked to bring a row; None where there is no engine."""


class LocalSide:
    """A scheduler that runs jobs itself: it plans what is due, and decides on it at once."""

    def plan(self, connection: Connection, jobs: Sequence[PlannedJob], now: float, ahead: float) -> None:
        """Write the rows that are due now."""
        del ahead
        plan(connection, jobs, now)

    def dispatch(self, connection: Connection, jobs: Sequence[PlannedJob], now: float) -> Sequence[Dispatched]:
        """Decide on these jobs."""
        return dispatch(connection, jobs, now, WORKER, slots=_SLOTS)

    def offered(self, job: PlannedJob, fire: float, attempt: int) -> Sequence[float] | None:  # noqa: ARG002
        """Return None: nobody is asked."""
        return None


class _Event(NamedTuple):
    at: float
    kind: int
    job: int = -1
    fire: float = 0.0
    attempt: int = 1


class Rehearsal:
    """A scheduler that is alive in [start, end), except for some windows, on an empty store."""

    def __init__(
        self,
        store: Store,
        jobs: Sequence[PlannedJob],
        start: float,
        end: float,
        *,
        ends: Ends,
        down: Sequence[Window] = (),
        side: Side | None = None,
    ) -> None:
        """Let an attempt at a fire time of a job end as `ends(job, fire, attempt)` says."""
        self._store = store
        self._jobs = jobs
        self._start, self._end = start, end
        self._ends = ends
        self._down = down
        self._side = side or LocalSide()
        self._events = [
            _Event(fire, _FIRE, number) for number, job in enumerate(jobs) for fire in job.schedule.epochs(start, end)
        ]
        self._events += [_Event(window.start, _DOWN) for window in down]
        self._events += [_Event(window.end, _UP) for window in down]
        heapify(self._events)
        self._runs: dict[claims.Claim, RunEnd] = {}
        """The runs that go on, and how they will end."""

    def run(self) -> list[Decided]:
        """Go from event to event, and return what became of each due instant, by job and fire time."""
        with self._store.write() as connection:
            self._begin(connection)
        while self._events:
            with self._store.write() as connection:
                if self._events[0].at >= self._end and not self._has_open(connection):
                    break
                self._step(connection, self._events[0].at)
        with self._store.write() as connection:
            self._close(connection)
            return [decided for job in self._jobs for decided in self._rows(connection, job)]

    def _begin(self, connection: Connection) -> None:
        """Know the jobs since just before the range, and be alive before it, where the scheduler is down at first."""
        first = min([self._start, *(window.start for window in self._down)])
        heartbeat.beat(connection, "0", first, lease=_FOR_EVER)
        before = to_store(self._start - 1)
        for job in self._jobs:
            key = {"tenant": job.tenant, "plugin": job.plugin, "job": job.job}
            connection.execute(insert(connection, job_mark).values(**key, schedule=job.shown, planned_to=before))

    def _step(self, connection: Connection, now: float) -> None:
        """Let everything happen that happens at one instant."""
        happened = []
        while self._events and self._events[0].at == now:
            happened.append(heappop(self._events))
        for event in happened:
            if event.kind == _END:
                self._finish(connection, event.job, self._claim(event), now)
        is_down = any(now in window for window in self._down)
        if not is_down or any(event.kind == _DOWN for event in happened):
            heartbeat.beat(connection, self._life(now), now, lease=_FOR_EVER)
        if is_down:
            return
        due = {event.job for event in happened if event.job >= 0}
        everyone = any(event.kind == _UP for event in happened)
        jobs = [job for number, job in enumerate(self._jobs) if everyone or number in due]
        last = self._end - 1
        self._side.plan(connection, jobs, min(now, last), max(0.0, last - now))
        if now >= self._end:
            self._close(connection)
        while self._start_some(connection, jobs, now):
            pass

    def _life(self, now: float) -> str:
        """Return which scheduler is alive: each return is another one."""
        return str(sum(window.end <= now for window in self._down))

    def _start_some(self, connection: Connection, jobs: Sequence[PlannedJob], now: float) -> bool:
        started = False
        for done in self._side.dispatch(connection, jobs, now):
            for decision in done.starts:
                started = True
                self._begin_run(connection, done.job, decision, now)
        return started

    def _begin_run(self, connection: Connection, job: PlannedJob, decision: Decision, now: float) -> None:
        end = self._ends(job, decision.fire, decision.attempt)
        at = now + end.seconds
        if end.outcome is Outcome.LOST:  # which the next scheduler finds out
            at = next((window.end for window in self._down if at in window), at)
        event = _Event(at, _END, self._jobs.index(job), decision.fire, decision.attempt)
        claim = self._claim(event)
        claims.start(connection, claim, now)
        self._runs[claim] = end
        if at > now:
            heappush(self._events, event)
        else:
            self._finish(connection, event.job, claim, now)

    def _claim(self, event: _Event) -> claims.Claim:
        job = self._jobs[event.job]
        names = {"tenant": job.tenant, "plugin": job.plugin, "job": job.job}
        return claims.Claim(**names, fire=event.fire, worker=WORKER, attempt=event.attempt)

    def _finish(self, connection: Connection, job: int, claim: claims.Claim, now: float) -> None:
        end = self._runs.pop(claim)
        ended = {"state": State.ENDED, "outcome": end.outcome, "finished_at": to_store(now)}
        connection.execute(update(job_run).where(claim.row).values(**ended))
        if end.outcome in TRIED_AGAIN:
            for ready in claims.follow_up(connection, [claim], now):
                heappush(self._events, _Event(ready, _FIRE, job))

    def _has_open(self, connection: Connection) -> bool:
        """Return whether anything goes on, waits, or is to be tried again."""
        states = (State.WAITING, State.RETRY, State.CLAIMED, State.RUNNING)
        return connection.execute(select(job_run.c.state).where(job_run.c.state.in_(states))).first() is not None

    def _close(self, connection: Connection) -> None:
        """End the fire times of a scheduler that comes back only after the range, as the simulator does."""
        plan(connection, self._jobs, self._end - 1)
        back = next((window for window in self._down if window.end >= self._end), None)
        if back is None:
            return
        for job in self._jobs:
            due = select(job_run.c.fire_time).where(job.is_in(job_run), job_run.c.state == State.DUE)
            for fire in map(from_store, connection.execute(due).scalars().all()):
                missed = decide_still_down(fire, back, job.schedule.tz)
                ended = {"state": State.ENDED, "outcome": Outcome.MISSED, "reason": missed.reason}
                row = job.is_in(job_run), job_run.c.fire_time == to_store(fire), job_run.c.state == State.DUE
                connection.execute(update(job_run).where(*row).values(**ended, finished_at=to_store(back.end)))

    def _rows(self, connection: Connection, job: PlannedJob) -> list[Decided]:
        order = job_run.c.fire_time, job_run.c.attempt
        found = connection.execute(select(job_run).where(job.is_in(job_run)).order_by(*order))
        return [
            Decided(
                job=job,
                fire=from_store(row.fire_time),
                started=None if row.started_at is None else from_store(row.started_at),
                outcome=row.outcome or row.state,
                reason=row.reason,
                attempt=row.attempt,
                offered=self._side.offered(job, from_store(row.fire_time), row.attempt),
            )
            for row in found
        ]
