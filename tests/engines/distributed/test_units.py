"""The units of examples/operations, as they are, under a systemd that runs them."""

import os
import shutil
from types import SimpleNamespace

import pytest
from fleet import Fleet
from machine import Machine
from proxy import Proxy

from sbh_jobkit.engines import keyring

SERVE, WORKER = "sbh-jobkit-serve", "sbh-jobkit-worker@1"
PLUGIN = """
import os, time
from src.ext.sdk import job

@job("where", schedule=None)
def where(ctx):
    return {"uid": os.getuid(), "folder": os.getcwd(), "home": os.path.exists("/root/.bashrc")}

@job("steady", schedule=None)
def steady(ctx):
    print("began", flush=True)
    time.sleep(4)
    print("ended", flush=True)
"""


@pytest.fixture
def machine(tmp_path, postgres_url):
    """Start a machine on which both units run, the second one once."""
    if os.geteuid() != 0 or shutil.which("systemctl") is None:
        missing = "units are run by a systemd of their own, which needs root, and systemd: apt-get install systemd"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    proxy, started = Proxy.to(postgres_url), Machine(tmp_path)
    try:
        yield installed(started, Fleet(tmp_path, postgres_url), proxy.url(postgres_url))
    finally:
        started.close()
        proxy.close()


def installed(machine, fleet, url):
    """Install everything, and upload a plugin; return the machine."""
    done = fleet.run("store", "migrate", "--store", fleet.url)
    assert done.returncode == 0
    key = fleet.run("secrets", "new-key").stdout.split()[-1]
    machine.install({"SBH_JOBKIT_STORE": url, keyring.VARIABLE: key})
    machine.write("/var/lib/private/sbh-jobkit/tenant.toml", 'id = "acme"\n')
    machine.run("systemctl", "start", SERVE, WORKER)
    (fleet.folder / "token").write_text(machine.run("cat", "/var/lib/sbh-jobkit/token"))
    fleet.server = SimpleNamespace(first={"url": "http://127.0.0.1:8765"})
    fleet.upload(PLUGIN)
    machine.fleet = fleet
    return machine


def where(machine):
    """Return what a job says of the process that it runs in."""
    return machine.fleet.run_now("where")["result"]["result"]


def state(machine, run):
    """Return what has become of a run."""
    return machine.fleet.call("GET", f"/api/plugins/shop/jobs/steady/runs/{run}")


def test_units_run_jobs_and_are_started_again(machine):
    """Under all that the unit forbids; killed or told to end, a process comes back, and a stop waits for its runs."""
    assert [machine.show(unit, "StatusText") for unit in (SERVE, WORKER)] == [
        "planning 9 jobs for workers",
        "up to 4 runs at a time",
    ]
    value = where(machine)
    assert value["uid"] > 60_000, "the worker is nobody that the machine knows"
    assert (value["folder"], value["home"]) == ("/var/lib/private/sbh-jobkit-worker/1", False)

    for number, (unit, how) in enumerate(((WORKER, "KILL"), (WORKER, "TERM"), (SERVE, "KILL"), (SERVE, "TERM"))):
        before = machine.show(unit, "MainPID")
        machine.run("systemctl", "kill", "--kill-who=main", f"--signal={how}", unit)
        again = f"{number % 2 + 1}"
        machine.wait_until(lambda unit=unit, again=again: machine.show(unit, "NRestarts") == again)
        machine.wait_until(lambda unit=unit: machine.show(unit, "ActiveState") == "active")
        assert machine.show(unit, "MainPID") != before
        assert where(machine)["uid"] > 60_000

    run = machine.fleet.run_now("steady", wait="false")["run_id"]
    machine.wait_until(lambda: state(machine, run)["state"] == "running")
    machine.run("systemctl", "stop", WORKER)
    ended = state(machine, run)
    assert (ended["state"], ended["outcome"], ended["stdout"]) == ("ended", "ok", "began\nended\n")
    assert (machine.show(WORKER, "Result"), machine.show(WORKER, "ActiveState")) == ("success", "inactive")
    machine.run("systemctl", "stop", SERVE)
    assert machine.show(SERVE, "Result") == "success"
