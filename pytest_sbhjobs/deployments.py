"""Jobs that run for real: tests of what holds however their rows are brought to workers, by the jobs' own count."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from sqlalchemy import select

from sbh_jobkit.engines import catalogue, heartbeat, identity, installations, planner
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.distributed.scheduler import QueueScheduler
from sbh_jobkit.engines.distributed.worker import QueueWorker
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.packages import PackageCache, pack
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.served import FACTORY, serve_plugins
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import HistorySettings, Settings
from sbh_jobkit.report.text import count
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sbh_jobkit.engines.engine import Engine
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.scheduler import Scheduler
    from sbh_jobkit.engines.served import ServedJob

OK, _LOST = (State.ENDED, Outcome.OK), (State.ENDED, Outcome.LOST)
SLOTS = 2
_WHILE = 9_000.0
_HOURS = {2, 3}
"""How often an hourly job was due in that while, in seconds."""
_MODULES = (FACTORY.partition(":")[0], "sbh_jobkit.live.preload")
_TENANT = 'id = "acme"\n[policy.hourly]\ncatch_up = "all"\noverlap = "allow"\n'
_PLUGIN = """
import time
from pathlib import Path
from src.ext.sdk import job

NOTES = Path({notes!r})

def note(text):
    with NOTES.open("a") as file:
        file.write(text + "\\n")

def hold(name):
    note(name)
    while not NOTES.with_name("free").exists():
        time.sleep(0.02)

@job("hourly", schedule="@hourly")
def hourly(ctx):
    hold("hourly")

@job("quick", schedule=None)
def quick(ctx):
    note("quick")

@job("first", schedule=None)
def first(ctx):
    hold("first")

@job("second", schedule=None)
def second(ctx):
    hold("second")

@job("third", schedule=None)
def third(ctx):
    hold("third")
"""
"""Jobs that write down that they run; some of them do so until a file says that they may end."""


class Deployment(Protocol):
    """Schedulers and workers of one process, which have begun."""

    @property
    def scheduler(self) -> Scheduler:
        """What plans."""

    def stop(self) -> None:
        """Start nothing more, and cancel what runs."""


class LocalDeployment:
    """The scheduler of one machine."""

    def __init__(self, store: Store, starter: Starter, folder: Path, slots: int) -> None:
        """Begin to serve the plugin of a folder."""
        self.scheduler = LocalEngine(store, _jobs(folder, store.url), starter, slots=slots)
        self.scheduler.start()

    def stop(self) -> None:
        """Stop it."""
        self.scheduler.stop(0.0)


class EngineDeployment:
    """A scheduler that plans for workers, and a worker, with an engine between them."""

    def __init__(
        self, open_engine: Callable[[], Engine], store: Store, starter: Starter, folder: Path, slots: int
    ) -> None:
        """Begin to plan what the store has, and to run it."""
        found = catalogue.Catalogue(store, PackageCache(store, folder / "packages"), {})
        name = identity.identify()
        self.worker = QueueWorker(name, store, open_engine(), starter, found, slots=slots)
        self.scheduler = QueueScheduler(name, store, open_engine(), found, history=lambda _: HistorySettings())
        self.scheduler.start()
        self.worker.start()

    def stop(self) -> None:
        """Stop both."""
        self.worker.stop(0.0)
        self.scheduler.stop()


class Place:
    """A store with a plugin, and what its jobs have written down."""

    def __init__(self, store: Store, starter: Starter, folder: Path, deploy: Callable[..., Deployment]) -> None:
        """Write a plugin and a tenant, and keep them in the store."""
        self.store, self._starter, self._folder, self._deploy = store, starter, folder, deploy
        self._notes = folder / "notes"
        plugin = folder / "plugin"
        plugin.mkdir()
        (plugin / "plugin.json").write_text('{"slug": "counting", "name": "Counting"}', encoding="utf-8")
        (plugin / "main.py").write_text(_PLUGIN.format(notes=f"{self._notes}"), encoding="utf-8")
        (folder / "tenant.toml").write_text(_TENANT, encoding="utf-8")
        with store.write() as connection:
            catalogue.write_tenant(connection, Settings.load(folder / "tenant.toml"))
            installations.install(connection, "acme", "counting", f"{plugin}", now_in(connection))
            catalogue.write_package(connection, "acme", "counting", *pack(plugin))

    @contextmanager
    def deployed(self, slots: int = 2) -> Iterator[Deployment]:
        """Run jobs in the block."""
        deployment = self._deploy(self.store, self._starter, self._folder, slots)
        try:
            yield deployment
        finally:
            deployment.stop()

    def deploy_and_die(self) -> None:
        """Let one fire time of the hourly job run, and others wait, in a process that is killed then."""
        given = self.store.url, self._folder, self._deploy
        dying = multiprocessing.get_context("spawn").Process(target=_deploy_and_wait, args=given)
        dying.start()
        try:
            wait_for(lambda: self.notes()["hourly"], "no run began")
        finally:
            dying.kill()
            dying.join()

    def go_back(self, seconds: float) -> None:
        """Let the jobs have been known for so long, and a scheduler have been alive then."""
        jobs = _jobs(self._folder, None)
        with self.store.write() as connection:
            at = now_in(connection) - seconds
            planner.plan(connection, [job.planned for job in jobs], at)
            heartbeat.beat(connection, "an earlier one", at)

    def notes(self) -> Counter[str]:
        """Return what the jobs have written down, and how often."""
        return Counter(self._notes.read_text(encoding="utf-8").split("\n")[:-1] if self._notes.exists() else [])

    def free(self) -> None:
        """Let runs end that go on."""
        (self._folder / "free").touch()

    def states(self, job: str) -> list[tuple[str, str | None]]:
        """Return state and outcome of each row of a job that was due by now."""
        with self.store.read() as connection:
            due = job_run.c.job == job, job_run.c.fire_time <= round(now_in(connection) * 1_000_000)
            query = select(job_run.c.state, job_run.c.outcome).where(*due).order_by(job_run.c.fire_time)
            return [(row.state, row.outcome) for row in connection.execute(query)]


def key(job: str) -> Key:
    """Return the key of a job of the plugin."""
    return "acme", "counting", job


def wait_for(holds: Callable[[], Any], otherwise: str, seconds: float = 60.0) -> None:
    """Wait until something holds; the test fails with a sentence if it does not."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            pytest.fail(f"{otherwise} within {seconds:.0f} s", pytrace=False)
        time.sleep(0.02)


def require(holds: bool, sentence: str) -> None:
    """Fail with a sentence, and without the lines of this package."""
    if not holds:
        pytest.fail(sentence, pytrace=False)


class DeploymentTests:
    """What a job sees, however its rows are brought to workers: a real store, real schedulers, runs in processes."""

    @pytest.fixture
    def store_url(self, tmp_path: Path) -> str:
        """Return the URL of a new store: a SQLite file. Give another one for an engine that needs PostgreSQL."""
        return f"sqlite:///{tmp_path}/jobs.db"

    @pytest.fixture
    def store(self, store_url: str) -> Iterator[Store]:
        """Open the store."""
        opened = Store.open(store_url)
        yield opened
        opened.close()

    @pytest.fixture
    def deploy(self) -> Callable[..., Deployment]:
        """Return what begins to run the jobs of a store, and can be pickled."""
        pytest.fail("a fixture 'deploy' must return what begins to run jobs", pytrace=False)

    @pytest.fixture
    def starter(self) -> Iterator[Starter]:
        """Start what starts runs."""
        with Starter.start(_MODULES) as started:
            yield started

    @pytest.fixture
    def place(self, store: Store, starter: Starter, tmp_path: Path, deploy: Callable[..., Deployment]) -> Place:
        """Return a store with a plugin whose jobs write down that they run."""
        return Place(store, starter, tmp_path, deploy)

    def test_each_fire_time_that_is_due_starts_once(self, place: Place) -> None:
        """The job counts as many runs as there are rows, and each row has its outcome."""
        place.go_back(_WHILE)
        place.free()
        with place.deployed():
            wait_for(lambda: {*place.states("hourly")} == {OK}, "the fire times that were due did not all run")
        rows, runs = len(place.states("hourly")), place.notes()["hourly"]
        require(rows in _HOURS, f"two hours and a half had {count(rows, 'row')} of an hourly job")
        require(rows == runs, f"{count(rows, 'fire time')} that were due began {count(runs, 'run')}")

    def test_a_run_by_hand_starts_once(self, place: Place) -> None:
        """Its row names the outcome."""
        with place.deployed() as deployment:
            deployment.scheduler.run_now(key("quick"), "ann")
            wait_for(lambda: place.states("quick") == [OK], "a run by hand did not end as ok")
        require(place.notes()["quick"] == 1, f"a run by hand began {place.notes()['quick']} times")

    def test_what_is_cancelled_before_it_starts_never_does(self, place: Place) -> None:
        """Though a slot is free later."""
        with place.deployed(slots=1) as deployment:
            deployment.scheduler.run_now(key("first"), "ann")
            wait_for(lambda: place.notes()["first"], "a run by hand did not begin")
            fire = deployment.scheduler.run_now(key("quick"), "ann")
            deployment.scheduler.cancel(key("quick"), fire, "ann")
            place.free()
            wait_for(lambda: place.states("first") == [OK], "a run that could end did not")
            cancelled = [(State.ENDED, Outcome.CANCELLED)]
            wait_for(lambda: place.states("quick") == cancelled, "a row that was cancelled did not end as cancelled")
        require(place.notes()["quick"] == 0, "a row that was cancelled while it waited started all the same")

    def test_no_more_runs_go_on_than_there_are_slots(self, place: Place) -> None:
        """Those that wait start when a slot is free."""
        jobs = ["first", "second", "third"]
        with place.deployed(slots=SLOTS) as deployment:
            for job in jobs:
                deployment.scheduler.run_now(key(job), "ann")
            wait_for(lambda: sum(place.notes()[job] for job in jobs) >= SLOTS, "slots stayed free")
            time.sleep(1.0)
            most = sum(place.notes()[job] for job in jobs)
            place.free()
            wait_for(lambda: all(place.states(job) == [OK] for job in jobs), "what waited for a slot did not run")
        require(most == SLOTS, f"{most} runs went on at once, with {SLOTS} slots")

    def test_what_waited_at_a_stop_starts_once_afterwards(self, place: Place) -> None:
        """A stopped one starts nothing more, and the next one does."""
        with place.deployed(slots=1) as deployment:
            deployment.scheduler.run_now(key("first"), "ann")
            wait_for(lambda: place.notes()["first"], "a run by hand did not begin")
            deployment.scheduler.run_now(key("quick"), "ann")
        require(place.notes()["quick"] == 0, "a row started while what runs it was stopped")
        with place.deployed():
            wait_for(lambda: place.states("quick") == [OK], "what waited at a stop did not run afterwards")
        require(place.notes()["quick"] == 1, f"what waited at a stop began {place.notes()['quick']} times")

    def test_what_waited_at_a_death_starts_once_afterwards(self, place: Place) -> None:
        """The run that was killed with its process is lost, and does not begin again."""
        place.go_back(_WHILE)
        place.deploy_and_die()
        place.free()
        with place.deployed():
            ended = "what a killed process ran was not lost, or what waited there did not run afterwards"
            wait_for(lambda: Counter(place.states("hourly")).keys() == {OK, _LOST}, ended)
        rows, runs = Counter(place.states("hourly")), place.notes()["hourly"]
        require(rows[_LOST] == 1, f"one run was killed, and {rows[_LOST]} were lost")
        require(
            rows.total() == runs, f"{count(rows.total(), 'fire time')}, one of them killed, began {count(runs, 'run')}"
        )


def _jobs(folder: Path, store: str | None) -> list[ServedJob]:
    """Return the jobs of the plugin in a folder."""
    return serve_plugins([describe(f"{folder / 'plugin'}")], [Settings.load(folder / "tenant.toml")], store)


def _deploy_and_wait(url: str, folder: Path, deploy: Callable[..., Deployment]) -> None:
    """Run what is due in one slot, until the process is killed."""
    with Starter.start(_MODULES) as starter:
        deploy(Store.open(url), starter, folder, 1)
        time.sleep(600)
