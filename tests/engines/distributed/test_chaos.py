"""Planners and workers that are killed, paused and cut off for three minutes: no instant is lost, none starts twice.

PostgreSQL writes to the disk, and is killed once itself. One worker's clock is 40 s ahead. The lease is shorter than
that of users.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.schema import job_mark, job_run
from sbh_jobkit.engines.store import Store

HERE = Path(__file__).parent
LEASE, SECONDS = 8.0, 170.0
EVENTS = ["kill"] * 40 + ["pause"] * 15 + ["database"]
POINTS = {"chosen", "decided", "claimed", "ready", "running", "gone", "ended", "finished"}
UNSTARTED = {"missed", "skipped", "coalesced"}


class Process:
    """A planner or a worker, started again after each death."""

    def __init__(self, arguments, environment, errors):
        """Start it."""
        self.arguments, self.environment, self.errors = arguments, environment, errors
        self.lock = threading.Lock()
        self.start()

    def start(self):
        """Start it, and do not wait."""
        command = [sys.executable, str(HERE / "process.py"), *self.arguments]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=errors)

    def kill(self):
        """Kill it, and start another one."""
        with self.lock:
            self.process.kill()
            self.process.wait(30)
            self.start()

    def pause(self, seconds):
        """Stop it for a while, in which others count it as dead."""
        with self.lock:
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """Stop it as operators do."""
        with self.lock:
            self.process.terminate()
            try:
                return self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGUSR1)
                time.sleep(1)
                raise


def live_through(processes, server, chance):
    """Let all events happen; one that is paused misses what happens to the others."""
    threads = []
    events = chance.sample(EVENTS, len(EVENTS))
    until = time.monotonic() + SECONDS
    for number, event in enumerate(events):
        process = chance.choice(processes)
        if event == "database":
            server.kill()
            time.sleep(1)
            server.start()
        else:
            given = (chance.uniform(0.5, 3) * LEASE,) if event == "pause" else ()
            threads.append(threading.Thread(target=getattr(process, event), args=given))
            threads[-1].start()
        left = (until - time.monotonic()) / (len(events) - number)
        time.sleep(max(0.1, left * chance.uniform(0.3, 1)))
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def chaos(tmp_path_factory, own_postgres):
    """Return what is left after it: rows and marks, the jobs' own lines, where connections were cut, and exit codes."""
    folder = tmp_path_factory.mktemp("chaos")
    counts, cuts = folder / "counts", folder / "cuts"
    path = os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    with own_postgres(fsync=True) as server:
        url = f"postgresql://postgres@/postgres?host={server.dsn.split()[0].removeprefix('host=')}"
        store = Store.open(url)
        queue_schema.migrate(store)
        arguments = [url, str(counts), str(cuts), str(LEASE)]
        roles = [("plan", "0"), ("plan", "0"), ("work", "0"), ("work", "40")]
        errors = [folder / f"errors{number}" for number in range(4)]
        given = zip(roles, errors, strict=True)
        processes = [Process([role, *arguments, ahead], environment, log) for (role, ahead), log in given]
        try:
            live_through(processes, server, random.Random(16))  # noqa: S311  the same in every run
            time.sleep(3 * LEASE)  # what was left is settled and caught up
            codes = [process.stop() for process in reversed(processes)][::-1]
        finally:
            for process in processes:
                if process.process.poll() is None:
                    process.process.kill()
                    process.process.wait()
        store.close()
        store = Store.open(url)
        with store.read() as connection:
            rows = connection.execute(job_run.select()).all()
            marks = connection.execute(job_mark.select()).all()
        store.close()
    ends = {log.read_text()[-3000:]: code for log, code in zip(errors, codes, strict=True)}
    return rows, marks, [line.split() for line in counts.read_text().splitlines()], cuts.read_text().split(), ends


@pytest.fixture
def by_key(chaos):
    """Return the rows by job and second."""
    return {(row.job, row.fire_time // 1_000_000): row for row in chaos[0]}


def test_each_due_instant_has_one_row(chaos, by_key):
    """From the first one to where the jobs are planned."""
    for mark in chaos[1]:
        fires = sorted(fire for job, fire in by_key if job == mark.job)
        assert fires == list(range(fires[0], mark.planned_to // 1_000_000 + 1, 2)), mark.job
    assert len(chaos[1]) == 3


def test_none_starts_twice(chaos):
    """By the lines that the jobs have written themselves."""
    started = Counter((job, int(fire)) for job, fire, _ in chaos[2] if job != "slow-ended")
    assert [key for key, number in started.items() if number > 1] == []
    assert len(started) > 100


def test_the_rows_are_true(chaos, by_key):
    """What ended well was started, what was not started has a reason, and so has each lost run."""
    started = {(job, int(fire)) for job, fire, _ in chaos[2] if job != "slow-ended"}
    for key, row in by_key.items():
        if row.outcome == "ok":
            assert key in started
        elif row.state == "ended":
            assert row.outcome in UNSTARTED | {"lost", "cancelled"}, row.record
            assert row.reason
            assert row.outcome in {"lost", "cancelled"} or key not in started
    lost = [row for row in by_key.values() if row.outcome == "lost"]
    assert len(lost) >= 5
    assert {row.reason.split(":")[0] for row in lost} == {"lost"}


def test_nothing_is_left_going(chaos, by_key):
    """Three leases after the last event, no row is a run of a dead worker, and nothing due was forgotten."""
    assert [row for row in by_key.values() if row.state in {"claimed", "running"}] == []
    last = max(int(fire) for _, fire, _ in chaos[2])
    waiting = [
        (row.job, row.state, last - fire, row.reason)
        for (_, fire), row in by_key.items()
        if fire < last - 10 and row.state != "ended"
    ]
    assert waiting == []


def test_connections_were_cut_between_all_steps(chaos):
    """At each at least five times; and all processes ended as they were told."""
    found = Counter(chaos[3])
    assert set(found) == POINTS
    assert min(found.values()) >= 5
    assert [text for text, code in chaos[4].items() if code != 0] == []


def test_no_job_started_early(chaos):
    """Not even by the worker whose clock is 40 s ahead."""
    assert min(float(at) - int(fire) for job, fire, at in chaos[2] if job != "slow-ended") > 0
