"""Cancelling runs by their rows: whichever scheduler has the run finds the wish there.

A row that has not started ends at once. One that a worker has claimed never starts, and one that runs is ended by the
scheduler that runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, literal, select, update

from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import UNDECIDED, State, job_run
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key


def cancel(connection: Connection, key: Key, fire: float, who: str, now: float) -> State | None:
    """Ask for the end of a run; return the state in which it was, and None where there is no such row."""
    c, (tenant, plugin, job) = job_run.c, key
    row = and_(c.tenant == tenant, c.plugin == plugin, c.job == job, c.fire_time == to_store(fire))
    latest = select(c.state).where(row).order_by(c.attempt.desc()).limit(1)  # only this attempt may be open
    found = connection.execute(latest.with_for_update()).scalar()
    if found is None:
        return None
    wish = c.state != State.ENDED, c.cancelled_by.is_(None)
    connection.execute(update(job_run).where(row, *wish).values(cancelled_by=who))
    settle(connection, now)
    return State(found)


def settle(connection: Connection, now: float) -> None:
    """End what was to be cancelled and has not started."""
    c = job_run.c
    undecided = c.state.in_(UNDECIDED), c.cancelled_by.is_not(None)
    reason = literal("cancelled by ") + c.cancelled_by + literal(", before it started")
    ended = {"state": State.ENDED, "outcome": Outcome.CANCELLED, "finished_at": to_store(now), "worker": None}
    connection.execute(update(job_run).where(*undecided).values(**ended, reason=reason))


def wishes(connection: Connection, worker: str) -> list[tuple[Claim, str]]:
    """Return the runs of a worker that go on and were to be cancelled, and by whom."""
    c = job_run.c
    mine = c.worker == worker, c.state == State.RUNNING, c.cancelled_by.is_not(None)
    return [
        (
            Claim(
                tenant=row.tenant,
                plugin=row.plugin,
                job=row.job,
                fire=from_store(row.fire_time),
                worker=worker,
                attempt=row.attempt,
            ),
            row.cancelled_by,
        )
        for row in connection.execute(select(job_run).where(*mine))
    ]
