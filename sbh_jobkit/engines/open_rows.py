"""The rows of jobs on which something is to be decided, and those of their runs that go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, or_, select

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.planner import KEY, among
from sbh_jobkit.engines.schema import GOING, IS_OPEN, State, job_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key, PlannedJob

_OPEN = (State.DUE, State.WAITING, State.RETRY, *GOING)


class OpenRow(NamedTuple):
    """What a decision needs to know of a row."""

    fire: float
    attempt: int
    not_before: int | None
    state: str
    reason: str | None
    asked_by: str | None
    backfilled_by: str | None


_C = job_run.c
_OPEN_ROWS = (  # made once, since to build a statement costs more than to execute it
    select(*(_C[name] for name in (*KEY, "fire_time", *OpenRow._fields[1:])))
    .where(among(job_run), IS_OPEN, _C.state.in_(_OPEN), _C.fire_time <= bindparam("now"))
    .where(or_(_C.cancelled_by.is_(None), _C.state.in_(GOING)))  # others that were cancelled end with the next sweep
    .where(or_(_C.not_before.is_(None), _C.not_before <= bindparam("now")))
    .order_by(_C.fire_time, _C.attempt)
)


def open_rows(connection: Connection, jobs: Sequence[PlannedJob], now: float) -> dict[Key, list[OpenRow]]:
    """Return the open rows of jobs up to `now`, the oldest first."""
    given = {"keys": [job.key for job in jobs], "now": to_store(now)}
    rows: dict[Key, list[OpenRow]] = {}
    for tenant, plugin, job, fire, *rest in connection.execute(_OPEN_ROWS, given):
        rows.setdefault((tenant, plugin, job), []).append(OpenRow(from_store(fire), *rest))
    return rows
