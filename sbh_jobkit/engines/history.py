"""The runs in a store, read: as the values that simulations have, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, false, select, tuple_

from sbh_jobkit.engines.instants import from_store, now_in, to_store
from sbh_jobkit.engines.schema import State, job_mark, job_run, storable
from sbh_jobkit.run.record import read_run
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

_UTC = ZoneInfo("UTC")
_PAGE = 200
_BACK = 30.0
"""Seconds for which a transaction may go on that ends a run: what it wrote is found until then."""
_KEY = ("tenant", "plugin", "job", "fire_time", "attempt")
_FAULTY = '"verdict": "faulty", "ok": false, '
"""What is written in the record of a run that ended ok, and with faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A due instant that has ended, and what a worker reported of it too late."""

    run: Run
    finished_at: datetime
    late_report: Run | None = None
    version: str | None = None
    """Which version of the plugin ran; None where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A due instant that has been claimed, runs, waits, or waits to be tried again."""

    tenant: str
    plugin: str
    job: str
    fire_time: datetime
    state: State
    started_at: datetime | None
    reason: str | None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs to read; None are all."""

    tenant: str | None = None
    plugin: str | None = None
    job: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions for their rows."""
        given = {name: value for name in _KEY[:3] if (value := getattr(self, name)) is not None}
        if any(value != storable(value) for value in given.values()):  # no row has such a name
            return [false()]
        return [job_run.c[name] == value for name, value in given.items()]


def read_ended(
    connection: Connection, wanted: Wanted, *, before: float | None = None, page: int = _PAGE
) -> Iterator[Recorded]:
    """Yield what has ended, newest fire time first, before a time in epoch seconds if it is given; read by pages."""
    query = query_runs().where(*wanted.conditions(), job_run.c.state == State.ENDED)
    if before is not None:
        query = query.where(job_run.c.fire_time < to_store(before))
    place = [job_run.c[name] for name in ("fire_time", "tenant", "plugin", "job", "attempt")]
    newest = query.order_by(*(column.desc() for column in place)).limit(page)
    rows = connection.execute(newest).all()
    while rows:
        yield from map(recorded, rows)
        # from where the last page ended, since more may have ended in the meantime
        last = tuple_(*place) < tuple_(*(getattr(rows[-1], column.name) for column in place))
        rows = connection.execute(newest.where(last)).all()


def read_verdicts(connection: Connection, wanted: Wanted, since: float) -> list[tuple[datetime, str]]:
    """Return fire time, in UTC, and verdict of what has ended and was due since then, without its record."""
    c = job_run.c
    verdict = case((c.record.contains(_FAULTY), "faulty"), else_=c.outcome)
    ended = *wanted.conditions(), c.state == State.ENDED, c.fire_time >= to_store(since)
    query = select(c.fire_time, verdict).where(*ended).order_by(c.fire_time, c.attempt)
    return [(_time(fire, _UTC), found) for fire, found in connection.execute(query)]


class Endings:
    """What others have ended since the last look, which a server shows and counts; the first look finds nothing."""

    def __init__(self) -> None:
        """Begin now."""
        self._seen: set[tuple[Any, ...]] | None = None

    def read(self, connection: Connection) -> list[Run]:
        """Return the runs that have ended since, in the order in which they did; each once."""
        c = job_run.c
        recent = c.state == State.ENDED, c.finished_at >= to_store(now_in(connection) - _BACK)
        rows = connection.execute(query_runs().where(*recent).order_by(c.finished_at)).all()
        keys = [tuple(getattr(row, name) for name in _KEY) for row in rows]
        seen, self._seen = self._seen, set(keys)
        if seen is None:
            return []
        return [recorded(row).run for row, key in zip(rows, keys, strict=True) if key not in seen]


def page_of(rows: Iterator[Recorded], most: int) -> tuple[list[Recorded], bool]:
    """Return the first rows, and whether there are more; a page ends with a fire time, not between its attempts."""
    page: list[Recorded] = []
    for row in rows:
        if len(page) >= most and row.run.fire_time != page[-1].run.fire_time:
            return page, True
        page.append(row)
    return page, False


def read_one(
    connection: Connection, key: tuple[str, str, str], fire: float, attempt: int | None = None
) -> Recorded | Going | None:
    """Return an attempt at one due instant, the latest if none is named; None for one that is not there."""
    tenant, plugin, job = key
    wanted = Wanted(tenant=tenant, plugin=plugin, job=job).conditions()
    query = query_runs().where(*wanted, job_run.c.fire_time == to_store(fire)).order_by(job_run.c.attempt.desc())
    if attempt is not None:
        query = query.where(job_run.c.attempt == attempt)
    row = connection.execute(query.limit(1)).first()
    if row is None:
        return None
    return recorded(row) if row.state == State.ENDED else _going(row)


def read_going(connection: Connection, wanted: Wanted) -> list[Going]:
    """Return what is claimed, runs or waits, the oldest first."""
    open_ = job_run.c.state.in_((State.CLAIMED, State.RUNNING, State.WAITING, State.RETRY))
    query = query_runs().where(*wanted.conditions(), open_).order_by(job_run.c.fire_time, job_run.c.attempt)
    return [_going(row) for row in connection.execute(query)]


def _going(row: Any) -> Going:
    tz = _zone(row)
    return Going(
        tenant=row.tenant,
        plugin=row.plugin,
        job=row.job,
        fire_time=_time(row.fire_time, tz),
        state=State(row.state),
        started_at=_time(row.started_at, tz) if row.started_at is not None else None,
        reason=_why_it_waits(row, tz) if row.state == State.RETRY else row.reason,
        attempt=row.attempt,
    )


def _why_it_waits(row: Any, tz: ZoneInfo) -> str:
    return f"attempt {row.attempt}, from {_time(row.not_before, tz):%Y-%m-%d %H:%M:%S %Z} on"


def known_plugins(connection: Connection) -> dict[str, list[str]]:
    """Return the names of the jobs of each plugin that was ever served from this store."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(job_mark.c.plugin, job_mark.c.job).distinct().order_by(*job_mark.c[1:3])):
        found.setdefault(row.plugin, []).append(row.job)
    return found


def tenants_of(connection: Connection, plugin: str, job: str) -> list[str]:
    """Return the tenants at which a job was ever served from this store."""
    c = job_mark.c
    return list(
        connection.execute(select(c.tenant).where(c.plugin == plugin, c.job == job).order_by(c.tenant)).scalars()
    )


def known_tenants(connection: Connection) -> list[str]:
    """Return the tenants at which anything was ever served from this store."""
    return list(connection.execute(select(job_mark.c.tenant).distinct().order_by(job_mark.c.tenant)).scalars())


def query_runs() -> Select[Any]:
    """Return the query of all rows, each with the schedule of its job."""
    same = and_(*(job_run.c[name] == job_mark.c[name] for name in ("tenant", "plugin", "job")))
    return select(job_run, job_mark.c.schedule).select_from(job_run.outerjoin(job_mark, same))


def recorded(row: Any) -> Recorded:
    """Return a row that has ended."""
    tz = _zone(row)
    run = read_run(json.loads(row.record), tz) if row.record else _bare(row, tz)
    late = read_run(json.loads(row.note), tz) if row.note else None
    return Recorded(run=run, finished_at=_time(row.finished_at, tz), late_report=late, version=row.version)


def _bare(row: Any, tz: ZoneInfo) -> Run:
    """Return the run of a row without a record: it did not start, or nobody could report its end."""
    ended = timedelta(microseconds=row.finished_at - row.started_at) if row.started_at is not None else timedelta(0)
    return Run(
        tenant=row.tenant,
        plugin=row.plugin,
        job=row.job,
        fire_time=_time(row.fire_time, tz),
        started_at=_time(row.started_at, tz) if row.started_at is not None else None,
        duration=ended,
        outcome=Outcome(row.outcome),
        reason=row.reason,
        attempt=row.attempt,
    )


def _zone(row: Any) -> ZoneInfo:
    return times.zone(row.schedule.rpartition(" ")[2]) if row.schedule else _UTC


def _time(microseconds: int, tz: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(from_store(microseconds), tz)
