"""Runs that others have ended: read from the store, so that a server can show and count what workers did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines.history import query_runs, recorded
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.schema import State, job_run

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.run.run import Run

_BACK = 30.0
"""Seconds for which a transaction may go on that ends a run: what it wrote is found until then."""
_KEY = ("tenant", "plugin", "job", "fire_time", "attempt")


class Endings:
    """What has ended since the last look; the first look finds nothing."""

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
