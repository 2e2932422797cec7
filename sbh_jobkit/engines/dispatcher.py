"""Deciding and claiming, on rows: what becomes of each due instant, in one transaction with the claim.

`policy.decide` is asked with every undecided row of the job, never with what an engine passes along. A row that was
decided is never decided again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from sbh_jobkit.engines.heartbeat import downtime
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.policy import Action, Decision, decide, decide_queued

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import PlannedJob
    from sbh_jobkit.engines.store import Store

_OUTCOMES = {Action.SKIP: Outcome.SKIPPED, Action.COALESCE: Outcome.COALESCED, Action.MISS: Outcome.MISSED}
_GOING = (State.CLAIMED, State.RUNNING)


def dispatch(store: Store, job: PlannedJob, now: float, worker: str, *, slots: int) -> list[Decision]:
    """Decide on every due instant of a job up to `now`, and claim for a worker those that start.

    At most `slots` are claimed; a row for which there is no slot stays as it is. Returns all decisions, oldest first.
    """
    with store.write() as connection:
        connection.execute(select(job_mark.c.planned_to).where(job.is_in(job_mark)).with_for_update())
        return _Dispatch(connection, job, now, worker, slots).run()


def count_going(store: Store, worker: str) -> int:
    """Return how many runs a worker has claimed or started, and not ended."""
    with store.read() as connection:
        going = job_run.c.state.in_(_GOING), job_run.c.worker == worker
        return connection.execute(select(func.count()).select_from(job_run).where(*going)).scalar_one()


class _Dispatch:
    """One transaction on one job."""

    def __init__(self, connection: Connection, job: PlannedJob, now: float, worker: str, slots: int) -> None:
        self._connection = connection
        self._job = job
        self._now = now
        self._worker = worker
        self._slots = slots
        self._decided: list[Decision] = []
        rows = self._open_rows()
        self._running = [fire for fire, state, _ in rows if state in _GOING]
        self._waiting = {fire: reason for fire, state, reason in rows if state == State.WAITING}
        self._due = [fire for fire, state, _ in rows if state == State.DUE]

    def run(self) -> list[Decision]:
        self._dequeue()
        if self._due and (self._slots or len(self._running) >= self._job.policy.max_instances):
            self._decide_due()
            self._dequeue()
        return sorted(self._decided, key=lambda decision: decision.fire)

    def _open_rows(self) -> Sequence[tuple[float, str, str | None]]:
        open_ = job_run.c.state != State.ENDED, job_run.c.fire_time <= to_store(self._now)
        query = select(job_run.c.fire_time, job_run.c.state, job_run.c.reason).where(self._job.is_in(job_run), *open_)
        found = self._connection.execute(query.order_by(job_run.c.fire_time))
        return [(from_store(fire), state, reason) for fire, state, reason in found]

    def _dequeue(self) -> None:
        """Start what has waited, the longest first, as far as the policy and the slots have room."""
        while self._waiting and self._slots and len(self._running) < self._job.policy.max_instances:
            fire, why = next(iter(self._waiting.items()))
            del self._waiting[fire]
            self._carry_out(decide_queued(self._job.policy, fire, self._now, since=why or "", tz=self._job.schedule.tz))

    def _decide_due(self) -> None:
        policy, tz, fires = self._job.policy, self._job.schedule.tz, self._due
        down = downtime(self._connection, fires[0], self._now)
        running = list(self._running)
        for decision in decide(
            policy, fires, self._now, running=running, waiting=list(self._waiting), down=down, tz=tz
        ):
            if decision.action is Action.WAIT:
                self._write(decision.fire, state=State.WAITING, reason=decision.reason)
                self._waiting[decision.fire] = decision.reason
                self._decided.append(decision)
            elif decision.action is not Action.START or self._slots:
                self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        if decision.action is Action.START:
            self._write(decision.fire, state=State.CLAIMED, worker=self._worker, reason=decision.reason)
            self._running.append(decision.fire)
            self._slots -= 1
        else:
            ended = {"outcome": _OUTCOMES[decision.action], "finished_at": to_store(self._now)}
            self._write(decision.fire, state=State.ENDED, reason=decision.reason, **ended)
        self._decided.append(decision)

    def _write(self, fire: float, **values: object) -> None:
        row = job_run.c.fire_time == to_store(fire)
        self._connection.execute(update(job_run).where(self._job.is_in(job_run), row).values(**values))
