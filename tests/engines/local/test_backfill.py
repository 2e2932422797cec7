"""A backfill of a month whose schedulers are killed: each fire time starts once, by the jobs' own count."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from sbh_jobkit.engines import backfill, planner
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.policy import Window

HERE = Path(__file__).parent
KEY = ("acme", "counting", "count")
MARCH, APRIL = (datetime(2025, month, 1, tzinfo=UTC).timestamp() for month in (3, 4))


def load_server():
    """Load the script beside this file, which knows the jobs."""
    spec = spec_from_file_location("manual_server", HERE / "manual_server.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def serve(url, counts):
    """Start a scheduler in another process, and wait until it serves."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path])}
    command = [sys.executable, str(HERE / "manual_server.py"), url, str(counts), "30 3,15 1-30 3 *"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "serving\n"
    return process


def ended(store):
    """Return how many fire times have ended."""
    with store.read() as connection:
        return len(connection.execute(job_run.select().where(job_run.c.state == State.ENDED)).all())


def wait_for(store, number):
    """Wait until so many fire times have ended."""
    until = time.monotonic() + 60
    while ended(store) < number:
        assert time.monotonic() < until, "the backfill does not go on"
        time.sleep(0.02)


def test_a_killed_backfill_of_a_month_starts_each_fire_time_once(sqlite_url, tmp_path):
    """Killed three times, asked for again each time: 60 fire times, 60 rows, none started twice."""
    counts, chance = tmp_path / "counts", random.Random(9)  # noqa: S311  the same in every run
    (job,) = load_server().jobs(counts, ["count"], "30 3,15 1-30 3 *")
    store = Store.open(sqlite_url)
    with store.write() as connection:
        planner.plan(connection, [job.planned], now())
    for killed_after in (5, 20, 40, 60):
        process = serve(sqlite_url, counts)
        with store.write() as connection:
            found = backfill.ask(connection, KEY, Window(start=MARCH, end=APRIL), "ann", now())
        assert found.asked + found.begun + found.planned == 60
        wait_for(store, killed_after)
        time.sleep(chance.uniform(0, 0.3))
        process.kill() if killed_after < 60 else process.terminate()
        process.wait(20)
        process.stdout.close()
    with store.read() as connection:
        rows = connection.execute(job_run.select()).all()
    store.close()
    started = Counter(line.split()[1] for line in counts.read_text().splitlines())
    outcomes = Counter(row.outcome for row in rows)
    assert (len(rows), {row.backfilled_by for row in rows}) == (60, {"ann"})
    assert set(started.values()) == {1}
    assert outcomes["ok"] + outcomes["lost"] == 60
    assert outcomes["ok"] <= len(started) <= 60
    assert outcomes["ok"] >= 40
