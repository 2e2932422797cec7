"""A worker with many rows due: it is called for few of them, and offers what the end of a run makes."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from process import Jobs
from sqlalchemy import func, insert, select, text

from sbh_jobkit.engines import identity
from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.distributed.worker import QueueWorker
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.offering import offer_new
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.policy import Policy

ROWS, SLOTS = 60, 4
TENANTS = Path(__file__).parents[2] / "data/tenants"
C = job_run.c
LEFT = select(func.count()).where(C.state != State.ENDED)
ENTRIES = text("SELECT count(*) FROM sbh_queue.procrastinate_jobs WHERE queue_name = 'runs'")


class Counted(ProcrastinateEngine):
    """Counts how often a worker is called."""

    calls = 0

    def work(self, start, *, slots, stop):
        """Count, and call."""
        lock = threading.Lock()

        def counted():
            with lock:
                self.calls += 1
            start()

        super().work(counted, slots=slots, stop=stop)


class Worked:
    """A store, and a worker that runs what is due in it."""

    def __init__(self, url, file, policy):
        """Make the queue."""
        self.store = Store.open(url)
        queue_schema.migrate(self.store)
        self.engine, self.jobs = Counted(url), Jobs(file)
        self.jobs.served = {
            key: replace(job, planned=replace(job.planned, policy=policy)) for key, job in self.jobs.served.items()
        }

    def read(self, query):
        """Return one value."""
        with self.store.read() as connection:
            return connection.execute(query).scalar_one()

    def work(self, rows, seconds=120):
        """Run so many rows, which are due at once, until nothing is left of them in the store and in the queue."""
        with self.store.write() as connection:
            at, key = now_in(connection), {"tenant": "acme", "plugin": "counting", "job": "count"}
            due = {**key, "state": State.DUE, "planned_at": 0, "attempt": 1}
            connection.execute(insert(job_run), [{**due, "fire_time": to_store(at) - n} for n in range(rows)])
            mark = text("INSERT INTO sbh_job_mark VALUES ('acme', 'counting', 'count', '* * * * *', 0, 0, 0)")
            connection.execute(mark)
            offer_new(connection, self.engine, at, 0.0)
        with Starter.start(["dict_tenant"]) as starter:
            worker = QueueWorker(identity.identify(), self.store, self.engine, starter, self.jobs, slots=SLOTS)
            worker.start()
            try:
                until = time.monotonic() + seconds
                while (self.read(LEFT) or self.read(ENTRIES)) and time.monotonic() < until:
                    time.sleep(0.1)
            finally:
                worker.stop(10.0)


@pytest.fixture
def worked(tmp_path, postgres_url, monkeypatch):
    """Return a function that makes a worker, whose jobs fail where their file has no folder."""
    path = [f"{TENANTS}", os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))  # of the process that starts runs
    made = []

    def make(policy, file="counts"):
        made.append(Worked(postgres_url, f"{tmp_path}/{file}", policy))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


ALL = {"overlap": "allow", "catch_up": "all", "max_instances": 100}


def test_a_worker_is_called_for_few_of_many_rows(worked):
    """Each free slot is woken; what they claim one after another is withdrawn from the queue, and nothing is left."""
    busy = worked(Policy(**ALL))
    busy.work(ROWS)
    assert busy.read(select(func.count()).where(C.outcome == "ok")) == ROWS
    assert (busy.read(LEFT), busy.read(ENTRIES)) == (0, 0)
    assert SLOTS <= busy.engine.calls <= ROWS // 3


def test_another_attempt_is_offered_by_the_end_of_a_run(worked):
    """Not by the next tick of a server: there is none."""
    failing = worked(Policy(**ALL, retry=1, backoff="1s"), "no/such/folder")
    failing.work(3)
    second = C.attempt == 2
    assert failing.read(select(func.count()).where(second, C.outcome == "crashed", C.offered_at.is_not(None))) == 3
    assert (failing.read(LEFT), failing.read(ENTRIES)) == (0, 0)
