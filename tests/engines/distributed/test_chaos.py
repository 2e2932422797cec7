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


@pytest.fixture
def chaos(tmp_path, own_postgres):
    """Return what is left after it: rows and marks, the jobs' own lines, where connections were cut, and exit codes."""
    counts, cuts = tmp_path / "counts", tmp_path / "cuts"
    path = os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    with own_postgres(fsync=True) as server:
        url = f"postgresql://postgres@/postgres?host={server.dsn.split()[0].removeprefix('host=')}"
        store = Store.open(url)
        queue_schema.migrate(store)
        arguments = [url, str(counts), str(cuts), str(LEASE)]
        roles = [("plan", "0"), ("plan", "0"), ("work", "0"), ("work", "40")]
        errors = [tmp_path / f"errors{number}" for number in range(4)]
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


def test_what_is_left_after_it(chaos):
    """No instant is lost, none starts twice, the rows are true, nothing is left going, and no job started early."""
    rows, marks, lines, cuts, ends = chaos
    by_key = {(row.job, row.fire_time // 1_000_000): row for row in rows}
    started = Counter((job, int(fire)) for job, fire, _ in lines if job != "slow-ended")
    each_instant_has_one_row(marks, by_key)
    assert [key for key, number in started.items() if number > 1] == []
    assert len(started) > 100
    rows_are_true(by_key, started)
    nothing_is_left_going(by_key, max(fire for _, fire in started))
    assert min(float(at) - int(fire) for job, fire, at in lines if job != "slow-ended") > 0
    assert [text for text, code in ends.items() if code != 0] == []
    connections_were_cut_between_all_steps(Counter(cuts))


def each_instant_has_one_row(marks, by_key):
    """From the first one to where the jobs are planned."""
    for mark in marks:
        fires = sorted(fire for job, fire in by_key if job == mark.job)
        assert fires == list(range(fires[0], mark.planned_to // 1_000_000 + 1, 2)), mark.job
    assert len(marks) == 3


def rows_are_true(by_key, started):
    """Hold the rows against the lines of the jobs; what was not started has a reason, and so has each lost run."""
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


def nothing_is_left_going(by_key, last):
    """Three leases after the last event, no row is a run of a dead worker, and nothing due was forgotten."""
    assert [row for row in by_key.values() if row.state in {"claimed", "running"}] == []
    left = [
        (row.job, row.state, row.reason) for (_, fire), row in by_key.items() if fire < last - 10 and not row.outcome
    ]
    assert left == []


def connections_were_cut_between_all_steps(cuts):
    """At each at least five times."""
    assert set(cuts) == POINTS
    assert min(cuts.values()) >= 5
