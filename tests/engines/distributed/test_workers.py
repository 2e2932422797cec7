"""A server and two workers as operators start them, on one PostgreSQL, some of them killed."""

import os
import signal
import time
from pathlib import Path

import pytest
from fleet import Fleet
from sqlalchemy import select, text

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.schema import job_run, package
from sbh_jobkit.engines.store import Store

pytestmark = pytest.mark.usefixtures("measured")


def test_runs_by_hand_go_to_a_worker(fleet):
    """The answer waits for the worker, has its output, and names the version that ran."""
    worker = fleet.start("worker", "--runs", "2")
    done = fleet.run_now("quick")
    assert (done["state"], done["result"]["success"], done["result"]["stdout"]) == ("ended", True, "on my way\n")
    (run,) = fleet.call("GET", "/api/plugins/shop/jobs/quick/runs")
    store = Store.open(fleet.url)
    with store.read() as connection:
        (digest,) = connection.execute(select(package.c.digest)).scalars()
    store.close()
    assert (run["outcome"], run["version"]) == ("ok", f"0.0.0 ({digest[:8]})")
    assert fleet.stop(worker) == 0
    assert fleet.stop(fleet.server) == 0


def test_a_process_has_several_runs(fleet):
    """It is used again until it had its runs, or a secret is another one; the worker stops and leaves none."""
    fleet.start("worker", "--runs", "1", "--runs-per-process", "3")

    def pid():
        done = fleet.run_now("quick")
        assert (done["result"]["success"], done["result"]["stdout"]) == (True, "on my way\n")
        return fleet.call("GET", f"/api/plugins/shop/jobs/quick/runs/{done['run_id']}")["value"]["pid"]

    first, second, third, fourth = (pid() for _ in range(4))
    assert first == second == third != fourth
    fleet.call("POST", "/api/plugins/shop/secrets", {"key": "BOILER", "value": "a-long-secret"})
    fifth, sixth = pid(), pid()
    assert fifth == sixth != fourth
    assert fleet.stop(fleet.processes[-1]) == 0
    until = time.monotonic() + 10
    while (left := [each for each in (fourth, fifth) if Path(f"/proc/{each}").exists()]) and time.monotonic() < until:
        time.sleep(0.01)
    assert left == []


def test_a_run_is_cancelled_where_it_goes_on(fleet):
    """Its worker finds the wish in the rows."""
    fleet.start("worker")
    run = fleet.run_now("slow", wait="false")["run_id"]
    fleet.wait_for("slow began")
    assert fleet.call("POST", f"/api/plugins/shop/jobs/slow/runs/{run}/cancel", {})["was"] == "running"
    assert fleet.ended("slow", run)["reason"].startswith("cancelled by first")


def test_a_worker_is_killed(fleet):
    """Its run is lost, with the reason; the other worker goes on, and nothing runs twice."""
    first = fleet.start("worker")
    run = fleet.run_now("slow", wait="false")["run_id"]
    fleet.wait_for("slow began")
    fleet.start("worker")
    fleet.stop(first, signal.SIGKILL)
    lost = fleet.ended("slow", run)
    assert (lost["outcome"], lost["reason"]) == ("lost", "lost: its scheduler died while it ran")
    assert fleet.run_now("quick")["result"]["success"] is True
    assert fleet.notes().count("slow began") == 1


def test_a_package_that_was_changed_in_the_store(fleet):
    """The run crashes, and says which digest was expected and which was found."""
    store = Store.open(fleet.url)
    with store.write() as connection:
        connection.execute(text("UPDATE sbh_package SET data = :data"), {"data": _other_package(fleet.folder)})
    fleet.start("worker", "--cache", "another")
    run = fleet.run_now("quick", wait="false")["run_id"]
    ended = fleet.ended("quick", run)
    with store.read() as connection:
        assert connection.execute(select(job_run.c.state).where(job_run.c.job == "quick")).scalar_one() == "ended"
    store.close()
    assert ended["outcome"] == "crashed"
    assert ended["error"]["message"].startswith("the package in the store was changed: expected ")


def _other_package(folder):
    from sbh_jobkit.engines.packages import pack

    (folder / "shop/main.py").write_text("A = 1\n")
    return pack(folder / "shop")[1]


def test_a_worker_that_is_cut_off_ends_its_runs(fleet):
    """Stopped for longer than its lease, it finds the run ended by its supervisor and lost in the rows."""
    worker = fleet.start("worker")
    fleet.start("worker")
    run = fleet.run_now("slow", wait="false")["run_id"]
    fleet.wait_for("slow began")
    store = Store.open(fleet.url)
    with store.read() as connection:
        name = connection.execute(select(job_run.c.worker).where(job_run.c.job == "slow")).scalar_one()
    store.close()
    stopped = next(each for each in fleet.processes if f":{each.pid}:" in name)
    stopped.send_signal(signal.SIGSTOP)
    since = now()
    lost = fleet.ended("slow", run)
    alive = [float(note.split()[1]) for note in fleet.notes() if note.startswith("alive")]
    assert (lost["outcome"], lost["reason"]) == ("lost", "lost: its scheduler died while it ran")
    assert max(alive) - since < 30
    stopped.send_signal(signal.SIGCONT)
    time.sleep(3)
    assert fleet.ended("slow", run)["reason"] == lost["reason"]
    assert fleet.stop(stopped) == 0
    del worker


TABLES = """
from table_engine import TableEngine
from sbh_jobkit import hookimpl

@hookimpl
def sbh_engines():
    return {"table": TableEngine}
"""


def test_an_engine_of_an_extension(tmp_path, postgres_url):
    """Server and worker take it by its name, and a run by hand comes to the worker."""
    installed = tmp_path / "site/acme_tables-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tables\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[sbh_jobkit]\ntables = acme_tables\n")
    (tmp_path / "site/acme_tables.py").write_text(TABLES)
    fleet = Fleet(tmp_path, postgres_url)
    path = [installed.parent, Path(__file__).parents[2] / "data/engines", os.environ.get("PYTHONPATH", "")]
    fleet.environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
    try:
        done = fleet.run("store", "migrate", "--store", postgres_url, "--engine", "table")
        assert (done.returncode, done.stderr) == (0, "")
        fleet.server = fleet.start("serve", "shop", "--engine", "table", "--port", "0", "--token-file", "token")
        worker = fleet.start("worker", "--engine", "table")
        assert fleet.run_now("quick")["result"]["success"] is True
        assert (fleet.stop(worker), fleet.stop(fleet.server)) == (0, 0)
    finally:
        fleet.close()


def test_processes_of_a_store_use_one_engine(fleet):
    """The second kind is refused at its start, whichever came first; when the first has stopped, it may start."""
    store = ("--store", fleet.url, "--key-file", "key")
    local = ("serve", "shop", "--port", "0", "--token-file", "token")
    refuses(fleet, (*local, *store), f"the scheduler (process {fleet.server.pid} on ", "distributed, not local")
    assert fleet.stop(fleet.server) == 0
    other = fleet.start(*local, "--name", "only")
    refuses(fleet, ("worker", *store), f"the scheduler 'only' (process {other.pid} on ", "local, not distributed")
    assert fleet.stop(other) == 0
    assert fleet.stop(fleet.start("worker")) == 0


def refuses(fleet, words, who, engines):
    """Run a command that ends at once with one sentence."""
    done = fleet.run(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert who in done.stderr
    assert f" uses the store with --engine {engines}; stop it first, or use the same" in done.stderr


NOT_SHARED = "workers need a store in PostgreSQL, and 'sqlite:///jobs.db' is SQLite"
NEW = "has no tables yet; type: sbh-jobkit store migrate --store URL"
SERVE = ["serve", "shop", "--engine", "distributed"]
WRONG = [
    (
        ["worker", "--store", "sqlite:///jobs.db"],
        "workers need a store in PostgreSQL, and 'sqlite:///jobs.db' is SQLite",
    ),
    (["worker", "--store", "postgres://x"], "unknown store 'postgres://x'; did you mean 'postgresql'?"),
    (["worker", "--store", "URL"], NEW),
    (
        ["serve", "shop", "--engine", "distributed", "--store", "URL"],
        "has no tables yet; type: sbh-jobkit store migrate",
    ),
    (
        ["serve", "shop", "--engine", "distributed"],
        "workers need a store in PostgreSQL, and 'sqlite:///jobs.db' is SQLite",
    ),
    (["serve", "shop", "--engine", "remote"], "there is no engine 'remote' for workers; use distributed"),
    (["worker", "--engine", "local", "--store", "URL"], "there is no engine 'local' for workers; use distributed"),
    (["store", "migrate", "--engine", "rq"], "there is no engine 'rq' for workers; use distributed"),
    (["store", "migrat"], "store cannot 'migrat'; did you mean 'migrate'?"),
    (["store", "drop"], "store cannot 'drop'; it can migrate or copy"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_use(tmp_path, postgres_url, words, says):
    """One sentence, exit code 2, and nothing is made."""
    fleet = Fleet(tmp_path, postgres_url)
    done = fleet.run(*(postgres_url if word == "URL" else word for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"shop", "tenant.toml"}


def test_a_worker_without_the_key(fleet):
    """It could read no secret of the store."""
    done = fleet.run("worker", "--store", fleet.url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a worker needs the key of the store's secrets; name its file with --key-file" in done.stderr
