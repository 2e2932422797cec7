"""Planning: a row for each due instant, written before anything runs.

Planning again changes nothing, so any number of planners may run at once, and a clock that ticks twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, select, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.errors import StoreError
from sbh_jobkit.schedule.policy import Policy

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.schedule.schedule import Schedule

MAX_GAP = 40 * 86_400.0
"""Seconds that may lie between two plans; beyond that a clock has jumped, and planning would write years of rows."""
_CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A job of a tenant, when it is due, and what becomes of its due instants."""

    tenant: str
    plugin: str
    job: str
    schedule: Schedule
    policy: Policy = field(default_factory=Policy)

    def is_in(self, table: Table) -> ColumnElement[bool]:
        """Return the condition for the rows of this job."""
        return and_(table.c.tenant == self.tenant, table.c.plugin == self.plugin, table.c.job == self.job)

    @property
    def key(self) -> dict[str, Any]:
        """The columns that name the job."""
        return {"tenant": self.tenant, "plugin": self.plugin, "job": self.job}


def plan(store: Store, job: PlannedJob, now: float, ahead: float) -> int:
    """Write the due instants of a job up to `now + ahead` (epoch seconds); return how many are new.

    A job that is seen for the first time begins now, so it never runs its past. Where its schedule has changed, the
    instants of the old one that lie ahead are withdrawn. Raises StoreError where the clock has jumped by more than
    MAX_GAP, in either direction.
    """
    shown = f"{job.schedule.expression} {job.schedule.tz.key}"
    with store.write() as connection:
        mark = _lock(store, connection, job, shown, now)
        planned_to = from_store(mark.planned_to)
        _check_clock(job, planned_to, now, ahead)
        if mark.schedule != shown:
            ahead_of_now = job_run.c.fire_time > to_store(now)
            connection.execute(delete(job_run).where(job.is_in(job_run), job_run.c.state == State.DUE, ahead_of_now))
            planned_to = min(planned_to, now)
        until = now + ahead
        # whole seconds, so half a second later is after the last one that was planned, and includes the end
        fires = job.schedule.epochs(planned_to + 0.5, until + 0.5)
        planned = 0
        while chunk := list(islice(fires, _CHUNK)):
            rows = [
                {**job.key, "fire_time": to_store(fire), "state": State.DUE, "planned_at": to_store(now)}
                for fire in chunk
            ]
            done = connection.execute(store.insert(job_run).on_conflict_do_nothing(), rows)
            planned += done.rowcount if done.rowcount >= 0 else len(rows)
        later = to_store(max(until, planned_to))
        connection.execute(update(job_mark).where(job.is_in(job_mark)).values(planned_to=later, schedule=shown))
    return planned


def _lock(store: Store, connection: Connection, job: PlannedJob, shown: str, now: float) -> Any:
    """Return the job's mark, which no other planner can change until the transaction ends."""
    new = {**job.key, "schedule": shown, "planned_to": to_store(now)}
    connection.execute(store.insert(job_mark).values(new).on_conflict_do_nothing())
    return connection.execute(select(job_mark).where(job.is_in(job_mark)).with_for_update()).one()


def _check_clock(job: PlannedJob, planned_to: float, now: float, ahead: float) -> None:
    gap = now - planned_to
    if -ahead - MAX_GAP <= gap <= MAX_GAP:
        return
    days = round(abs(gap) / 86_400)
    way = "forward" if gap > 0 else "back"
    msg = (
        f"{job.plugin}/{job.job}: the clock has jumped {way} by {days} days since the last plan, so nothing is planned;"
    )
    msg += " set the clock, or remove the job's row from sbh_job_mark to begin now"
    raise StoreError(msg)
