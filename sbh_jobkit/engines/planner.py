"""Planning: a row for each due instant, written before anything runs.

Planning again changes nothing, so any number of planners may run at once, and a clock that ticks twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, select, tuple_, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import State, insert, job_mark, job_run
from sbh_jobkit.schedule.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.manual import ManualOnly
    from sbh_jobkit.schedule.schedule import Schedule

LONGEST_PAST = 40 * 86_400.0
"""Seconds of the past that are planned at most, for a job that was not served for long."""
_LEAST = 1e-6
"""Seconds: the store knows no shorter time."""
_CHUNK = 1_000
KEY = ("tenant", "plugin", "job")
"""The columns that name a job."""
Key = tuple[str, str, str]
"""Tenant, plugin and job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A job of a tenant, when it is due, and what becomes of its due instants."""

    tenant: str
    plugin: str
    job: str
    schedule: Schedule | ManualOnly
    policy: Policy = field(default_factory=Policy)

    def is_in(self, table: Table) -> ColumnElement[bool]:
        """Return the condition for the rows of this job."""
        return and_(table.c.tenant == self.tenant, table.c.plugin == self.plugin, table.c.job == self.job)

    @property
    def key(self) -> Key:
        """What names the job."""
        return self.tenant, self.plugin, self.job

    @property
    def shown(self) -> str:
        """The schedule as a mark keeps it."""
        return f"{self.schedule.expression} {self.schedule.tz.key}"


def plan(connection: Connection, jobs: Sequence[PlannedJob], now: float, ahead: float = 0.0) -> int:
    """Write the due instants of jobs up to `now + ahead` (epoch seconds); return how many are new.

    A job that is seen for the first time begins now, so it never runs its past. Where its schedule has changed, the
    instants of the old one that lie ahead are withdrawn. The transaction is the caller's.
    """
    return sum(_plan(connection, chunk, now, now + ahead) for chunk in chunks(jobs))


def begin_now(connection: Connection, jobs: Sequence[PlannedJob], now: float) -> None:
    """Let jobs begin now, as if they were new."""
    for chunk in chunks(jobs):
        marks = _marks(connection, chunk, now)
        moment = to_store(now)
        _advance(connection, chunk, dict.fromkeys(marks, moment))


def chunks(jobs: Sequence[PlannedJob]) -> Iterator[Sequence[PlannedJob]]:
    """Split jobs, since a statement takes a limited number of values."""
    return (jobs[first : first + _CHUNK] for first in range(0, len(jobs), _CHUNK))


def among(table: Table) -> ColumnElement[bool]:
    """Return the condition for the rows of some jobs, whose keys are given as `keys` when it is executed."""
    return tuple_(*(table.c[name] for name in KEY)).in_(bindparam("keys", expanding=True))


# made once: to build a statement costs more than to execute it
_MARKS = select(job_mark).where(among(job_mark)).order_by(*(job_mark.c[name] for name in KEY))
_LOCK, _LOCK_FREE = _MARKS.with_for_update(), _MARKS.with_for_update(skip_locked=True)
_ADVANCE = (
    update(job_mark)
    .where(*(job_mark.c[name] == bindparam(f"its_{name}") for name in KEY))
    .values({"planned_to": bindparam("to"), "schedule": bindparam("shown")})
)


def lock(connection: Connection, jobs: Sequence[PlannedJob], *, waits: bool = True) -> dict[Key, Any]:
    """Return the marks of jobs, which no other transaction can change until this one ends.

    Without `waits`, those that another one has locked are left out.
    """
    rows = connection.execute(_LOCK if waits else _LOCK_FREE, {"keys": [job.key for job in jobs]})
    return {(row.tenant, row.plugin, row.job): row for row in rows}


def _plan(connection: Connection, jobs: Sequence[PlannedJob], now: float, until: float) -> int:
    marks, rows = _marks(connection, jobs, now), []
    for job in jobs:
        mark = marks[job.key]
        planned_to = from_store(mark.planned_to)
        if mark.schedule != job.shown:
            _withdraw(connection, job, now)
            planned_to = min(planned_to, now)
        # ranges are [start, end): what was planned before is left out, and the end is included
        since = max(planned_to, now - LONGEST_PAST) + _LEAST
        fires = job.schedule.epochs(since, until + _LEAST)
        same = {**dict(zip(KEY, job.key, strict=True)), "state": State.DUE, "planned_at": to_store(now)}
        rows += [{**same, "fire_time": to_store(fire)} for fire in fires]
    planned, given = 0, iter(rows)
    while chunk := list(islice(given, _CHUNK)):
        done = connection.execute(insert(connection, job_run).on_conflict_do_nothing(), chunk)
        planned += done.rowcount if done.rowcount >= 0 else len(chunk)
    _advance(connection, jobs, {key: max(to_store(until), mark.planned_to) for key, mark in marks.items()})
    return planned


def _marks(connection: Connection, jobs: Sequence[PlannedJob], now: float) -> dict[Key, Any]:
    marks = lock(connection, jobs)
    if new := [job for job in jobs if job.key not in marks]:
        rows = [
            {**dict(zip(KEY, job.key, strict=True)), "schedule": job.shown, "planned_to": to_store(now)} for job in new
        ]
        connection.execute(insert(connection, job_mark).on_conflict_do_nothing(), rows)
        marks |= lock(connection, new)
    return marks


def _withdraw(connection: Connection, job: PlannedJob, now: float) -> None:
    ahead_of_now = job_run.c.fire_time > to_store(now)
    connection.execute(delete(job_run).where(job.is_in(job_run), job_run.c.state == State.DUE, ahead_of_now))


def _advance(connection: Connection, jobs: Sequence[PlannedJob], to: Mapping[Key, int]) -> None:
    """Write up to when jobs are planned."""
    rows = [
        {
            **{f"its_{name}": value for name, value in zip(KEY, job.key, strict=True)},
            "to": to[job.key],
            "shown": job.shown,
        }
        for job in jobs
    ]
    connection.execute(_ADVANCE, rows)
