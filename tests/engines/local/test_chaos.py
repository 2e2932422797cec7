"""Schedulers that are killed and paused at random for two minutes: each due instant has one row, none starts twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from sbh_jobkit.engines.schema import job_mark, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.machine.processes import children

HERE = Path(__file__).parent
POINTS = ("plan-claim", "claim-ready", "ready-go", "go-end")
SECONDS = 80.0
EVENTS = ["kill"] * 20 + ["pause"] * 10 + ["starter"] * 4 + ["supervisor"] * 6 + [*POINTS] * 5
UNSTARTED = {"missed", "skipped", "coalesced"}


class Server:
    """One scheduler process, started again after each death."""

    def __init__(self, arguments, environment):
        """Start it."""
        self.arguments, self.environment = arguments, environment
        self.start()

    def start(self, *point):
        """Start, at which it prints the number of its starter once it serves."""
        command = [sys.executable, str(HERE / "server.py"), *self.arguments, *point]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        self.starter = int(self.process.stdout.readline() or 0)

    def end(self, number=signal.SIGKILL):
        """End it, and wait for the end."""
        self.process.send_signal(number)
        self.wait()

    def wait(self, seconds=30):
        """Wait for its end."""
        self.process.wait(seconds)
        self.process.stdout.close()


def happen(event, servers, chance):
    """Let one event happen to one of the schedulers; the other goes on."""
    server = chance.choice(servers)
    if event == "kill":
        server.end()
        time.sleep(chance.uniform(0, 0.8))
        server.start()
    elif event == "pause":
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 3))
        server.process.send_signal(signal.SIGCONT)
    elif event == "starter":
        os.kill(server.starter, signal.SIGKILL)
        server.starter = 0
    elif event == "supervisor":
        for pid in children(server.starter)[:1] if server.starter else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    else:
        server.end()
        server.start(event)
        server.wait()
        server.start()


def live_through(servers, chance):
    """Let all events happen, for at least two minutes; the second scheduler is there for the second half only."""
    until = time.monotonic() + SECONDS
    events = chance.sample(EVENTS, len(EVENTS))
    for number, event in enumerate(events):
        happen(event, servers[: 1 if number < len(events) // 2 else 2], chance)
        left = (until - time.monotonic()) / (len(events) - number)
        time.sleep(max(0.05, min(left, 3)) * chance.uniform(0.2, 1))


@pytest.fixture
def chaos(tmp_path, sqlite_url):
    """Return what is left after it: rows and marks of the store, the lines of the jobs, and where schedulers died."""
    counts, deaths = tmp_path / "counts", tmp_path / "deaths"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1] / "data/tenants"), *sys.path])}
    arguments = [sqlite_url, str(counts), str(deaths)]
    servers = [Server(arguments, environment), Server(arguments, environment)]
    try:
        servers[1].end(signal.SIGTERM)
        chance = random.Random(11)  # noqa: S311  the same in every run
        servers[1].start()
        live_through(servers, chance)
        servers[0].end()
        servers[0].start()
        time.sleep(4)  # what was left is caught up
        for server in servers:
            server.end(signal.SIGTERM)
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.end()
    store = Store.open(sqlite_url)
    with store.read() as connection:
        rows, marks = connection.execute(job_run.select()).all(), connection.execute(job_mark.select()).all()
    store.close()
    lines = [line.split() for line in counts.read_text().splitlines()]
    return rows, marks, lines, [json.loads(line) for line in deaths.read_text().splitlines()]


def test_every_due_instant_has_one_row_and_starts_at_most_once(chaos):
    """The rows, the jobs' own count, and the deaths at named points agree."""
    rows, marks, lines, deaths = chaos
    by_key = {(row.job, row.fire_time // 1_000_000): row for row in rows}
    for mark in marks:
        fires = sorted(fire for job, fire in by_key if job == mark.job)
        assert fires == list(range(fires[0], mark.planned_to // 1_000_000 + 1)), mark.job
    started = Counter((job, int(fire)) for job, fire, _ in lines if job != "slow-ended")
    assert [key for key, number in started.items() if number > 1] == []
    last = max(row.fire_time for row in rows)
    left = {(row.job, row.state, last - row.fire_time < 5_000_000) for row in rows if row.state != "ended"}
    assert left <= {("slow", "waiting", True)}  # the last one waited when its scheduler was stopped
    for key, row in by_key.items():
        if row.state == "waiting":
            assert started[key] == 0
        elif row.outcome == "ok":
            assert started[key] == 1
        else:
            assert row.reason
            assert row.outcome in UNSTARTED | {"lost"}
            assert row.outcome == "lost" or started[key] == 0
    assert Counter(point for point, *_ in deaths) == dict.fromkeys(POINTS, 5)
    outcomes = {
        point: {by_key[run[0], int(run[1])].outcome for name, *run in deaths if run and name == point}
        for point in POINTS
    }
    given_back = {(run[0], int(run[1])) for name, *run in deaths if name in {"claim-ready", "ready-go"}}
    assert [key for key in given_back if by_key[key].outcome == "lost" and not started[key]] == []
    assert outcomes["go-end"] == {"lost"}
    assert Counter(row.outcome for row in rows)["ok"] > 100
