"""A worker between which and PostgreSQL nothing comes through any more: its runs end before its lease does."""

import selectors
import socket
import threading
from contextlib import suppress

import pytest

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.lease import LEASE

pytestmark = pytest.mark.usefixtures("measured")


class Proxy:
    """Passes on what comes to a port of this machine, to a socket, until it is cut."""

    def __init__(self, path):
        """Listen."""
        self.path, self.is_cut = path, False
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listening, selectors.EVENT_READ)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """Pass on until it is closed."""
        while not self.stopped.is_set():
            for key, _ in self.selector.select(0.1):
                if self.is_cut:
                    self.stopped.wait(0.05)
                elif key.fileobj is self.listening:
                    self.connect()
                elif key.fileobj.fileno() != -1:  # closed with its other half, a moment ago
                    self.pass_on(key.fileobj, key.data)

    def connect(self):
        """Take a connection, and make the other half of it."""
        here, _ = self.listening.accept()
        there = socket.socket(socket.AF_UNIX)
        there.connect(self.path)
        self.selector.register(here, selectors.EVENT_READ, there)
        self.selector.register(there, selectors.EVENT_READ, here)

    def pass_on(self, one, other):
        """Pass on what one side has sent; where it has closed, close both."""
        data = b""
        with suppress(ConnectionError):
            data = one.recv(1 << 16)
            other.sendall(data)
        if not data:
            for each in (one, other):
                self.selector.unregister(each)
                each.close()

    def close(self):
        """Close everything."""
        self.stopped.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


@pytest.fixture
def proxy(fleet):
    """Return a proxy in front of the database of the fleet."""
    made = Proxy(f"{fleet.url.rpartition('host=')[2]}/.s.PGSQL.5432")
    yield made
    made.close()


def alive(fleet):
    """Return when the job last said that it goes on."""
    return max(float(note.split()[1]) for note in fleet.notes() if note.startswith("alive"))


def test_its_runs_end_before_its_lease(fleet, proxy):
    """By the job's own notes; the row says lost, and what it says once the worker is back does not change that."""
    url = fleet.url.replace("@/", f"@127.0.0.1:{proxy.port}/").partition("?")[0]
    cut_off = fleet.start("worker", store=url)
    run = fleet.run_now("slow", wait="false")["run_id"]
    fleet.wait_for("slow began")
    proxy.is_cut, since = True, now()
    lost = fleet.ended("slow", run, seconds=90)
    assert (lost["outcome"], lost["reason"]) == ("lost", "lost: its scheduler died while it ran")
    assert 2 < alive(fleet) - since < LEASE
    proxy.is_cut = False
    done = fleet.run_now("quick")
    assert done["result"]["success"] is True
    assert fleet.ended("slow", run)["reason"] == lost["reason"]
    assert fleet.notes().count("slow began") == 1
    assert fleet.stop(cut_off) == 0
