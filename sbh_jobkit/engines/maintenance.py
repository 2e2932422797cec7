"""What a scheduler does beside its ticks: a sign of life, the rows of dead schedulers, and what was left undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from sbh_jobkit.engines import cancelling, claims, heartbeat, identity, pauses, planner
from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.planner import among, chunks
from sbh_jobkit.engines.schema import GOING, UNDECIDED, State, job_run
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key, PlannedJob


def look(connection: Connection, worker: str, now: float) -> list[Key]:
    """Give a sign of life, settle the rows of dead schedulers, and return the jobs with undecided rows.

    Raises ClockError for a clock that has jumped, and gives no sign of life then.
    """
    heartbeat.check_clock(connection, now)
    heartbeat.beat(connection, worker, now)
    bury_dead(connection, worker, now)
    cancelling.settle(connection, now)
    c = job_run.c
    at = to_store(now)
    left = c.state.in_(UNDECIDED), c.fire_time <= at, or_(c.not_before.is_(None), c.not_before <= at)
    rows = connection.execute(select(c.tenant, c.plugin, c.job).where(*left).distinct())
    return [(row.tenant, row.plugin, row.job) for row in rows]


def bury_dead(connection: Connection, worker: str, now: float) -> list[claims.Claim]:
    """Settle the rows of schedulers that have died, or gave no sign of life for long; return what is lost."""
    workers = connection.execute(select(job_run.c.worker).where(job_run.c.state.in_(GOING)).distinct()).scalars().all()
    fresh = heartbeat.Lives.read(connection, now).fresh(now)
    alive = {other for other in workers if other in fresh and not identity.has_ended(other)} | {worker}
    if alive.issuperset(workers):
        return []
    return claims.bury(connection, alive, now, why="its scheduler died while it ran")


def begin_now(connection: Connection, worker: str, jobs: Sequence[PlannedJob], now: float) -> None:
    """Forget what was due before now, since somebody wants that, also what a clock that was ahead has written."""
    heartbeat.forget_future(connection, now)
    bury_dead(connection, worker, now)  # what they had only claimed is due again, and would start
    planner.begin_now(connection, jobs, now)
    forget_undecided(connection, jobs, now)


def forget_undecided(connection: Connection, jobs: Sequence[PlannedJob], now: float) -> None:
    """End what was due or waited before now, because somebody wants to begin now; a backfill stays."""
    left = job_run.c.state.in_((State.DUE, State.WAITING, State.RETRY))
    past = among(job_run), left, job_run.c.fire_time <= to_store(now)
    ended = {"state": State.ENDED, "outcome": Outcome.MISSED, "finished_at": to_store(now)}
    reason = "missed: forgotten, since the scheduler was started with --begin-now"
    statement = update(job_run).where(*past).values(**ended, reason=reason)
    for chunk in chunks(jobs):
        connection.execute(statement, {"keys": [job.key for job in chunk]})


def retire(connection: Connection, jobs: Sequence[PlannedJob], now: float) -> None:
    """End undecided rows of jobs that the served plugins do not have any more."""
    c = job_run.c
    served = {job.key for job in jobs}
    plugins = {key[:2] for key in served}
    undecided = select(c.tenant, c.plugin, c.job).where(c.state.in_(UNDECIDED)).distinct()
    for tenant, plugin, job in connection.execute(undecided).all():
        if (tenant, plugin) in plugins and (tenant, plugin, job) not in served:
            gone = c.state.in_(UNDECIDED), c.tenant == tenant, c.plugin == plugin, c.job == job
            ended = {"state": State.ENDED, "outcome": Outcome.MISSED, "finished_at": to_store(now)}
            reason = "missed: the plugin does not have this job any more"
            connection.execute(update(job_run).where(*gone).values(**ended, reason=reason))


def forget(connection: Connection, before: float) -> None:
    """Remove what only old fire times need: when schedulers were alive, and what was paused."""
    heartbeat.forget(connection, before)
    pauses.forget(connection, before)
