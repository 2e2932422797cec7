"""The tests of an engine, for the repository that it is in: a class that says how the engine is opened gets them all.

    class TestRq(EngineTests):
        transactional = False

        @pytest.fixture
        def open_engine(self, redis_url):
            return partial(RqEngine, redis_url)

Those of `DeploymentTests` are among them, which hold without an engine, too.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_sbhjobs.deployments import OK, SLOTS, DeploymentTests, EngineDeployment, key, require, wait_for
from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.instants import now
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_sbhjobs.deployments import Deployment, Place
    from sbh_jobkit.engines.engine import Engine
    from sbh_jobkit.engines.store import Store


class EngineTests(DeploymentTests):
    """What an engine does; a subclass gives `open_engine`, whose backend is empty for each test."""

    transactional: ClassVar[bool] = True
    """Whether what a transaction that fails has offered is not brought. Else it is brought, and starts nothing."""
    quiet: ClassVar[float] = 1.0
    """Seconds after which a row that is due has been brought on an idle machine."""
    period: ClassVar[float] = 10.0
    """Seconds between two ticks."""
    patience: ClassVar[float] = 20.0
    """Seconds to wait for what must come, on a busy machine."""

    @pytest.fixture
    def open_engine(self) -> Callable[[], Engine]:
        """Return what opens the engine as each process does, and can be pickled: a class, or a `functools.partial`."""
        pytest.fail("a fixture 'open_engine' must return what opens the engine: partial(MyEngine, url)", pytrace=False)

    @pytest.fixture
    def deploy(self, open_engine: Callable[[], Engine]) -> Callable[..., Deployment]:
        """Return what begins to run jobs with the engine."""
        return partial(EngineDeployment, open_engine)

    @pytest.fixture
    def engine(self, store: Store, open_engine: Callable[[], Engine]) -> Engine:
        """Open the engine."""
        del store  # it has its tables first
        return open_engine()

    def test_each_row_is_brought_once(self, store: Store, engine: Engine) -> None:
        """A call for each, whether its time has come or is long past."""
        with self._working(engine) as calls:
            rows = [_due(number, now() - 60 * number) for number in range(3)]
            _offer(store, engine, *rows)
            self._wait_for(calls, len(rows), "3 rows were offered, and start was called {} times")
            time.sleep(self.quiet)
        require(len(calls.at) == len(rows), f"3 rows were offered, and start was called {len(calls.at)} times")

    def test_no_row_is_brought_before_its_time(self, store: Store, engine: Engine) -> None:
        """Not even by a part of a second: the row would not be due, and nobody would be called again."""
        with self._working(engine) as calls:
            ready = math.floor(now()) + 1.9
            _offer(store, engine, _due(0, ready))
            time.sleep(ready - now())
            self._wait_for(calls, 1, "a row was offered whose time had come, and nobody was called")
        early = ready - calls.at[0]
        require(early <= 0, f"a row was brought {early:.1f} s before its time")

    def test_what_a_failed_transaction_offered_is_not_brought(self, store: Store, engine: Engine) -> None:
        """What the next one offers is; an engine that is not transactional may bring both."""
        with self._working(engine) as calls:
            with suppress(_Failed), store.write() as connection:
                engine.offer(connection, [_due(0, now())])
                raise _Failed
            time.sleep(2 * self.quiet)
            failed = len(calls.at)
            _offer(store, engine, _due(1, now()))
            otherwise = "a transaction was committed, and nobody was called for the row that it offered"
            self._wait_for(calls, failed + 1, otherwise)
        most = 0 if self.transactional else 1
        require(failed <= most, "a row was brought whose transaction had failed")

    def test_a_withdrawn_row_is_not_brought(self, store: Store, engine: Engine) -> None:
        """Others are."""
        with self._working(engine) as calls:
            ready = now() + self.quiet
            with store.write() as connection:
                engine.offer(connection, [_due(0, ready)])
                engine.withdraw(connection, [_due(0, ready), _due(7, ready)])
            time.sleep(3 * self.quiet)
            require(not calls.at, "a row was brought that had been withdrawn")
            _offer(store, engine, _due(1, now()))
            self._wait_for(calls, 1, "a row was offered after one that was withdrawn, and nobody was called")

    def test_no_more_calls_go_on_than_there_are_slots(self, store: Store, engine: Engine) -> None:
        """What is offered beyond them waits."""
        with self._working(engine, lasting=0.2) as calls:
            _offer(store, engine, *(_due(number, now()) for number in range(8)))
            self._wait_for(calls, 8, "8 rows were offered, and start was called {} times")
        require(calls.most <= SLOTS, f"{calls.most} calls went on at once, with {SLOTS} slots")

    def test_it_ends_when_it_is_told_to(self, store: Store, engine: Engine) -> None:
        """Though rows are due, and calls nobody afterwards."""
        with self._working(engine, lasting=0.2) as calls:
            _offer(store, engine, *(_due(number, now()) for number in range(100)))
            self._wait_for(calls, 1, "100 rows were offered, and nobody was called")
            calls.stop.set()
            stopped = now()
            calls.thread.join(self.patience)
            require(not calls.thread.is_alive(), f"work did not end within {self.patience:.0f} s of its stop")
        late = max(calls.at) - stopped
        require(late <= 3 * self.quiet, f"start was called {late:.1f} s after the stop")
        ticks = _Calls(partial(engine.tick))
        ticks.stop.set()
        ticks.thread.join(self.patience)
        require(not ticks.thread.is_alive(), f"tick did not end within {self.patience:.0f} s of its stop")

    def test_what_nobody_worked_for_is_kept(self, store: Store, engine: Engine) -> None:
        """The next worker gets it."""
        _offer(store, engine, _due(0, now()))
        time.sleep(self.quiet)
        with self._working(engine) as calls:
            self._wait_for(calls, 1, "a row was offered before there was a worker, and nobody was called")

    def test_nobody_is_called_for_nothing(self, store: Store, engine: Engine) -> None:
        """An idle engine is silent."""
        del store
        with self._working(engine) as calls:
            time.sleep(2 * self.quiet)
        require(not calls.at, "nothing was offered, and start was called")

    def test_a_call_for_which_there_is_no_row_starts_nothing(
        self, place: Place, open_engine: Callable[[], Engine]
    ) -> None:
        """So it does no harm that a row was offered whose transaction had failed, or twice."""
        with place.deployed() as deployment:
            _offer(place.store, open_engine(), *(_due(number, now(), job="quick") for number in range(3)))
            deployment.scheduler.run_now(key("first"), "ann")
            place.free()
            wait_for(lambda: place.states("first") == [OK], "a run by hand did not end as ok")
            time.sleep(self.quiet)
        require(place.notes()["quick"] == 0, "rows started that are not in the store")

    def test_what_a_killed_worker_had_is_brought_when_it_is_offered_again(
        self, store: Store, engine: Engine, open_engine: Callable[[], Engine], tmp_path: Path
    ) -> None:
        """Another worker is called."""
        notes = tmp_path / "called"
        with _process(_work_for_ever, open_engine, notes) as process:
            row = _due(0, now())
            _offer(store, engine, row)
            wait_for(notes.exists, "a row was offered, and nobody was called", 3 * self.patience)
            process.kill()
        with self._working(engine) as calls:
            _offer(store, engine, row)
            self._wait_for(calls, 1, "a row of a worker that was killed was offered again, and nobody was called")

    def test_one_of_several_processes_ticks(
        self, store: Store, open_engine: Callable[[], Engine], tmp_path: Path
    ) -> None:
        """Also when the one that did is killed while it does."""
        del store
        notes = tmp_path / "ticks"
        with (
            _process(_tick_and_die, open_engine, notes),
            _process(_tick_and_die, open_engine, notes),
            _process(_tick_and_die, open_engine, notes),
        ):
            wait_for(notes.exists, "three processes ticked, and nobody was called", 3 * self.patience)
            time.sleep(2.5 * self.period)
            first, *others = map(float, notes.read_text(encoding="utf-8").split())
        found = sum(at <= first + 2.5 * self.period for at in others)
        span = f"in {2.5 * self.period:.0f} s, with one every {self.period:.0f} s"
        said = f"three processes ticked, the first was killed, and the others were called {count(found, 'time')} {span}"
        require(found in {1, 2, 3}, said)

    @contextmanager
    def _working(self, engine: Engine, *, lasting: float = 0.0) -> Iterator[_Calls]:
        """Let a worker be called in the block."""
        calls = _Calls(partial(engine.work, slots=SLOTS), lasting)
        try:
            yield calls
        finally:
            calls.stop.set()
            calls.thread.join(self.patience)

    def _wait_for(self, calls: _Calls, number: int, otherwise: str) -> None:
        """Wait until a worker was called so often."""
        until = time.monotonic() + self.patience
        while (found := len(calls.at)) < number:
            require(time.monotonic() < until, f"{otherwise.format(found)} within {self.patience:.0f} s")
            time.sleep(0.02)


class _Failed(Exception):  # noqa: N818  it takes a transaction back
    """A transaction is to fail."""


class _Calls:
    """A thread of an engine: when it has called, and how many calls went on at once."""

    def __init__(self, member: Callable[..., object], lasting: float = 0.0) -> None:
        """Begin."""
        self.at: list[float] = []
        self.most = self._going = 0
        self.stop = threading.Event()
        self._lasting, self._lock = lasting, threading.Lock()
        self.thread = threading.Thread(target=member, args=(self._call,), kwargs={"stop": self.stop}, daemon=True)
        self.thread.start()

    def _call(self) -> None:
        with self._lock:
            self.at.append(now())
            self._going += 1
            self.most = max(self.most, self._going)
        time.sleep(self._lasting)
        with self._lock:
            self._going -= 1


def _due(number: int, ready: float, job: str = "work") -> Due:
    return Due(tenant="acme", plugin="counting", job=job, fire=60.0 * number, attempt=1, ready=ready)


def _offer(store: Store, engine: Engine, *rows: Due) -> None:
    with store.write() as connection:
        engine.offer(connection, rows)


@contextmanager
def _process(target: Callable[..., object], *given: Any) -> Iterator[multiprocessing.process.BaseProcess]:
    """Run a function in a process that knows nothing of this one; it is killed at the end."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=given)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _work_for_ever(open_engine: Callable[[], Engine], notes: Path) -> None:
    """Be called, and never return."""

    def start() -> None:
        notes.touch()
        time.sleep(600)

    open_engine().work(start, slots=1, stop=threading.Event())


def _tick_and_die(open_engine: Callable[[], Engine], notes: Path) -> None:
    """Write down each call; the first of all ends its process."""

    def call() -> None:
        is_first = not notes.exists()
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{now()}\n")
        if is_first:
            os.kill(os.getpid(), signal.SIGKILL)

    open_engine().tick(call, stop=threading.Event())
