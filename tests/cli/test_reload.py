"""SIGHUP and messages to systemd, with a server in a process of its own, under load."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from configparser import ConfigParser
from pathlib import Path

import pytest
from tea_server import run_now, serving, write

from sbh_jobkit.cli.lifetime import Lifetime
from sbh_jobkit.cli.screens import TerminalScreen
from sbh_jobkit.cli.systemd import Systemd
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.report.terminal.serving import Serving

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Go to a folder with a plugin and a tenant."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 1)
    (tmp_path / "tenant.toml").write_text('id = "acme"\n')
    return tmp_path


def rows(folder):
    """Return the rows of the store."""
    store = Store.open(f"sqlite:///{folder}/jobs.db")
    with store.read() as connection:
        found = connection.execute(job_run.select().order_by(job_run.c.fire_time)).all()
    store.close()
    return found


def backfill(start, end):
    """Ask for past fire times, as a load."""
    line = ["backfill", "tea", "greet", "--from", start, "--to", end]
    subprocess.run([sys.executable, "-m", "sbh_jobkit", *line], check=True, capture_output=True)


def wait_for(holds, seconds=40):
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def ended(folder):
    """Return how many of the backfill have ended; the minute that passes meanwhile is another row."""
    return sum(row.state == State.ENDED for row in rows(folder) if row.backfilled_by)


def test_reload_under_load(folder):
    """No due instant is left without a row, none runs twice, and each row names the version whose text it printed."""
    (folder / "tenant.toml").write_text('id = "acme"\n[policy.greet]\nmax_instances = 3\n')
    write(folder, 1, sleep=0.2)
    with serving() as server:
        wait_for((folder / "jobs.db").exists)
        time.sleep(1)
        backfill("2026-03-01T00:00", "2026-03-01T00:30")
        wait_for(lambda: ended(folder) >= 5)
        write(folder, 2, sleep=0.2)  # nothing changes before the signal
        backfill("2026-03-01T00:30", "2026-03-01T00:35")
        wait_for(lambda: ended(folder) >= 10)
        server.reload()
        assert server.message("is served now").startswith("tea 1.0.2 (")
        wait_for(lambda: ended(folder) >= 20)
        write(folder, 3, main="def f(:\n")
        server.reload()
        refused = server.message("is still served")
        assert re.fullmatch(r"tea: main\.py:1: SyntaxError: .*; tea 1\.0\.2 \(\w{8}\) is still served", refused)
        wait_for(lambda: ended(folder) >= 35)
        write(folder, 2, sleep=0.2)
        server.reload()
        server.message("has not changed")
    found = [row for row in rows(folder) if row.backfilled_by]
    assert len(found) == 35
    assert {row.outcome for row in found} == {"ok"}
    printed = [f"1.0.{json.loads(row.record)['stdout'].split()[1]}" for row in found]
    assert printed == [row.version.partition(" ")[0] for row in found]
    assert set(printed) == {"1.0.1", "1.0.2"}
    assert len({row.version for row in found}) == 2


KNOWS = """
from src.ext.sdk import PluginContext, job

@job("ask")
def ask(ctx: PluginContext):
    print("knows", ctx.secrets.has("BOILER"))
"""
FAULTY = {
    'id = "acme"\nsecrets = ["TEA_"]\n': "tenant.toml: secrets must be a list of sources such as 'env:ACME_',"
    " 'dotenv:.env', 'keyring:acme' or 'store', got ['TEA_']",
    'id = "acme"\n[policy.aks]\nretry = 1\n': "[policy.aks]: no plugin has a job 'aks'; did you mean 'ask'?",
    'id = "other"\n': "the tenant is called 'other' now, and a server cannot change that; start it again",
    "id =": "tenant.toml: this is not TOML: ",
}


def test_the_tenant_is_read_again(folder):
    """By the signal, not before; what is faulty is refused with its sentence, and the old settings stay."""
    write(folder, 1, main=KNOWS)
    with serving(TEA_BOILER="b-1234567890") as server:

        def knows():
            return run_now(server, "ask")["data"]["result"]["stdout"]

        assert knows() == "knows False\n"
        for text, sentence in FAULTY.items():
            (folder / "tenant.toml").write_text(text)
            server.reload()
            said = server.message(sentence)
            assert said.endswith("; the settings of acme stay as they were")
        (folder / "tenant.toml").write_text('id = "acme"\nsecrets = ["env:TEA_"]\n[policy.ask]\nretry = 1\n')
        assert knows() == "knows False\n"
        server.reload()
        assert server.message("tenant.toml has changed, and counts for acme now")
        assert knows() == "knows True\n"


def test_what_cannot_be_reloaded_is_said(folder):
    """Another slug, and a plugin that is gone; the old one is still there for runs by hand and for the schedule."""
    with serving() as server:
        (folder / "tea/plugin.json").write_text('{"slug": "coffee", "name": "C"}')
        server.reload()
        text = server.message("coffee")
        assert text.startswith(
            "tea: the plugin is called 'coffee' now, and a server cannot change that; start it again;"
        )
        (folder / "tea").rename(folder / "gone")
        server.reload()
        assert "no such path: 'tea'" in server.message("no such path")


class Manager:
    """The socket of a service manager."""

    def __init__(self, path):
        """Listen."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(60)

    def next(self):
        """Return the next datagram that is no sign of life."""
        while (text := self.socket.recv(4096).decode()) == "WATCHDOG=1":
            pass
        return text


@pytest.mark.parametrize("name", ["a path", "an abstract name"])
def test_systemd_is_told(folder, name):
    """Ready when it serves, signs of life, reloading and ready again, stopping."""
    path = str(folder / "notify") if name == "a path" else f"\0sbh-test-{os.getpid()}"
    manager = Manager(path)
    with serving(NOTIFY_SOCKET=path.replace("\0", "@"), WATCHDOG_USEC="600000") as server:
        assert manager.next() == "READY=1\nSTATUS=serving 1 job"
        assert manager.socket.recv(4096) == b"WATCHDOG=1"
        server.reload()
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.next())
        assert manager.next() == "READY=1\nSTATUS=serving 1 job"
    assert manager.next() == "STOPPING=1"
    manager.socket.close()


class SilentEngine:
    """A scheduler that looked at its store so many seconds ago; the server is stopped when that is asked for."""

    going, is_alive = 0, True

    def __init__(self, silence):
        """Have been silent for so long."""
        self._silence = silence

    @property
    def silence(self):
        """Stop the server, and return the seconds."""
        signal.raise_signal(signal.SIGTERM)
        return self._silence

    def stop(self, grace):
        """Let no run go on."""
        assert grace == 0

    def hurry(self):
        """Refuse what nobody asks for here."""
        pytest.fail("a single signal ends nothing at once")


@pytest.mark.parametrize(("silence", "signs"), [(59.9, ["WATCHDOG=1"]), (60.0, []), (61.0, [])])
def test_a_stuck_scheduler_gives_no_sign_of_life(tmp_path, silence, signs):
    """After a minute without a look at its store, so that the service manager starts the server again."""
    manager = Manager(str(tmp_path / "notify"))
    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000"})
    screen, engine = TerminalScreen(with_tenant=False, with_plugin=False), SilentEngine(silence)
    nothing = Serving(plugins=[], tenants=[], store="sqlite:///jobs.db", due=[], url=None)
    Lifetime(engine, screen, 0, lambda: None, ready=lambda: "serving", systemd=systemd).run(nothing, None)
    found = list(iter(lambda: manager.socket.recv(4096).decode(), "STOPPING=1"))
    assert found == ["READY=1\nSTATUS=serving", *signs]
    manager.socket.close()


def test_the_unit_of_the_manual():
    """It can be read, its command is one of ours, and the service manager waits for longer than runs may go on."""
    page = (Path(__file__).parents[2] / "docs/operate.md").read_text()
    (text,) = re.findall(r"```\{code-block\} ini\n:caption: [^\n]*\n\n(.*?)```", page, re.DOTALL)
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    service = unit["Service"]
    command, name, *words = service["ExecStart"].split()
    assert (command.rpartition("/")[2], name, words[1:]) == ("sbh-jobkit", "serve", ["--grace", "20s"])
    assert (service["Type"], service["KillMode"]) == ("notify-reload", "mixed")
    assert int(service["TimeoutStopSec"]) > 20
    assert int(service["WatchdogSec"]) > 60


WATCHED = {
    "nobody": ({}, None),
    "this process": ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": f"{os.getpid()}"}, 2.0),
    "another process": ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
    "no number": ({"WATCHDOG_USEC": "soon"}, None),
    "never": ({"WATCHDOG_USEC": "0"}, None),
}


@pytest.mark.parametrize("case", WATCHED)
def test_who_watches(case):
    """What the environment says, if it is meant for this process."""
    environment, seconds = WATCHED[case]
    assert Systemd(environment).watchdog == seconds


def test_a_manager_that_is_gone_stops_nothing(tmp_path):
    """Nothing is raised, with or without one."""
    for address in ("", str(tmp_path / "none")):
        gone = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
        assert [call() for call in (gone.stopping, gone.reloading, gone.alive)] == [None] * 3
        assert gone.ready("serving") is None
