"""Which job is looked at next: of the tenant with the fewest runs going on, the one that is due for longest.

So a tenant with many rows waits for its own, and not others for it. Whether the job may start is decided afterwards,
in the claim: another worker may have looked at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.schema import GOING, UNDECIDED, job_run

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key

PAGE = 50
"""Jobs that are looked at first; most often one of them may start."""


def fair(
    connection: Connection, now: float, tenants: Collection[str] = (), *, skip: int = 0, most: int = PAGE
) -> list[Key]:
    """Return jobs with rows that are due, of these tenants or of all, the one to look at first at the front.

    The first `skip` are left out, and at most `most` are returned.
    """
    c = job_run.c
    ready = func.coalesce(c.not_before, c.fire_time)
    due = c.state.in_(UNDECIDED), c.fire_time <= to_store(now), ready <= to_store(now), c.cancelled_by.is_(None)
    first = select(c.tenant, c.plugin, c.job, func.min(ready).label("since")).where(*due)
    if tenants:
        first = first.where(c.tenant.in_(list(tenants)))
    jobs = first.group_by(c.tenant, c.plugin, c.job).subquery()
    going = select(c.tenant, func.count().label("runs")).where(c.state.in_(GOING)).group_by(c.tenant).subquery()
    found = select(jobs.c.tenant, jobs.c.plugin, jobs.c.job).join_from(
        jobs, going, going.c.tenant == jobs.c.tenant, isouter=True
    )
    by = func.coalesce(going.c.runs, 0), jobs.c.since, jobs.c.tenant, jobs.c.plugin, jobs.c.job
    rows = connection.execute(found.order_by(*by).offset(skip).limit(most))
    return [(row.tenant, row.plugin, row.job) for row in rows]
