"""Alerts, decided on rows: a job fails, has not succeeded for its stated time, or recovers.

Each job has a row that says whether it fails and whether it is late, so a change is found once, whichever scheduler
looks and however often they are started again. Every function belongs to a transaction of its caller, which sends what
was found after it has been committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from sbh_jobkit.engines.history import query_runs, recorded
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import State, alert, insert, job_run
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.policy import TRIED_AGAIN
from sbh_jobkit.schedule.times import format_elapsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.run.run import Run

_OVERLAP = 60.0
"""Seconds that are looked at again: a row may be committed a little after the time that it names."""
_LONGEST = 500
_UNEXCITING = {Outcome.SKIPPED, Outcome.COALESCED}
"""Outcomes that are no failure of a first attempt: a rule decided so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One change of a job's state."""

    kind: str
    """`failed`, `late` or `recovered`."""
    key: Key
    at: datetime
    why: str
    """In one line; secrets are replaced by their names, as in the run itself."""
    run: Run | None = None
    """The run because of which it changed."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        tenant, plugin, job = self.key
        names = {"alert": self.kind, "tenant": tenant, "plugin": plugin, "job": job, "at": self.at.isoformat()}
        if self.run is None:
            return {**names, "why": self.why, "run": None}
        row = self.run.to_dict()
        facts = ("fire_time", "attempt", "started_at", "outcome", "verdict")
        return {**names, "why": self.why, "run": {name: row[name] for name in facts}}

    def to_json(self) -> bytes:
        """Return it as a webhook gets it."""
        return json.dumps(self.to_dict()).encode()


@dataclass(slots=True, kw_only=True)
class _Job:
    """What a job's row says."""

    key: Key
    fails: bool
    is_late: bool
    seen_at: int
    ok_at: int

    def take(self, row: Any, run: Run) -> Alert | None:
        """Count a run; return the change that it makes."""
        self.seen_at = row.finished_at
        at = datetime.fromtimestamp(from_store(row.finished_at), UTC)
        if run.ok and run.outcome is Outcome.OK:
            was, self.ok_at = self.fails or self.is_late, row.finished_at
            self.fails = self.is_late = False
            return Alert(kind="recovered", key=self.key, at=at, why="it has succeeded", run=run) if was else None
        if self.fails or _is_unexciting(row):
            return None
        self.fails = True
        return Alert(kind="failed", key=self.key, at=at, why=_one_line(run.summary) or run.verdict, run=run)

    def look(self, limit: float | None, now: float) -> Alert | None:
        """Return the change where it has not succeeded for so many seconds."""
        since = now - from_store(self.ok_at)
        if limit is None or self.is_late or since <= limit:
            return None
        self.is_late = True
        why = f"it has not succeeded for {format_elapsed(round(since))}, and {format_elapsed(limit)} are allowed"
        return Alert(kind="late", key=self.key, at=datetime.fromtimestamp(now, UTC), why=why)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _is_unexciting(row: Any) -> bool:
    """Whether a run changes nothing: another attempt follows, or a rule or a person let it end so."""
    if row.retry_after is not None and row.outcome in TRIED_AGAIN and row.cancelled_by is None:
        return True
    return row.outcome == Outcome.CANCELLED or (row.attempt == 1 and row.outcome in _UNEXCITING)


def look(connection: Connection, tenant: str, limits: Mapping[Key, float | None], now: float) -> list[Alert]:
    """Return what has changed since the last look at the jobs of a tenant, and write that it is known.

    `limits` names the jobs, and for how many seconds each may be without success. A job that is seen for the first
    time is well from now on, so its history raises nothing.
    """
    seen = _cursor(connection, tenant, now)
    jobs = {job.key: job for job in _read(connection, tenant)}
    for key in limits.keys() - jobs.keys():
        jobs[key] = _Job(key=key, fails=False, is_late=False, seen_at=to_store(now), ok_at=to_store(now))
        _insert(connection, jobs[key])
    before = {key: (job.fails, job.is_late, job.seen_at, job.ok_at) for key, job in jobs.items()}
    found = []
    for row in _ended(connection, tenant, seen - to_store(_OVERLAP)):
        seen = max(seen, row.finished_at)
        job = jobs.get((row.tenant, row.plugin, row.job))
        if job is not None and job.key in limits and row.finished_at > job.seen_at:
            found.append(job.take(row, recorded(row).run))
    found += [jobs[key].look(limit, now) for key, limit in sorted(limits.items())]
    changed = [job for key, job in jobs.items() if before[key] != (job.fails, job.is_late, job.seen_at, job.ok_at)]
    if changed:
        connection.execute(_CHANGE, [_values(job) for job in changed])
    connection.execute(
        _CHANGE, [_values(_Job(key=(tenant, "", ""), fails=False, is_late=False, seen_at=seen, ok_at=0))]
    )
    return [each for each in found if each is not None]


_NAMES = ("tenant", "plugin", "job")
_CHANGE = (
    update(alert)
    .where(*(alert.c[name] == bindparam(f"its_{name}") for name in _NAMES))
    .values({name: bindparam(f"new_{name}") for name in ("fails", "is_late", "seen_at", "ok_at")})
)


def _cursor(connection: Connection, tenant: str, now: float) -> int:
    """Return up to when the tenant's runs are known, and let nobody else look until the transaction ends."""
    first = {"tenant": tenant, "plugin": "", "job": "", "seen_at": to_store(now), "ok_at": 0}
    connection.execute(insert(connection, alert).values(first).on_conflict_do_nothing())
    mine = alert.c.tenant == tenant, alert.c.plugin == "", alert.c.job == ""
    seen: int = connection.execute(select(alert.c.seen_at).where(*mine).with_for_update()).scalar_one()
    return seen


def _read(connection: Connection, tenant: str) -> Iterator[_Job]:
    for row in connection.execute(select(alert).where(alert.c.tenant == tenant, alert.c.job != "")).all():
        key = (row.tenant, row.plugin, row.job)
        yield _Job(key=key, fails=row.fails, is_late=row.is_late, seen_at=row.seen_at, ok_at=row.ok_at)


def _insert(connection: Connection, job: _Job) -> None:
    names = dict(zip(_NAMES, job.key, strict=True))
    connection.execute(insert(connection, alert).values(**names, seen_at=job.seen_at, ok_at=job.ok_at))


def _values(job: _Job) -> dict[str, object]:
    key = {f"its_{name}": value for name, value in zip(_NAMES, job.key, strict=True)}
    return {**key, **{f"new_{name}": getattr(job, name) for name in ("fails", "is_late", "seen_at", "ok_at")}}


def _ended(connection: Connection, tenant: str, since: int) -> list[Any]:
    """Return the rows that have ended since then, the oldest first."""
    c = job_run.c
    ended = c.tenant == tenant, c.state == State.ENDED, c.finished_at > since
    query = query_runs().where(*ended).order_by(c.finished_at, c.fire_time, c.attempt)
    return list(connection.execute(query))
