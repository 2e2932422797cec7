"""A worker between which and PostgreSQL nothing comes through any more: its runs end before its lease does."""

import pytest
from proxy import Proxy

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.lease import LEASE

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture
def proxy(fleet):
    """Return a proxy in front of the database of the fleet."""
    made = Proxy.to(fleet.url)
    yield made
    made.close()


def alive(fleet):
    """Return when the job last said that it goes on."""
    return max(float(note.split()[1]) for note in fleet.notes() if note.startswith("alive"))


def test_its_runs_end_before_its_lease(fleet, proxy):
    """By the job's own notes; the row says lost, and what it says once the worker is back does not change that."""
    cut_off = fleet.start("worker", store=proxy.url(fleet.url))
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
