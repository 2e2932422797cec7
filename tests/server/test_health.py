"""What keeps a server from being ready, part by part."""

import shutil
from dataclasses import dataclass, field

import pytest

from sbh_jobkit.engines import heartbeat
from sbh_jobkit.engines.instants import now, to_store
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.server.health import readiness

WELL = {"store": "ok", "scheduler": "ok", "planned": "ok", "starter": "ok"}


@dataclass
class Scheduler:
    """A scheduler in some state."""

    is_alive: bool = True
    blocked: str | None = None
    is_full: bool = False


@dataclass
class Starts:
    """The process that starts runs."""

    pid: int | None = 1


@dataclass
class Server:
    """A server of a store."""

    store: Store
    engine: Scheduler = field(default_factory=Scheduler)
    starter: Starts = field(default_factory=Starts)


@pytest.fixture
def server(tmp_path):
    """Return a server whose scheduler has just given a sign of life."""
    (tmp_path / "store").mkdir()
    opened = Store.open(f"sqlite:///{tmp_path}/store/jobs.db")
    with opened.write() as connection:
        heartbeat.beat(connection, "w", now())
    yield Server(opened)
    opened.close()


def test_all_is_well(server):
    """Nothing is wrong with any part."""
    assert readiness(server) == WELL


@pytest.mark.parametrize("is_full", [False, True])
def test_a_fire_time_that_nobody_decides_on(server, is_full):
    """Unless all slots are taken, it is a sign that nothing is decided."""
    server.engine.is_full = is_full
    due = {"tenant": "acme", "plugin": "tea", "job": "greet", "state": State.DUE, "planned_at": 0}
    with server.store.write() as connection:
        connection.execute(job_run.insert().values(**due, fire_time=to_store(now() - 90)))
    late = "ok" if is_full else "a fire time has waited for more than a minute"
    assert readiness(server) == {**WELL, "planned": late}


def test_a_scheduler_without_a_sign_of_life(server):
    """It planned nothing for half a minute."""
    with server.store.write() as connection:
        heartbeat.forget_future(connection, now() - 60)
    assert readiness(server) == {**WELL, "planned": "no scheduler has given a sign of life"}


def test_a_scheduler_that_has_stopped_and_one_that_is_blocked(server):
    """Each is said as it is."""
    server.engine, server.starter = Scheduler(blocked="the clock has gone back by 2h"), Starts(None)
    why = {"scheduler": "the clock has gone back by 2h", "starter": "the process that starts runs is not there"}
    assert readiness(server) == {**WELL, **why}
    server.engine, server.starter = Scheduler(is_alive=False), Starts()
    assert readiness(server) == {**WELL, "scheduler": "the scheduler has stopped"}


def test_a_store_that_is_gone(server, tmp_path):
    """It is said without where it was."""
    server.store.engine.dispose()
    shutil.rmtree(tmp_path / "store")
    assert readiness(server) == {**WELL, "store": "the store cannot be reached"}
