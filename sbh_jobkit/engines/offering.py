"""Offering rows to an engine: those that were planned, and those that nobody has started although they are due."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select, tuple_, update

from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.planner import KEY
from sbh_jobkit.engines.schema import UNDECIDED, job_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.engine import Engine

    Offer = Callable[[Connection, Sequence[Due]], None]

PATIENCE = 15.0
"""Seconds after which a row that was offered and is due is offered again; the queue may have lost it."""
_MOST = 5_000
_MOST_AGAIN = 100
"""Rows that are offered again at a time: where all workers are busy, each has been offered already."""
_C = job_run.c
_READY = func.coalesce(_C.not_before, _C.fire_time)
_KEYS = [_C[name] for name in (*KEY, "fire_time", "attempt")]


class Takes(Protocol):
    """What rows are offered to, such as an engine."""

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Bring each row to a worker, once its instant has come."""


def offer_new(connection: Connection, engine: Takes, now: float, ahead: float) -> int:
    """Offer what was never offered and may start up to `now + ahead`; return how many rows."""
    new = _C.offered_at.is_(None), _READY.between(0, to_store(now + ahead))
    return _offer(connection, engine.offer, now, _MOST, *new)


def offer_again(connection: Connection, engine: Engine, now: float, patience: float = PATIENCE) -> int:
    """Offer again what was due for a while and has not started; return how many rows."""

    def offer(connection: Connection, rows: Sequence[Due]) -> None:
        engine.withdraw(connection, rows)  # or a night without workers would fill the queue
        engine.offer(connection, rows)

    before = to_store(now - patience)
    return _offer(connection, offer, now, _MOST_AGAIN, _READY.between(0, before), _C.offered_at <= before)


def _offer(connection: Connection, offer: Offer, now: float, most: int, *which: ColumnElement[bool]) -> int:
    """Offer the oldest undecided rows of a kind, except for those that somebody else offers just now."""
    found = select(*_KEYS).where(_C.state.in_(UNDECIDED), _C.cancelled_by.is_(None), *which)
    oldest = found.order_by(_C.fire_time).limit(most).with_for_update(skip_locked=True)
    these = update(job_run).where(tuple_(*_KEYS).in_(oldest)).values(offered_at=to_store(now))
    rows = [
        Due(tenant=tenant, plugin=plugin, job=job, fire=from_store(fire), attempt=attempt, ready=from_store(ready))
        for tenant, plugin, job, fire, attempt, ready in connection.execute(these.returning(*_KEYS, _READY))
    ]
    if rows:
        offer(connection, sorted(rows, key=attrgetter("fire", "tenant", "plugin", "job", "attempt")))
    return len(rows)
