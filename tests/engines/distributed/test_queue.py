"""Procrastinate as queue: an entry is committed with its row, brought once its time has come, and forgotten."""

import threading
import time
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import text

from sbh_jobkit.engines.distributed import adapters, queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.instants import now, now_in
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

ENTRIES = text("SELECT count(*) FROM sbh_queue.procrastinate_jobs WHERE queue_name = 'runs'")


@pytest.fixture
def store(postgres_url):
    """Open a store with a queue."""
    opened = Store.open(postgres_url)
    queue_schema.migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def engine(store):
    """Return the engine of the store."""
    return ProcrastinateEngine(store.url)


def due(number, ready):
    """Return a row."""
    return Due(tenant="acme", plugin="shop", job="work", fire=float(number), attempt=1, ready=ready)


def entries(store):
    """Return how many entries there are."""
    with store.read() as connection:
        return connection.execute(ENTRIES).scalar_one()


class Calls:
    """A worker's thread, and when it was called."""

    def __init__(self, engine, slots=2):
        """Begin."""
        self.at, self.stop = [], threading.Event()
        self.thread = threading.Thread(target=engine.work, args=(self,), kwargs={"slots": slots, "stop": self.stop})
        self.thread.start()

    def __call__(self):
        """Note the time."""
        self.at.append(now())

    def wait(self, number, seconds=30):
        """Wait until it was called so often, and stop."""
        until = time.monotonic() + seconds
        while len(self.at) < number and time.monotonic() < until:
            time.sleep(0.02)
        self.stop.set()
        self.thread.join()
        return len(self.at)


def test_rows_and_entries_are_committed_together(store, engine):
    """Or neither is, and statements after the offer find our own tables."""
    with suppress(ZeroDivisionError), store.write() as connection:
        engine.offer(connection, [due(1, 0.0), due(2, 0.0)])
        connection.execute(job_run.delete())
        1 / 0  # noqa: B018  the transaction fails
    assert entries(store) == 0
    with store.write() as connection:
        engine.offer(connection, [due(1, 0.0), due(2, 0.0), due(3, 9.0)])
        connection.execute(job_run.delete())
    assert entries(store) == 3


def test_entries_are_brought_once_their_time_has_come(store, engine):
    """Each once, none early, and nothing is left of them."""
    calls = Calls(engine)
    with store.write() as connection:
        begun = now_in(connection)
        engine.offer(connection, [due(n, begun + 3) for n in range(4)] + [due(9, begun - 60)])
    assert calls.wait(5) == 5
    assert calls.at[0] < begun + 3
    assert min(calls.at[1:]) >= begun + 3
    assert entries(store) == 0


def test_withdrawn_entries_are_not_brought(store, engine):
    """Others of the same job are."""
    with store.write() as connection:
        engine.offer(connection, [due(1, 0.0), due(2, 0.0)])
        engine.withdraw(connection, [due(2, 0.0), due(3, 0.0)])
    assert entries(store) == 1
    assert Calls(engine).wait(1) == 1


def test_what_a_dead_worker_had_is_forgotten(store, engine):
    """What it was for is in the rows."""
    with store.write() as connection:
        engine.offer(connection, [due(1, 0.0), due(2, 0.0)])
        connection.execute(text("SET LOCAL search_path TO sbh_queue"))
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 1"))
    stop, until = threading.Event(), time.monotonic() + 30
    ticks = threading.Thread(target=engine.tick, args=(lambda: None,), kwargs={"stop": stop})
    ticks.start()
    while entries(store) > 1 and time.monotonic() < until:
        time.sleep(0.05)
    stop.set()
    ticks.join()
    assert entries(store) == 1


def test_a_store_without_a_queue(postgres_url):
    """The message has the command."""
    with (
        pytest.raises(StoreError, match=r"has no tables yet; type: sbh-jobkit store migrate --store URL$"),
        adapters.opened("distributed", postgres_url),
    ):
        pass
    Store.open(postgres_url).close()
    with (
        pytest.raises(StoreError, match=r"has no queue for workers yet; type: sbh-jobkit store migrate --store URL$"),
        adapters.opened("distributed", postgres_url),
    ):
        pass


@pytest.mark.parametrize(
    ("applied", "says"),
    [
        ("01.00.00_01_first.sql", r"is of an older version \(01.00.00_01_first.sql\); type: sbh-jobkit store migrate"),
        (
            "99.00.00_01_last.sql",
            r"is of a newer version \(99.00.00_01_last.sql\) than this Procrastinate knows",
        ),
    ],
)
def test_a_queue_of_another_version(store, applied, says):
    """An older one is migrated by a command, a newer one is not touched."""
    with store.write() as connection:
        connection.execute(text("UPDATE sbh_queue.applied SET name = :name"), {"name": applied})
    with pytest.raises(StoreError, match=says):
        queue_schema.require(store)


def test_a_database_that_goes_away_is_waited_for(store, engine):
    """A worker whose connections are cut is called again."""
    calls = Calls(engine)
    time.sleep(1)
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with suppress(Exception), store.read() as connection:  # the pool finds that its own are gone, too
        connection.execute(ENTRIES)
    with store.write() as connection:
        engine.offer(connection, [due(1, 0.0)])
    assert calls.wait(1, seconds=60) == 1
