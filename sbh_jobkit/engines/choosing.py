"""Which jobs are looked at next: of the tenant with the fewest runs going on, the one that is due for longest.

So a tenant with many rows waits for its own, and not others for it. Whether a job may start is decided afterwards, in
the claim: another worker may have looked at the same time.
"""

from __future__ import annotations

from collections import Counter, deque
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, func, select

from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.schema import GOING, UNDECIDED, job_run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import BindParameter, ColumnElement, Select
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key

PAGE = 50
"""Jobs that are looked at first; most often some of them may start."""
_C = job_run.c


class DueJob(NamedTuple):
    """A job of which rows are due."""

    tenant: str
    plugin: str
    job: str
    since: int
    """When the oldest of them could have started, as the store has it."""
    rows: int
    runs: int
    """How many runs of its tenant go on."""
    place: int
    """How many runs of its tenant would go on if all of its jobs before this one, and this one, had started."""

    @property
    def key(self) -> Key:
        """What names the job."""
        return self.tenant, self.plugin, self.job


def _fair(*which: ColumnElement[bool]) -> Select[Any]:
    """Return the query; made once, since to build a statement costs more than to execute it."""
    ready = func.coalesce(_C.not_before, _C.fire_time)
    now: BindParameter[int] = bindparam("now")
    due = _C.state.in_(UNDECIDED), _C.fire_time <= now, ready <= now, _C.cancelled_by.is_(None)
    first = select(_C.tenant, _C.plugin, _C.job, func.min(ready).label("since"), func.count().label("rows"))
    jobs = first.where(*due, *which).group_by(_C.tenant, _C.plugin, _C.job).subquery()
    going = select(_C.tenant, func.count().label("runs")).where(_C.state.in_(GOING)).group_by(_C.tenant).subquery()
    j, runs = jobs.c, func.coalesce(going.c.runs, 0)
    place = runs + func.row_number().over(partition_by=j.tenant, order_by=(j.since, j.plugin, j.job))
    found = select(j.tenant, j.plugin, j.job, j.since, j.rows, runs, place.label("place"))
    found = found.join_from(jobs, going, going.c.tenant == j.tenant, isouter=True)
    by = found.selected_columns.place, j.since, j.tenant, j.plugin, j.job
    return found.order_by(*by).offset(bindparam("skip")).limit(bindparam("most"))


_OF_ALL = _fair()
_OF_SOME = _fair(_C.tenant.in_(bindparam("tenants", expanding=True)))


def fair(
    connection: Connection, now: float, tenants: Collection[str] = (), *, skip: int = 0, most: int = PAGE
) -> list[DueJob]:
    """Return jobs with rows that are due, of these tenants or of all, in the order in which they start if each may.

    The first `skip` are left out, and at most `most` are returned.
    """
    given = {"now": to_store(now), "skip": skip, "most": most}
    rows = (
        connection.execute(_OF_SOME, {**given, "tenants": list(tenants)})
        if tenants
        else connection.execute(_OF_ALL, given)
    )
    return [DueJob(*row) for row in rows]


class Choice:
    """Chooses among due jobs, and counts what it chose as runs of their tenants until it hears that they may not."""

    def __init__(self) -> None:
        """Know no jobs yet."""
        self._jobs: dict[str, deque[DueJob]] = {}
        self._runs: dict[str, int] = {}
        self._last = 0.0
        """Jobs that are not known have no place before this one; infinite when all are known."""

    def add(self, found: Iterable[DueJob], *, is_all: bool) -> None:
        """Learn of jobs, which `fair` has found; `is_all` where there are no others."""
        for job in found:
            self._jobs.setdefault(job.tenant, deque()).append(job)
            self._runs.setdefault(job.tenant, job.runs)
            self._last = job.place
        if is_all:
            self._last = inf

    @property
    def is_all(self) -> bool:
        """Whether all jobs are known that are due."""
        return self._last == inf

    def take(self, most: int) -> Counter[Key]:
        """Choose so many rows at most; fewer where one of a job that is not known may come first."""
        taken: Counter[Key] = Counter()
        while taken.total() < most and (job := self._next()) is not None:
            taken[job.key] += 1
            self._runs[job.tenant] += 1
            if job.rows > 1:  # another one of it comes after a row of each other job
                self._jobs[job.tenant].append(job._replace(rows=job.rows - 1))
        return taken

    def give_back(self, key: Key, rows: int) -> None:
        """Hear that so many rows of a job did not start, so that no other one of it would."""
        self._runs[key[0]] -= rows
        self._jobs[key[0]] = deque(job for job in self._jobs[key[0]] if job.key != key)

    def _next(self) -> DueJob | None:
        """Take the next job out; None where none is left, or another one may come first."""
        left = self._jobs if not self.is_all else [tenant for tenant, jobs in self._jobs.items() if jobs]
        tenant = min(left, key=self._place, default=None)
        if tenant is None or not self._jobs[tenant] or self._runs[tenant] >= self._last:
            return None
        return self._jobs[tenant].popleft()

    def _place(self, tenant: str) -> tuple[int, int, str]:
        jobs = self._jobs[tenant]
        return self._runs[tenant], jobs[0].since if jobs else -1, tenant
