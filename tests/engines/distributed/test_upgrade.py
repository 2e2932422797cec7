"""A store of version 3 is migrated while a worker of that kit goes on: no run is lost, none starts twice."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from fleet import Fleet
from sqlalchemy import select

from sbh_jobkit.engines import identity
from sbh_jobkit.engines.instants import now, to_store
from sbh_jobkit.engines.schema import VERSION, job_run
from sbh_jobkit.engines.store import Store

pytestmark = pytest.mark.usefixtures("measured")
DUMP = Path(__file__).parents[2] / "data/stores/version_3.sql"
DUMPED = 1_795_775_260_543_083
"""When it was written, in microseconds since 1970."""
_TIMES = {
    "sbh_job_run": ("fire_time", "planned_at", "started_at", "finished_at", "offered_at"),
    "sbh_job_mark": ("planned_to",),
    "sbh_life": ("started_at", "alive_at"),
}
OLD_LIFE = "INSERT INTO sbh_life (worker, started_at, alive_at) VALUES (%s, %s, %s)"
OLD_BEAT = "UPDATE sbh_life SET alive_at = %s WHERE worker = %s"
OLD_LOCK = "SELECT schedule, planned_to FROM sbh_job_mark WHERE job = 'every_minute' FOR UPDATE"
OLD_CHOICE = "SELECT min(fire_time) FROM sbh_job_run WHERE job = 'every_minute' AND state = 'due' AND asked_by = 'ann'"
OLD_CLAIM = (
    "UPDATE sbh_job_run SET state = 'claimed', worker = %s, reason = 'by hand (ann)'"
    " WHERE job = 'every_minute' AND fire_time = %s AND attempt = 1"
)
OLD_START = (
    "UPDATE sbh_job_run SET state = 'running', started_at = %s, version = '0.0.0 (old)' WHERE job = 'every_minute'"
    " AND fire_time = %s AND worker = %s AND state = 'claimed' AND cancelled_by IS NULL"
)
OLD_FINISH = (
    "UPDATE sbh_job_run SET state = 'ended', outcome = 'ok', finished_at = %s WHERE fire_time = %s AND worker = %s"
    " AND state = 'running'"
)
ASKED = 8


class OldWorker:
    """What a worker of version 3 writes, by the statements of its kit, in the name of a process that is alive."""

    def __init__(self, url, notes):
        """Begin, and give signs of life."""
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.name, self.notes = identity.identify(self.process.pid), notes
        self.connection = psycopg.connect(url)
        at = to_store(now())
        self.do(OLD_LIFE, self.name, at, at)
        self.beats = psycopg.connect(url, autocommit=True)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.beat)
        self.thread.start()

    def beat(self):
        """Give signs of life."""
        while not self.stop.wait(0.5):
            self.beats.execute(OLD_BEAT, [to_store(now()), self.name])

    def do(self, statement, *values):
        """Execute and commit a statement; return how many rows it changed."""
        done = self.connection.execute(statement, values)
        self.connection.commit()
        return done.rowcount

    def claim(self):
        """Claim the next row that somebody has asked for; return its fire time."""
        self.connection.execute(OLD_LOCK)
        (fire,) = self.connection.execute(OLD_CHOICE).fetchone()
        if fire is not None:
            assert self.do(OLD_CLAIM, self.name, fire) == 1
            assert self.do(OLD_START, to_store(now()), fire, self.name) == 1
            with self.notes.open("a") as file:
                file.write("minute\n")
        self.connection.commit()
        return fire

    def finish(self, fire):
        """End its run."""
        assert self.do(OLD_FINISH, to_store(now()), fire, self.name) == 1

    def close(self):
        """End."""
        self.stop.set()
        self.thread.join()
        self.connection.close()
        self.beats.close()
        self.process.communicate(b"\n")


def restore(url):
    """Load the dump, as if it had been written just now, with fire times that somebody has asked for."""
    with psycopg.connect(url) as connection:
        connection.execute(DUMP.read_text())
        connection.execute("SET search_path TO public")
        shift = to_store(now()) - DUMPED
        for table, columns in _TIMES.items():
            values = ", ".join(f"{name} = {name} + {shift}" for name in columns)
            connection.execute(f"UPDATE {table} SET {values}")  # noqa: S608  our own names
        for number in range(ASKED):
            connection.execute(
                "INSERT INTO sbh_job_run (tenant, plugin, job, fire_time, attempt, state, planned_at, is_cut, asked_by)"
                " VALUES ('acme', 'shop', 'every_minute', %s, 1, 'due', %s, false, 'ann')",
                [at := to_store(now()) + number, at],
            )


@pytest.fixture
def old(tmp_path, postgres_url):
    """Restore the store, and let a worker of version 3 begin; the server of that kit has stopped."""
    restore(postgres_url)
    fleet = Fleet(tmp_path, postgres_url)
    worker = OldWorker(postgres_url, tmp_path / "notes")
    yield fleet, worker
    fleet.close()
    worker.close()


def test_a_store_of_version_3_is_migrated_while_its_worker_goes_on(old):
    """The history stays, the old worker's run ends as its own, and both kits' workers share what is due."""
    fleet, worker = old
    held = worker.claim()
    refused = fleet.run("worker", "--store", fleet.url, "--key-file", "key")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "has version 3, and this kit needs" in refused.stderr
    assert "; type: sbh-jobkit store migrate --store URL" in refused.stderr
    done = fleet.run("store", "migrate", "--store", fleet.url)
    assert (done.returncode, done.stdout.splitlines()[0].endswith(f"has version {VERSION}")) == (0, True)
    claimed = worker.claim()
    worker.finish(claimed)
    with (fleet.folder / "tenant.toml").open("a") as file:
        file.write('[policy.every_minute]\noverlap = "allow"\nmax_instances = 9\n')
    fleet.start("serve", "shop", "--engine", "distributed", "--port", "0")
    fleet.start("worker")
    until = time.monotonic() + 60
    while (fire := worker.claim()) is not None and time.monotonic() < until:
        time.sleep(1)  # its run takes a second
        worker.finish(fire)
    while len(ended(fleet, asked_by="ann")) < ASKED - 1 and time.monotonic() < until:
        time.sleep(0.2)
    worker.finish(held)
    rows = ended(fleet, asked_by="ann")
    assert [row.outcome for row in rows] == ["ok"] * ASKED
    assert {row.worker == worker.name for row in rows} == {True, False}
    started = [row for row in ended(fleet, job="every_minute") if row.started_at is not None]
    assert fleet.notes() == ["minute"] * len(started)
    assert not [row for row in ended(fleet) if row.outcome == "lost"]
    history = json.loads(fleet.run("history", "--store", fleet.url, "--job", "quick", "--json").stdout)
    assert [(row["outcome"], row["stdout"]) for row in history] == [("ok", "on my way\n")] * 2


def ended(fleet, **named):
    """Return the rows that have ended."""
    store = Store.open(fleet.url)
    query = select(job_run).where(job_run.c.state == "ended").order_by(job_run.c.fire_time)
    with store.read() as connection:
        found = connection.execute(query.where(*(job_run.c[name] == value for name, value in named.items()))).all()
    store.close()
    return found
