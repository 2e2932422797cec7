"""What becomes of a claimed row: it starts, it ends, or its worker dies.

A row that was only claimed has started nothing, so it is due again. A row that was running is lost: it never starts
again. Where its claim says that another attempt follows, a failed run gets the row of that attempt in the transaction
that ends it. Each function belongs to a transaction of its caller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, case, cast, extract, func, select, update

from sbh_jobkit.engines.instants import from_store, now_in, to_store
from sbh_jobkit.engines.schema import State, insert, job_run, storable
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.policy import TRIED_AGAIN

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Update
    from sqlalchemy.engine import Connection, CursorResult

    from sbh_jobkit.run.run import Run


_AGAIN = case(
    (job_run.c.attempt > 1, State.RETRY), (job_run.c.backfilled_by.is_not(None), State.BACKFILL), else_=State.DUE
)
_REASON = case((_AGAIN == State.DUE, None), else_=job_run.c.reason)
_GIVEN_BACK = {"state": _AGAIN, "worker": None, "reason": _REASON, "uses": None, "offered_at": None}
"""A row that no worker has any more, as it was before it was claimed; its call was for the claim: it needs another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A row that a worker has claimed."""

    tenant: str
    plugin: str
    job: str
    fire: float
    """In seconds since 1970."""
    worker: str
    attempt: int = 1

    @property
    def names(self) -> tuple[str, str]:
        """The plugin and the job, for messages."""
        return self.plugin, self.job

    @property
    def job_key(self) -> tuple[str, str, str]:
        """What names the job."""
        return self.tenant, self.plugin, self.job

    @property
    def key(self) -> dict[str, object]:
        """The row and its worker, as values for a statement."""
        names = {"its_tenant": self.tenant, "its_plugin": self.plugin, "its_job": self.job}
        at = {"its_fire_time": to_store(self.fire), "its_attempt": self.attempt}
        return {**names, **at, "its_worker": self.worker}

    @property
    def facts(self) -> dict[str, str | int]:
        """What a line of the server's log says beside its text."""
        at = datetime.fromtimestamp(self.fire, UTC).isoformat()
        return {"tenant": self.tenant, "plugin": self.plugin, "job": self.job, "fire_time": at, "attempt": self.attempt}

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition for the row, whichever worker has it."""
        return and_(
            job_run.c.tenant == self.tenant,
            job_run.c.plugin == self.plugin,
            job_run.c.job == self.job,
            job_run.c.fire_time == to_store(self.fire),
            job_run.c.attempt == self.attempt,
        )


def _mine(state: State) -> Update:
    """Return an UPDATE of a row of a worker; made once, since to build it costs more than to execute it."""
    names = ("tenant", "plugin", "job", "fire_time", "attempt", "worker")
    key = (job_run.c[name] == bindparam(f"its_{name}") for name in names)
    return update(job_run).where(*key, job_run.c.state == state)


_START = (
    _mine(State.CLAIMED)
    .where(job_run.c.cancelled_by.is_(None))
    .values(state=State.RUNNING, started_at=bindparam("at"), version=bindparam("new_version"))
)
_FINISH = _mine(State.RUNNING).values(
    state=State.ENDED,
    **{name: bindparam(f"new_{name}") for name in ("outcome", "reason", "record")},
    finished_at=bindparam("at"),
)
_NOW = cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
_START_NOW, _FINISH_NOW = _START.values(started_at=_NOW), _FINISH.values(finished_at=_NOW)


def _execute_at(
    connection: Connection, statements: tuple[Update, Update], given: dict[str, object], now: float | None
) -> CursorResult[Any]:
    """Execute the first statement with a time, or the second one, which takes that of the database itself."""
    if now is None and connection.dialect.name != "sqlite":
        return connection.execute(statements[1], given)
    return connection.execute(statements[0], {**given, "at": to_store(now_in(connection) if now is None else now)})


def start(connection: Connection, claim: Claim, now: float | None = None, version: str | None = None) -> bool:
    """Make a claimed row a running one, to be committed before the job's code starts; False where it is not ours.

    `version` is that of the plugin; without `now`, it is the time of the database, which is not asked for first.
    """
    given = {**claim.key, "new_version": version and storable(version)}
    return _execute_at(connection, (_START, _START_NOW), given, now).rowcount == 1


def finish(connection: Connection, claim: Claim, run: Run, now: float | None = None) -> bool:
    """End a running row as its run ended; if the row has ended already, keep the report as a note beside it."""
    record = json.dumps(run.to_dict())
    reason = run.reason and storable(run.reason)
    given = {**claim.key, "new_outcome": run.outcome, "new_reason": reason, "new_record": record}
    if _execute_at(connection, (_FINISH, _FINISH_NOW), given, now).rowcount == 1:
        if run.outcome in TRIED_AGAIN:
            follow_up(connection, [claim], now_in(connection) if now is None else now)
        return True
    late = claim.row, job_run.c.state == State.ENDED
    connection.execute(update(job_run).where(*late).values(note=record))
    return False


def release(connection: Connection, claim: Claim) -> bool:
    """Give a claimed row back, so that it is due again; False where it has started or is not ours."""
    mine = claim.row, job_run.c.state == State.CLAIMED, job_run.c.worker == claim.worker
    return connection.execute(update(job_run).where(*mine).values(**_GIVEN_BACK)).rowcount == 1


def release_others(connection: Connection, worker: str, known: Collection[Claim]) -> int:
    """Give back what is claimed for a worker that knows nothing of it; return how many rows."""
    rows = job_run.c.state == State.CLAIMED, job_run.c.worker == worker
    others = and_(*rows, *(~claim.row for claim in known))
    return connection.execute(update(job_run).where(others).values(**_GIVEN_BACK)).rowcount


def lose(connection: Connection, claim: Claim, now: float, *, why: str) -> bool:
    """End a running row whose end nobody can report; False where it is not ours."""
    mine = claim.row, job_run.c.state == State.RUNNING, job_run.c.worker == claim.worker
    if connection.execute(update(job_run).where(*mine).values(**_lost(now, why))).rowcount != 1:
        return False
    follow_up(connection, [claim], now)
    return True


def bury(connection: Connection, alive: Collection[str], now: float, *, why: str) -> list[Claim]:
    """Settle the rows of workers that are not alive any more: claimed ones are due again, running ones are lost.

    Returns the lost ones.
    """
    dead = job_run.c.worker.notin_(list(alive))
    names = ("tenant", "plugin", "job", "fire_time", "worker", "attempt")
    columns = [job_run.c[name] for name in names]
    claimed, going = job_run.c.state == State.CLAIMED, job_run.c.state == State.RUNNING
    connection.execute(update(job_run).where(claimed, dead).values(**_GIVEN_BACK))
    found = connection.execute(select(*columns).where(going, dead).with_for_update()).all()
    lost = [
        Claim(tenant=tenant, plugin=plugin, job=job, fire=from_store(fire), worker=worker, attempt=attempt)
        for tenant, plugin, job, fire, worker, attempt in found
    ]
    if lost:
        connection.execute(update(job_run).where(going, dead).values(**_lost(now, why)))
        follow_up(connection, lost, now)
    return lost


def follow_up(connection: Connection, failed: Collection[Claim], now: float) -> list[float]:
    """Write the rows of the attempts that follow runs which have failed, as their claims said; return their times."""
    ready = []
    columns = (job_run.c.retry_after, job_run.c.backfilled_by, job_run.c.cancelled_by)
    for claim in failed:
        row = connection.execute(select(*columns).where(claim.row)).one()
        if row.retry_after is None or row.cancelled_by is not None:
            continue
        at = to_store(now)
        names = {"tenant": claim.tenant, "plugin": claim.plugin, "job": claim.job, "fire_time": to_store(claim.fire)}
        values = {"state": State.RETRY, "planned_at": at, "not_before": at + row.retry_after}
        new = {**names, **values, "attempt": claim.attempt + 1, "backfilled_by": row.backfilled_by}
        connection.execute(insert(connection, job_run).values(new).on_conflict_do_nothing())
        ready.append(from_store(at + row.retry_after))
    return ready


def _lost(now: float, why: str) -> dict[str, object]:
    return {"state": State.ENDED, "outcome": Outcome.LOST, "reason": f"lost: {why}", "finished_at": to_store(now)}
