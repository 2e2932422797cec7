"""What operators do while jobs run: drain a worker, replace a plugin, replace the kit, restore a backup."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from fleet import PLUGIN
from sqlalchemy import select

from sbh_jobkit.engines.schema import VERSION, job_run
from sbh_jobkit.engines.store import Store

pytestmark = pytest.mark.usefixtures("measured")
ROOT = Path(__file__).parents[3]
NEW_PLUGIN = PLUGIN.replace("VERSION = 1", "VERSION = 2")


@pytest.fixture
def rows(fleet):
    """Return a function that reads rows of a job."""
    store = Store.open(fleet.url)

    def read(job, *names):
        columns = [job_run.c[name] for name in names]
        query = select(*columns).where(job_run.c.job == job).order_by(job_run.c.fire_time, job_run.c.attempt)
        with store.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    yield read
    store.close()


class Load:
    """Somebody who runs a job by hand, again and again."""

    def __init__(self, fleet):
        """Begin."""
        self.answers, self.stop = [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(fleet,))
        self.thread.start()

    def run(self, fleet):
        """Run it until the end."""
        while not self.stop.is_set():
            self.answers.append(fleet.run_now("count"))

    def wait(self, number, seconds=60):
        """Wait for so many more runs."""
        until, wanted = time.monotonic() + seconds, len(self.answers) + number
        while len(self.answers) < wanted and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.answers) >= wanted

    def end(self):
        """Return what each run printed, which must have succeeded."""
        self.stop.set()
        self.thread.join()
        assert [each for each in self.answers if not each["result"]["success"]] == []
        return [each["result"]["stdout"].strip() for each in self.answers]


def test_a_worker_is_drained(fleet, rows):
    """After SIGTERM it claims nothing, its run ends well, and then it ends; it notifies the service manager of both."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(fleet.folder / "notify"))
    manager.settimeout(60)
    worker = fleet.start("worker", "--runs", "2", "--grace", "60s", NOTIFY_SOCKET=str(fleet.folder / "notify"))
    assert manager.recv(4096) == b"READY=1\nSTATUS=up to 2 runs at a time"
    run = fleet.run_now("steady", wait="false")["run_id"]
    fleet.wait_for("steady 1 began")
    worker.send_signal(signal.SIGTERM)
    assert manager.recv(4096) == b"STOPPING=1"
    manager.close()
    time.sleep(0.5)  # in which its threads end
    fleet.run_now("count", wait="false")
    time.sleep(3)
    assert rows("count", "state") == [("due",)]
    assert (worker.poll(), rows("steady", "state")) == (None, [("running",)])
    fleet.go()
    assert worker.wait(60) == 0
    assert fleet.ended("steady", run)["outcome"] == "ok"
    fleet.start("worker")
    fleet.wait_for("count 1")
    assert fleet.notes().count("count 1") == 1


def test_a_name_belongs_to_one_process(fleet):
    """A second one is refused, whichever command it is; the name is free at once when the first one was killed."""
    first = fleet.start("worker", "--name", "night")
    more = ["--name", "night", "--store", fleet.url, "--key-file", "key"]
    for words in (["worker"], ["serve", "shop", "--engine", "distributed", "--port", "0"]):
        refused = fleet.run(*words, *more)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert f"the name 'night' is taken by process {first.pid} on " in refused.stderr
    fleet.stop(first, signal.SIGKILL)
    second = fleet.start("worker", "--name", "night")
    assert fleet.run_now("quick")["result"]["success"] is True
    assert fleet.stop(second) == 0
    assert fleet.start("worker", "--name", "night").poll() is None


def test_a_plugin_is_replaced_while_it_runs(fleet, rows):
    """What has begun ends as the version that it began with, what starts later is the new one, and each runs once."""
    for _ in range(2):
        fleet.start("worker", "--runs", "2")
    run = fleet.run_now("steady", wait="false")["run_id"]
    fleet.wait_for("steady 1 began")
    load = Load(fleet)
    load.wait(3)
    assert fleet.upload(NEW_PLUGIN)["slug"] == "shop"
    load.wait(6)
    fleet.go()
    assert fleet.ended("steady", run)["outcome"] == "ok"
    printed = load.end()
    assert printed == sorted(printed)
    assert set(printed) == {"1", "2"}
    assert [note for note in fleet.notes() if note.startswith("steady")] == ["steady 1 began", "steady 1 ended"]
    counted = [note.split()[1] for note in fleet.notes() if note.startswith("count")]
    assert counted == printed
    versions = [version for outcome, version in rows("count", "outcome", "version")]
    assert len(set(versions)) == 2
    assert [versions.count(each) for each in dict.fromkeys(versions)] == [printed.count("1"), printed.count("2")]
    assert rows("steady", "version") == [(versions[0],)]


NEWER = """
ALTER TABLE sbh_job_run ADD COLUMN of_tomorrow text;
ALTER TABLE sbh_life ADD COLUMN of_tomorrow text;
CREATE TABLE sbh_of_tomorrow (name text PRIMARY KEY);
CREATE INDEX sbh_of_tomorrow_runs ON sbh_job_run (tenant, of_tomorrow);
UPDATE sbh_store SET version = version + 1;
"""


def test_a_newer_kit_migrates_while_older_processes_go_on(fleet, rows):
    """They finish what they have and run what comes; one that starts then is refused, with the reason."""
    for _ in range(2):
        fleet.start("worker", "--runs", "2")
    run = fleet.run_now("steady", wait="false")["run_id"]
    fleet.wait_for("steady 1 began")
    load = Load(fleet)
    load.wait(3)
    with psycopg.connect(fleet.url) as connection:
        connection.execute(NEWER)
    load.wait(6)
    refused = fleet.run("worker", "--store", fleet.url, "--key-file", "key")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert f"has version {VERSION + 1}, and this kit knows {VERSION}; install the kit that wrote it" in refused.stderr
    fleet.go()
    assert fleet.ended("steady", run)["outcome"] == "ok"
    printed = load.end()
    assert [note for note in fleet.notes() if note.startswith("count")] == [f"count {each}" for each in printed]
    assert set(rows("count", "state", "outcome")) == {("ended", "ok")}


def manual_commands():
    """Return the commands of the manual's section on backups: what takes one, and what restores it."""
    page = (ROOT / "docs/production.md").read_text()
    section = page.partition("\n## Back up and restore\n")[2].partition("\n## ")[0]
    (backup,), restore = (block.splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    return backup, restore


def type_line(fleet, line, url):
    """Type a line of the manual, with the store in its variable."""
    programs = [Path(sys.executable).parent, *Path("/usr/lib/postgresql").glob("*/bin")]
    environment = {**fleet.environment, "SBH_JOBKIT_STORE": url}
    environment["PATH"] = ":".join([*(str(each) for each in programs), environment["PATH"]])
    run = {"shell": True, "cwd": fleet.folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(line, **run, timeout=60, check=False)  # the manual's own commands
    assert (done.returncode, done.stderr) == (0, ""), line


ENDS = {
    "--begin-now": ("missed", 1),
    "without it": ("ok", 2),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_backup_is_restored(fleet, rows, how):
    """What ran at the time of the dump is lost; what was due starts a second time, unless the server begins now."""
    outcome, times = ENDS[how]
    backup, (restore, migrate, serve, work) = manual_commands()
    worker = fleet.start("worker", "--runs", "1")
    assert fleet.run_now("quick")["result"]["success"] is True
    fleet.run_now("steady", wait="false")
    fleet.wait_for("steady 1 began")
    for job in ("count", "tally"):
        fleet.run_now(job, wait="false")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        due = "UPDATE sbh_job_run SET asked_by = NULL WHERE job IN ('count', 'tally')"  # as if by their schedules
        assert connection.execute(due).rowcount == 2
        claimed = "UPDATE sbh_job_run SET state = 'claimed', worker = 'gone/1:boot:1:1' WHERE job = 'count'"
        assert connection.execute(claimed).rowcount == 1
        type_line(fleet, backup, fleet.url)
        connection.execute("UPDATE sbh_job_run SET state = 'due', worker = NULL WHERE job = 'count'")  # at once
    fleet.go()
    for note in ("count 1", "tally 1"):
        fleet.wait_for(note)
    assert [fleet.stop(worker), fleet.stop(fleet.server)] == [0, 0]
    Path(fleet.folder, "notes.go").unlink()
    for line in (restore, migrate):
        type_line(fleet, line, fleet.url)
    words = serve.replace("examples/hub_ops", "shop").split()[1:]
    if how == "without it":
        words.remove("--begin-now")
    fleet.server = fleet.start(*words, "--port", "0", "--token-file", "token", "--grace", "0s")
    fleet.start(*work.split()[1:])
    assert fleet.run_now("quick")["result"]["success"] is True
    until = time.monotonic() + 60
    while {*rows("count", "state"), *rows("tally", "state")} != {("ended",)} and time.monotonic() < until:
        time.sleep(0.1)
    assert rows("count", "outcome") + rows("tally", "outcome") == [(outcome,)] * 2
    assert [fleet.notes().count(note) for note in ("count 1", "tally 1")] == [times] * 2
    assert rows("quick", "outcome") == [("ok",)] * 2
    assert (rows("steady", "outcome"), fleet.notes().count("steady 1 began")) == ([("lost",)], 1)
