"""Backfills: past fire times of a job that never started, each under its own fire time and at most once.

A fire time whose row says that its job has begun is left as it is, however it ended. One that was skipped, missed or
coalesced starts, and one that has no row gets one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, select, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.jobs import read_schedule
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.planner import KEY, among
from sbh_jobkit.engines.schema import State, insert, job_mark, job_run
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.times import format_elapsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key, PlannedJob
    from sbh_jobkit.schedule.policy import Window

MOST = 10_000
"""How many fire times one backfill takes."""
_AT_ONCE = 500
_FORGOTTEN = ("worker", "started_at", "finished_at", "outcome", "record", "note", "cancelled_by", "asked_by", "version")
_NEW = {
    **dict.fromkeys((*_FORGOTTEN, "retry_after")),
    "state": State.BACKFILL,
    "is_cut": False,
}

_UNFINISHED = (  # made once: to build a statement costs more than to execute it
    select(job_run.c.tenant, job_run.c.plugin, job_run.c.job)
    .where(job_run.c.state == State.BACKFILL, among(job_run))
    .distinct()
)
_WAITING = (
    select(job_run.c.fire_time, job_run.c.reason)
    .where(*(job_run.c[name] == bindparam(name) for name in KEY))
    .where(job_run.c.state == State.BACKFILL, job_run.c.cancelled_by.is_(None))
    .order_by(job_run.c.fire_time)
    .limit(bindparam("most"))
)


class BackfillRefused(JobkitError):  # noqa: N818  what is the matter, not an error of the program
    """A range of fire times that cannot be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What becomes of the fire times of a range."""

    asked: int
    """How many will run."""
    begun: int
    """How many have begun before, so that they never start again."""
    planned: int
    """How many start anyway, or go on."""

    @property
    def sentence(self) -> str:
        """What to say of it."""
        parts = (
            (self.asked, "will run"),
            (self.begun, "ran before, or run now"),
            (self.planned, "will run anyway"),
        )
        return f"{fire_times(self.asked + self.begun + self.planned)}: " + ", ".join(
            f"{number:,} {what}" for number, what in parts if number or what == "will run"
        )


def fire_times(number: int) -> str:
    """Write how many fire times there are."""
    return f"{number:,} fire time{'' if number == 1 else 's'}"


def zone_of(connection: Connection, key: Key) -> ZoneInfo:
    """Return the zone of a job's times; raises BackfillRefused for a job that no scheduler has served."""
    return read_schedule(_mark(connection, key).schedule).tz


def ask(connection: Connection, key: Key, during: Window, who: str, now: float) -> Backfill:
    """Let the fire times of a range run, except those that have begun before.

    Raises BackfillRefused for a job without a schedule, for a range that is empty, too large or not over, and for one
    whose history has been removed.
    """
    mark = _mark(connection, key, lock=True)
    fires = _fires(mark, during.start, during.end, now)
    rows: dict[int, list[Any]] = {}
    attempts = select(job_run).where(_is(key), _between(during)).order_by(job_run.c.attempt)
    for row in connection.execute(attempts):
        rows.setdefault(row.fire_time, []).append(row)
    new = [fire for fire in fires if fire not in rows]
    again = [rows[fire][-1] for fire in fires if fire in rows and all(map(_never_began, rows[fire]))]
    names = dict(zip(("tenant", "plugin", "job"), key, strict=True))
    same = {**names, "state": State.BACKFILL, "planned_at": to_store(now), "backfilled_by": who, "reason": _reason(who)}
    for first in range(0, len(new), _AT_ONCE):
        some = [{**same, "fire_time": fire} for fire in new[first : first + _AT_ONCE]]
        connection.execute(insert(connection, job_run), some)
    for row in again:
        reason = f"{_reason(who)}; before that {row.reason}" if row.reason else _reason(who)
        mine = _is(key), job_run.c.fire_time == row.fire_time
        connection.execute(delete(job_run).where(*mine, job_run.c.attempt > 1))  # none of which has begun
        connection.execute(update(job_run).where(*mine).values(**_NEW, backfilled_by=who, reason=reason))
    begun = sum(any(map(_has_begun, rows[fire])) for fire in fires if fire in rows)
    asked = len(new) + len(again)
    return Backfill(asked=asked, begun=begun, planned=len(fires) - asked - begun)


def cancel(connection: Connection, key: Key, who: str, now: float) -> int:
    """End what has not started of all backfills of a job, and return how many fire times that are."""
    _mark(connection, key, lock=True)
    ended = {"state": State.ENDED, "outcome": Outcome.CANCELLED, "finished_at": to_store(now), "cancelled_by": who}
    reason = f"cancelled by {who}, before it started"
    left = _is(key), job_run.c.state == State.BACKFILL
    return connection.execute(update(job_run).where(*left).values(**ended, reason=reason)).rowcount


def unfinished(connection: Connection, jobs: Sequence[PlannedJob]) -> set[Key]:
    """Return those of some jobs for which a backfill has something left to start."""
    found = connection.execute(_UNFINISHED, {"keys": [job.key for job in jobs]})
    return {(row.tenant, row.plugin, row.job) for row in found}


def waiting(connection: Connection, job: PlannedJob, most: int) -> list[tuple[float, str]]:
    """Return the first fire times that a backfill has to start, with their reasons."""
    rows = connection.execute(_WAITING, {**dict(zip(KEY, job.key, strict=True)), "most": most})
    return [(from_store(row.fire_time), row.reason) for row in rows]


def _fires(mark: Any, start: float, end: float, now: float) -> list[int]:
    """Return the fire times in the store's unit."""
    schedule, job = read_schedule(mark.schedule), f"{mark.job!r} of {mark.plugin}"
    if isinstance(schedule, ManualOnly):
        msg = f"the job {job} has no schedule, so it has no fire times to run again; run it by hand"
        raise BackfillRefused(msg)
    if end <= start:
        msg = f"the range ends at {_shown(end)}, which is not after its start, {_shown(start)}"
        raise BackfillRefused(msg)
    if end > now:
        msg = f"the range ends {format_elapsed(end - now)} from now, at {_shown(end)}; a backfill takes the past only"
        raise BackfillRefused(msg)
    fires = [to_store(fire) for fire in islice(schedule.epochs(ceil(start), ceil(end)), MOST + 1)]
    if len(fires) > MOST:
        msg = f"the job {job} has more than {MOST:,} fire times in this range; take it in parts, the first of which"
        msg += f" may end at {_shown(from_store(fires[MOST]))}"
        raise BackfillRefused(msg)
    if fires and fires[0] <= mark.forgotten_to:
        msg = (
            f"the history of the job {job} up to {_shown(from_store(mark.forgotten_to))} has been removed, so what ran"
        )
        msg += " then cannot be known; begin after that, or keep more in [history]"
        raise BackfillRefused(msg)
    return fires


def _has_begun(row: Any) -> bool:
    """Whether the job's code may have begun: not where the plugin could not even be loaded."""
    if row.state != State.ENDED or row.started_at is None:
        return bool(row.state == State.RUNNING)
    return row.outcome != Outcome.CRASHED or not row.record or json.loads(row.record)["started_at"] is not None


def _never_began(row: Any) -> bool:
    return row.state == State.ENDED and not _has_begun(row)


def _mark(connection: Connection, key: Key, *, lock: bool = False) -> Any:
    tenant, plugin, job = key
    c = job_mark.c
    query = select(job_mark).where(c.tenant == tenant, c.plugin == plugin, c.job == job)
    found = connection.execute(query.with_for_update() if lock else query).first()
    if found is None:
        msg = f"no scheduler has served the job {job!r} of {plugin} at {tenant} from this store yet; serve it first"
        raise BackfillRefused(msg)
    return found


def _is(key: Key) -> ColumnElement[bool]:
    tenant, plugin, job = key
    return and_(job_run.c.tenant == tenant, job_run.c.plugin == plugin, job_run.c.job == job)


def _between(during: Window) -> ColumnElement[bool]:
    return and_(job_run.c.fire_time >= to_store(during.start), job_run.c.fire_time < to_store(during.end))


def _reason(who: str) -> str:
    return f"backfill ({who})"


def _shown(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%MZ}"
