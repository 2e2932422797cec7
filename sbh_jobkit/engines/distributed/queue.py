"""Procrastinate as queue and tick: what it keeps is a promise to call, and every call asks the rows what to do.

Its tables are in a schema of their own. A row and its entry in the queue are committed together, since a second app,
which only inserts, writes on the connection of our transaction: the app of a worker is asynchronous and cannot.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url

from sbh_jobkit.engines.distributed.queue_schema import SCHEMA
from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.store import network
from sbh_jobkit.live.optional import needed

with needed("the distributed engine", "distributed"):
    import procrastinate
    from psycopg import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import Event

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.engine import Due

_RUNS, _TICKS, _CLEAN = "runs", "ticks", "clean"
_EVERY = "* * * * * */10"
"""When the rows are planned and settled: every ten seconds, which croniter has last."""
_MINUTELY = "* * * * *"
POLLING = 0.5
"""Seconds between two looks for entries whose time has come; for new ones there is a notification."""
_PAUSE = 1.0
_LOOK = 0.2
_WITHDRAW = "DELETE FROM procrastinate_jobs WHERE queue_name = %s AND status = 'todo' AND args ->> 'row' = ANY(%s)"
_REMOVE = (
    "DELETE FROM procrastinate_jobs AS entry WHERE status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers"
    " AS worker WHERE worker.id = entry.worker_id AND worker.last_heartbeat > now() - interval '90 seconds')"
)
"""Entries that dead workers had: what they were for is in the rows."""
_LEVELS = {"procrastinate": logging.ERROR, "psycopg.pool": logging.CRITICAL}
"""A line for each entry would bury everything else, and that the database is away is said here, once."""
_LOG = logging.getLogger("sbh_jobkit.engine")


class ProcrastinateEngine:
    """Brings rows to workers by Procrastinate."""

    def __init__(self, store: str) -> None:
        """Use the database of this URL; nothing is opened yet."""
        url = make_url(store)
        self.dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._options = {**network(url), "options": f"-c search_path={SCHEMA}"}
        self._inserts = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=self.dsn))
        for name, level in _LEVELS.items():
            logging.getLogger(name).setLevel(level)

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Write an entry for each row, in the transaction of the connection."""
        with _in_schema(connection) as driver:
            task = self._inserts.configure_task(_RUNS, queue=_RUNS, connection=driver)
            entries = [
                task.make_new_job(row=_name(row)).evolve(scheduled_at=datetime.fromtimestamp(row.ready, UTC))
                for row in rows
            ]
            task.job_manager.batch_defer_jobs(entries, connection=driver)  # at once, also where each is due at another

    def withdraw(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Remove the entries of rows that have not begun."""
        with _in_schema(connection) as driver:
            driver.execute(_WITHDRAW, [_RUNS, [_name(row) for row in rows]])

    def work(self, start: Callable[[], object], *, slots: int, stop: Event) -> None:
        """Call `start` for each entry, in threads, until `stop` is set; a database that is away is waited for."""

        def add(app: Any) -> None:
            app.task(lambda row: start(), name=_RUNS, queue=_RUNS)  # noqa: ARG005  the rows say which

        self._serve(_RUNS, add, slots, stop)

    def tick(self, call: Callable[[], object], *, stop: Event) -> None:
        """Call a function every few seconds, in one of the processes that ask; remove what dead workers have left."""

        def add(app: Any) -> None:
            async def clean(timestamp: int) -> None:
                del timestamp
                await app.connector.execute_query_async(_REMOVE)

            once = {"queue": _TICKS, "queueing_lock": _TICKS}
            task = app.task(lambda timestamp: call(), name=_TICKS, **once)  # noqa: ARG005  the clock of the rows counts
            app.periodic(cron=_EVERY)(task)
            app.periodic(cron=_MINUTELY)(app.task(clean, name=_CLEAN, **once | {"queueing_lock": _CLEAN}))

        self._serve(_TICKS, add, 1, stop)

    def _serve(self, queue: str, add: Callable[[Any], object], slots: int, stop: Event) -> None:
        while not stop.is_set():
            app = procrastinate.App(
                connector=procrastinate.PsycopgConnector(conninfo=self.dsn, kwargs=self._options),
            )
            add(app)
            try:
                asyncio.run(_run(app, queue, slots, stop))
            except (OperationalError, procrastinate.exceptions.ConnectorException) as error:
                _LOG.error("the queue cannot be used: %s", f"{error.__cause__ or error}".strip().splitlines()[0])
            stop.wait(_PAUSE)


async def _run(app: Any, queue: str, slots: int, stop: Event) -> None:
    """Serve one queue until `stop` is set, or the database goes away."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(slots, thread_name_prefix="sbh-slot"))
    async with app.open_async():
        serving = asyncio.ensure_future(
            app.run_worker_async(
                queues=[queue],
                concurrency=slots,
                fetch_job_polling_interval=POLLING,
                install_signal_handlers=False,
                delete_jobs="always",
            )
        )
        while not serving.done() and not stop.is_set():
            await asyncio.wait([serving], timeout=_LOOK)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def _name(row: Due) -> str:
    """Return what names a fire time in the queue, whichever attempt it is."""
    return json.dumps([row.tenant, row.plugin, row.job, to_store(row.fire)])


@contextmanager
def _in_schema(connection: Connection) -> Iterator[Any]:
    """Let statements of this block find the queue's tables, and no others; one that fails takes this back, too."""
    driver = connection.connection.driver_connection
    before = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
    yield driver
    connection.exec_driver_sql(f"SET LOCAL search_path TO {before}")
