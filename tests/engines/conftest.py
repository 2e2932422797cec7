"""A store of each kind: a SQLite file, and a real PostgreSQL that the tests start."""

import os
import tempfile
from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import asking, dispatcher, heartbeat, planner
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.store import Store

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()


@pytest.fixture
def sqlite_url():
    """Return the URL of a file in memory, where the machine has such a folder: a test need not survive a power cut."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder of its own below it
    with tempfile.TemporaryDirectory(prefix="sbh-store-", dir=memory) as folder:
        yield f"sqlite:///{folder}/jobs.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """Return the URL of an empty store of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(url):
    """Open an empty store of each kind."""
    opened = Store.open(url)
    yield opened
    opened.close()


class Core:
    """A store, and the steps that a scheduler takes on it."""

    def __init__(self, store):
        """Keep the store."""
        self.store = store

    def do(self, function, *given, **named):
        """Call a function in a transaction of its own."""
        with self.store.write() as connection:
            return function(connection, *given, **named)

    def ask(self, job, now, who="ann"):
        """Ask for a run by hand."""

        def both(connection):
            planner.plan(connection, [job], now)
            return asking.ask(connection, job, now, who)

        return self.do(both)

    def dispatch(self, job, now, slots=4, worker="w"):
        """Decide on one job; return actions and reasons."""
        (done,) = self.do(dispatcher.dispatch, [job], now, worker, slots=slots)
        return [(decision.action.value, decision.reason) for decision in done.decisions]

    def rows(self, *names):
        """Return columns of all rows, by fire time."""
        columns = [job_run.c[name] for name in names]
        with self.store.read() as connection:
            query = job_run.select().with_only_columns(*columns).order_by(job_run.c.fire_time, job_run.c.attempt)
            return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def core(store):
    """Return the steps on an empty store of each kind, whose scheduler is alive."""
    made = Core(store)
    made.do(heartbeat.beat, "w", NINE)
    return made
