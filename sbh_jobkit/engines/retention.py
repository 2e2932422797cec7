"""How long the store keeps runs: first their output goes, then the runs themselves; the last run of a job stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import case, func, or_, select, update

from sbh_jobkit.engines import maintenance, planner
from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.schema import State, job_mark, job_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key, PlannedJob
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.live.settings import HistorySettings

    History = Callable[[Key], HistorySettings | None]

_DAY = 86_400.0
_CUT = ("stdout", "stderr", "logs", "events", "http_calls", "llm_calls", "files")
"""What a run loses first."""
_AT_ONCE = 500
"""Rows that one transaction changes at most, so that it is short."""


class Pruning:
    """Removes what is too old of one job at a time, so that all of them never wait for it."""

    def __init__(self) -> None:
        """Begin with the first job."""
        self._left: list[Key] = []

    def go_on(self, connection: Connection, jobs: Mapping[Key, ServedJob], history: History, now: float) -> None:
        """Prune the next job; `history` returns how long a job's runs are kept, None for ever."""
        if not self._left:
            maintenance.forget(connection, now - 2 * planner.LONGEST_PAST)
            self._left = list(jobs)
            return
        key = self._left[-1]
        job, settings = jobs.get(key), history(key)
        if job is None or settings is None or not prune(connection, job.planned, settings, now):
            self._left.pop()


def prune(connection: Connection, job: PlannedJob, settings: HistorySettings, now: float) -> bool:
    """Remove what is too old of a job's runs; return whether more is left to do."""
    removed = _remove(connection, job, settings, now)
    cut = _cut(connection, job, now - settings.output_days * _DAY)
    return max(removed, cut) == _AT_ONCE


def _remove(connection: Connection, job: PlannedJob, settings: HistorySettings, now: float) -> int:
    c = job_run.c
    mine = job.is_in(job_run), c.state == State.ENDED
    newest = select(func.max(c.fire_time)).where(*mine, c.started_at.is_not(None)).scalar_subquery()
    oldest_kept = connection.execute(
        select(c.fire_time).where(*mine).order_by(c.fire_time.desc()).offset(settings.runs - 1).limit(1)
    ).scalar()
    limit = max(to_store(now - settings.days * _DAY), oldest_kept or 0)
    aged = c.fire_time < limit, _aged(now - settings.days * _DAY)
    old = select(c.fire_time, c.started_at).where(*mine, *aged, c.fire_time != func.coalesce(newest, -1))
    found = connection.execute(old.order_by(c.fire_time).limit(_AT_ONCE)).all()
    if found:
        connection.execute(job_run.delete().where(*mine, c.fire_time.in_([row.fire_time for row in found])))
        started = sum(row.started_at is not None for row in found)
        last, known = found[-1].fire_time, job_mark.c.forgotten_to
        counted = {"forgotten": job_mark.c.forgotten + started, "forgotten_to": case((known < last, last), else_=known)}
        connection.execute(update(job_mark).where(job.is_in(job_mark)).values(counted))
    return len(found)


def _aged(before: float) -> ColumnElement[bool]:
    """Return the condition for what is old: a run of a backfill is as old as itself, not as its fire time."""
    return or_(job_run.c.backfilled_by.is_(None), job_run.c.finished_at < to_store(before))


def _cut(connection: Connection, job: PlannedJob, before: float) -> int:
    c = job_run.c
    whole = (
        job.is_in(job_run),
        c.state == State.ENDED,
        c.fire_time < to_store(before),
        _aged(before),
        c.is_cut.is_(False),
    )
    found = connection.execute(select(c.fire_time, c.attempt, c.record).where(*whole).limit(_AT_ONCE)).all()
    for row in found:
        record = json.loads(row.record) if row.record else {}
        shorter = {name: value[:0] if name in _CUT else value for name, value in record.items()}
        values = {"record": json.dumps(shorter) if row.record else None, "note": None, "is_cut": True}
        this = job.is_in(job_run), c.fire_time == row.fire_time, c.attempt == row.attempt
        connection.execute(update(job_run).where(*this).values(values))
    return len(found)
