"""Which job is looked at next: of the tenant with the fewest runs going on, the one that is due for longest.

So a tenant with many rows waits for its own, and not others for it. Whether the job may start is decided afterwards,
in the claim: another worker may have looked at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.schema import GOING, UNDECIDED, job_run

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import BindParameter, ColumnElement, Select
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key

PAGE = 50
"""Jobs that are looked at first; most often one of them may start."""
_C = job_run.c


def _fair(*which: ColumnElement[bool]) -> Select[Any]:
    """Return the query; made once, since to build a statement costs more than to execute it."""
    ready = func.coalesce(_C.not_before, _C.fire_time)
    now: BindParameter[int] = bindparam("now")
    due = _C.state.in_(UNDECIDED), _C.fire_time <= now, ready <= now, _C.cancelled_by.is_(None)
    first = select(_C.tenant, _C.plugin, _C.job, func.min(ready).label("since")).where(*due, *which)
    jobs = first.group_by(_C.tenant, _C.plugin, _C.job).subquery()
    going = select(_C.tenant, func.count().label("runs")).where(_C.state.in_(GOING)).group_by(_C.tenant).subquery()
    found = select(jobs.c.tenant, jobs.c.plugin, jobs.c.job).join_from(
        jobs, going, going.c.tenant == jobs.c.tenant, isouter=True
    )
    by = func.coalesce(going.c.runs, 0), jobs.c.since, jobs.c.tenant, jobs.c.plugin, jobs.c.job
    return found.order_by(*by).offset(bindparam("skip")).limit(bindparam("most"))


_OF_ALL = _fair()
_OF_SOME = _fair(_C.tenant.in_(bindparam("tenants", expanding=True)))


def fair(
    connection: Connection, now: float, tenants: Collection[str] = (), *, skip: int = 0, most: int = PAGE
) -> list[Key]:
    """Return jobs with rows that are due, of these tenants or of all, the one to look at first at the front.

    The first `skip` are left out, and at most `most` are returned.
    """
    given = {"now": to_store(now), "skip": skip, "most": most}
    rows = (
        connection.execute(_OF_SOME, {**given, "tenants": list(tenants)})
        if tenants
        else connection.execute(_OF_ALL, given)
    )
    return [(row.tenant, row.plugin, row.job) for row in rows]
