"""Whether the server is alive, and whether it is ready: the store can be reached and what is due is being decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.engines.instants import from_store, now
from sbh_jobkit.engines.lease import LEASE
from sbh_jobkit.engines.schema import State, job_run, life

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.server.service import Service

_LATE = 60.0
"""Seconds for which a fire time may be undecided while a slot is free."""


def readiness(service: Service) -> dict[str, str]:
    """Return what keeps the server from being ready, by part; each part that is well is "ok"."""
    found = {"store": "ok", "scheduler": "ok", "planned": "ok", "starter": "ok"}
    try:
        with service.store.read() as connection:
            found["planned"] = _planned(connection, is_full=service.engine.is_full)
    except SQLAlchemyError:
        found["store"] = "the store cannot be reached"
    if not service.engine.is_alive:
        found["scheduler"] = "the scheduler has stopped"
    elif service.engine.blocked is not None:
        found["scheduler"] = service.engine.blocked
    if service.starter.pid is None:
        found["starter"] = "the process that starts runs is not there"
    return found


def _planned(connection: Connection, *, is_full: bool) -> str:
    alive = connection.execute(select(func.max(life.c.alive_at))).scalar()
    if alive is None or from_store(alive) < now() - LEASE:
        return "no scheduler has given a sign of life"
    c = job_run.c
    oldest = connection.execute(select(func.min(c.fire_time)).where(c.state == State.DUE)).scalar()
    if not is_full and oldest is not None and from_store(oldest) < now() - _LATE:
        return "a fire time has waited for more than a minute"
    return "ok"
