"""The jobs of a tenant as the store knows them: schedule, status, last and next run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from sbh_jobkit.engines.instants import from_store
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.schema import HAS_RUN, IS_OPEN, State, job_mark, job_run
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.context.backends import Row


def read_schedule(written: str) -> Schedule | ManualOnly:
    """Return the schedule that a mark keeps."""
    expression, _, zone = written.rpartition(" ")
    return Schedule(expression, zone) if expression else ManualOnly(times.zone(zone))


def job_rows(connection: Connection, tenant: str, now: float) -> list[Row]:
    """Return the rows of the table `plugin_jobs`: one a job, in the shape that the fake tenant has, too."""
    marks = select(job_mark).where(job_mark.c.tenant == tenant).order_by(job_mark.c.plugin, job_mark.c.job)
    return [_row(connection, mark, now) for mark in connection.execute(marks).all()]


def _row(connection: Connection, mark: Any, now: float) -> Row:
    schedule = read_schedule(mark.schedule)
    mine = and_(job_run.c.tenant == mark.tenant, job_run.c.plugin == mark.plugin, job_run.c.job == mark.job)
    ended = select(job_run).where(mine, HAS_RUN)
    last = connection.execute(ended.order_by(job_run.c.started_at.desc()).limit(1)).first()
    count = select(func.count()).select_from(job_run).where(mine)
    running = connection.execute(count.where(IS_OPEN, job_run.c.state == State.RUNNING)).scalar_one()
    runs = connection.execute(count.where(HAS_RUN)).scalar_one()
    failed = last is not None and last.outcome != Outcome.OK
    return {
        "id": f"{mark.plugin}:{mark.job}",
        "plugin_installation_id": mark.plugin,
        "name": mark.job,
        "schedule_cron": schedule.expression or None,
        "status": "running" if running else "idle" if last is None else "failed" if failed else "completed",
        "last_run_at": None if last is None else _local(from_store(last.started_at), schedule),
        "next_run_at": _next(schedule, now),
        "last_error": _why(last) if last is not None and failed else None,
        "runs": runs + mark.forgotten,
    }


def _next(schedule: Schedule | ManualOnly, now: float) -> str | None:
    if isinstance(schedule, ManualOnly):
        return None
    return schedule.next(datetime.fromtimestamp(now, UTC)).isoformat()


def _local(epoch: float, schedule: Schedule | ManualOnly) -> str:
    return datetime.fromtimestamp(epoch, schedule.tz).isoformat()


def _why(row: Any) -> str | None:
    error = json.loads(row.record).get("error") if row.record else None
    why: str | None = error["message"] if error else row.reason
    return why
