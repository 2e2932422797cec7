"""Rows whose job cannot be loaded: they end as crashed, with the reason, since nothing else would ever end them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from sbh_jobkit.engines import claims
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.jobs import read_schedule
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import job_mark
from sbh_jobkit.run.run import Outcome, Run, RunError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key


def refuse(connection: Connection, key: Key, worker: str, why: str) -> None:
    """Claim a row of the job as every worker does, and end it as crashed."""
    tenant, plugin, name = key
    c = job_mark.c
    mark = select(c.schedule).where(c.tenant == tenant, c.plugin == plugin, c.job == name)
    written = connection.execute(mark).scalar()
    if written is None:
        return
    at = now_in(connection)
    job = PlannedJob(tenant=tenant, plugin=plugin, job=name, schedule=read_schedule(written))
    for done in dispatch(connection, [job], at, worker, slots=1):
        for decision in done.starts:
            fire, attempt = decision.fire, decision.attempt
            claim = Claim(tenant=tenant, plugin=plugin, job=name, fire=fire, worker=worker, attempt=attempt)
            run = Run(
                tenant=tenant,
                plugin=plugin,
                job=name,
                fire_time=datetime.fromtimestamp(fire, job.schedule.tz),
                started_at=datetime.fromtimestamp(at, job.schedule.tz),
                duration=timedelta(0),
                outcome=Outcome.CRASHED,
                error=RunError(type="", message=why),
                attempt=attempt,
            )
            claims.start(connection, claim, at)
            claims.finish(connection, claim, run, at)
