"""The side of a rehearsal that plans ahead and lets an engine bring the rows to workers, as servers and workers do."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from sbh_jobkit.engines import choosing, planner, schema
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.distributed.queue_schema import SCHEMA, apply, require_shared
from sbh_jobkit.engines.distributed.worker import AHEAD
from sbh_jobkit.engines.offering import offer_new
from sbh_jobkit.engines.rehearsal import WORKER
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.dispatched import Dispatched
    from sbh_jobkit.engines.engine import Due, Engine
    from sbh_jobkit.engines.planner import Key, PlannedJob


@contextmanager
def empty_store(url: str) -> Iterator[Store]:
    """Make all tables in an empty database, and remove them in the end; raises StoreError for one that is not empty."""
    require_shared(url)
    database = Store.attach(url)
    with database.read() as connection:
        found = inspect(connection).get_table_names()
        has_queue = SCHEMA in inspect(connection).get_schema_names()
    if found or has_queue:
        what = f"the table {min(found)!r}" if found else f"the schema {SCHEMA!r}"
        database.close()
        msg = f"the database {database.shown!r} is not empty: it has {what}; name an empty one, which is emptied again"
        raise StoreError(msg)
    store = Store.open(url, beside=lambda connection: apply(connection, database.shown))
    try:
        yield store
    finally:
        with store.write() as connection:
            schema.metadata.drop_all(connection)
            connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
        store.close()
        database.close()


class QueueSide:
    """Plans, offers and chooses on a clock that jumps; the engine takes its rows, and nothing is brought."""

    def __init__(self, engine: Engine, jobs: Sequence[PlannedJob]) -> None:
        """Offer the rows of these jobs to an engine."""
        self._engine = engine
        self._jobs = {job.key: job for job in jobs}
        self._offered: dict[tuple[Key, float, int], list[float]] = defaultdict(list)

    def plan(self, connection: Connection, jobs: Sequence[PlannedJob], now: float, ahead: float) -> None:
        """Write rows ahead, and offer them."""
        planner.plan(connection, jobs, now, min(ahead, AHEAD))
        offer_new(connection, self, now, min(ahead, AHEAD))

    def dispatch(self, connection: Connection, jobs: Sequence[PlannedJob], now: float) -> Sequence[Dispatched]:
        """Choose one job after another, as workers do, until none is left that may start."""
        del jobs
        return list(self._dispatch(connection, now))

    def offered(self, job: PlannedJob, fire: float, attempt: int) -> Sequence[float]:
        """Return when the engine was to bring a row, for each time that it was asked."""
        return self._offered[job.key, fire, attempt]

    def _dispatch(self, connection: Connection, now: float) -> Iterator[Dispatched]:
        for due in choosing.fair(connection, now, most=len(self._jobs)):
            yield from dispatch(connection, [self._jobs[due.key]], now, WORKER, slots=1)

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Note what the engine is asked to bring, and when."""
        self._engine.offer(connection, rows)
        for row in rows:
            self._offered[(row.tenant, row.plugin, row.job), row.fire, row.attempt].append(row.ready)
