"""Runs by hand on a scheduler: they run, they are cancelled, and a killed scheduler starts none of them twice."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from sbh_jobkit.engines import asking, cancelling, planner
from sbh_jobkit.engines.asking import AlreadyRunning
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store

HERE = Path(__file__).parent
SLOW, COUNT = ("acme", "counting", "slow"), ("acme", "counting", "count")


def load_server():
    """Load the script beside this file, which knows the jobs."""
    spec = spec_from_file_location("manual_server", HERE / "manual_server.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


JOBS = load_server().jobs


class Ended:
    """The runs that have ended, and a way to wait for the next."""

    def __init__(self):
        """Know none."""
        self.runs, self.changed = [], threading.Condition()

    def __call__(self, run):
        """Take one."""
        with self.changed:
            self.runs.append(run)
            self.changed.notify_all()

    def wait(self, number):
        """Wait until so many have ended; return the last."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.runs) >= number, 20)
            return self.runs[-1]


@pytest.fixture
def serving(sqlite_url, tmp_path, monkeypatch):
    """Serve two manual jobs; return the scheduler, its store, and what has ended."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path]))
    store, ended = Store.open(sqlite_url), Ended()
    with Starter.start(["dict_tenant"]) as starter:
        engine = LocalEngine(store, JOBS(tmp_path / "counts"), starter, ended=ended)
        engine.start()
        yield engine, store, ended
        engine.stop(0)
    store.close()


def wait_for(store, state):
    """Wait until a row has a state."""
    for _ in range(500):
        with store.read() as connection:
            if connection.execute(job_run.select().where(job_run.c.state == state)).first():
                return
        time.sleep(0.02)
    pytest.fail(f"no row became {state}")


def test_a_run_by_hand_runs_now(serving, tmp_path):
    """Once, under its own fire time, with who asked for it."""
    engine, _, ended = serving
    fire = engine.run_now(COUNT, "ann")
    run = ended.wait(1)
    assert (run.outcome, run.reason, run.fire_time.timestamp()) == ("ok", "by hand (ann)", pytest.approx(fire))
    assert [line.split()[0] for line in (tmp_path / "counts").read_text().splitlines()] == ["count"]
    assert (engine.is_alive, engine.blocked) == (True, None)


@pytest.mark.parametrize("whose", ["its own", "another scheduler's"])
def test_a_run_that_goes_on_is_cancelled(serving, whose):
    """At once by its own scheduler, and within a few seconds by a row that another one wrote."""
    engine, store, ended = serving
    fire = engine.run_now(SLOW, "ann")
    wait_for(store, State.RUNNING)
    with pytest.raises(AlreadyRunning):
        engine.run_now(SLOW, "bob")
    if whose == "its own":
        assert engine.cancel(SLOW, fire, "bob") is State.RUNNING
    else:
        with store.write() as connection:
            cancelling.cancel(connection, SLOW, fire, "bob", now())
    run = ended.wait(1)
    expected = {"cancelled"} if whose == "its own" else {"cancelled", "ok"}  # it takes 1.5 s, a look comes each 2 s
    assert run.outcome in expected
    if run.outcome == "cancelled":
        assert run.reason == "cancelled by bob; by hand (ann)"


def test_what_is_served_can_change(serving, tmp_path):
    """A job that is not served any more has no rows that wait for ever; a new one runs."""
    engine, store, ended = serving
    engine.serve("acme", "counting", JOBS(tmp_path / "other", ["count"]), {})
    assert list(engine.jobs) == [COUNT]
    engine.run_now(COUNT, "ann")
    assert ended.wait(1).ok
    assert (tmp_path / "other").read_text().startswith("count ")
    with pytest.raises(KeyError):
        engine.run_now(SLOW, "ann")
    with store.read() as connection:
        assert connection.execute(job_run.select().where(job_run.c.state != State.ENDED)).first() is None


def start_server(url, counts):
    """Start a scheduler in another process, and wait until it serves."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path])}
    command = [sys.executable, str(HERE / "manual_server.py"), url, str(counts)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "serving\n"
    return process


def kill(process):
    """Kill it."""
    process.kill()
    process.wait(10)
    process.stdout.close()


def test_a_killed_scheduler_starts_none_of_them_twice(sqlite_url, tmp_path):
    """What had started is lost, what had not is missed, each with one row; the jobs' own count agrees."""
    counts, chance = tmp_path / "counts", random.Random(5)  # noqa: S311  the same in every run
    store = Store.open(sqlite_url)
    asked = list(JOBS(counts, max_instances=9))

    def ask(connection):
        job = chance.choice(asked).planned
        planner.plan(connection, [job], now())
        return asking.ask(connection, job, now(), "ann")

    for _ in range(6):
        process = start_server(sqlite_url, counts)
        for _ in range(6):
            with store.write() as connection:
                ask(connection)
        time.sleep(chance.uniform(0.3, 3.0))
        kill(process)
    process = start_server(sqlite_url, counts)
    wait_until_ended(store)
    process.terminate()
    process.wait(20)
    process.stdout.close()
    with store.read() as connection:
        rows = connection.execute(job_run.select()).all()
    store.close()
    started = Counter(line.split()[0] for line in counts.read_text().splitlines() if "ended" not in line)
    outcomes = Counter(row.outcome for row in rows)
    assert len(rows) == 36
    assert set(outcomes) <= {"ok", "lost", "missed"}
    assert outcomes["ok"] > 0
    assert outcomes["ok"] <= sum(started.values()) <= outcomes["ok"] + outcomes["lost"]
    assert all(row.reason for row in rows)


def wait_until_ended(store):
    """Wait until all rows have ended."""
    for _ in range(600):
        with store.read() as connection:
            if connection.execute(job_run.select().where(job_run.c.state != State.ENDED)).first() is None:
                return
        time.sleep(0.05)
    pytest.fail("rows are left that have not ended")
