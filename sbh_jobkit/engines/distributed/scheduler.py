"""The planning side of workers: it writes the rows, offers them to the engine, and settles what dead workers left.

Any number of these may serve one store, and it makes no difference which of them the engine calls.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.engines import asking, cancelling, heartbeat, maintenance, planner
from sbh_jobkit.engines.distributed.worker import AHEAD
from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.history import Endings
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.offering import offer_again, offer_new
from sbh_jobkit.engines.retention import Pruning
from sbh_jobkit.engines.schema import UNDECIDED
from sbh_jobkit.engines.store import why
from sbh_jobkit.engines.writer import Writer
from sbh_jobkit.errors import ClockError, ExtensionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.catalogue import Catalogue
    from sbh_jobkit.engines.engine import Engine
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.schema import State
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import HistorySettings
    from sbh_jobkit.run.run import Run

_LOG = logging.getLogger("sbh_jobkit.engine")
_BEAT = 5.0
_PLAN = 20.0
"""Seconds between two plans of all jobs, so that they are planned for a minute at least."""


class QueueScheduler:
    """Plans what the store's tenants have, from `start` to `stop`; workers run it."""

    def __init__(
        self,
        name: str,
        store: Store,
        engine: Engine,
        catalogue: Catalogue,
        *,
        history: Callable[[Key], HistorySettings],
        changed: Callable[[], object] = lambda: None,
        ended: Callable[[Run], object] = lambda _: None,
        called: str | None = None,
        engine_name: str | None = None,
    ) -> None:
        """Prepare. `history` says how long runs are kept, and `called` what its operator calls it.

        `changed` is called when other jobs are served, and `ended` with each run that a worker has ended.
        """
        self.name = name
        self._engine = engine
        self._catalogue = catalogue
        self._history = history
        self._changed = changed
        self._ended = ended
        self._called = called
        self._engine_name = engine_name
        self._endings = Endings()
        self._writer = Writer(store)
        self._jobs: Mapping[Key, ServedJob] = {}
        self._pruning = Pruning()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._look_on, name="sbh-scheduler", daemon=True),
            threading.Thread(target=self._be_called, name="sbh-ticks", daemon=True),
        ]
        self._looked = monotonic()
        self._planned = -_PLAN
        """When all jobs were planned; at once where others are served."""
        self.problems: Mapping[tuple[str, str], str] = {}
        """Why plugins cannot be loaded, by tenant and slug."""
        self._failed: dict[str, str] = {}
        """Why the ticks, or the looks at the store, have failed the last time."""

    def start(self, *, begin_now: bool = False) -> None:
        """Plan, and go on planning; with `begin_now`, what was due before is forgotten.

        Raises ClockError, NameTaken and EngineMixed.
        """
        try:
            self._read_jobs()
            self._writer.write(partial(self._begin, begin_now=begin_now))
            self._tick()
        except BaseException:
            self._writer.close()
            raise
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float = 0.0) -> None:
        """Plan no more; runs are the workers', and go on."""
        del grace
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._guarded("end", partial(self._writer.write, self._leave))
        self._writer.close()

    def hurry(self) -> None:
        """There is nothing to wait for."""

    @property
    def jobs(self) -> Mapping[Key, ServedJob]:
        """What is served."""
        return self._jobs

    @property
    def blocked(self) -> str | None:
        """Why nothing is planned at present; None where all is well."""
        return next(iter(self._failed.values()), None)

    @property
    def is_alive(self) -> bool:
        """Whether it plans."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def silence(self) -> float:
        """How many seconds ago it looked at the store."""
        return monotonic() - self._looked

    @property
    def is_full(self) -> bool:
        """Whether all workers are busy, which nobody here knows: they may always be."""
        return True

    @property
    def going(self) -> int:
        """How many runs would end with this process."""
        return 0

    def run_now(self, key: Key, who: str) -> float:
        """Let a worker run a job by hand, and return the fire time of the run, in epoch seconds.

        Raises AlreadyRunning while as many runs of it go on as its policy allows, and PluginDisabled.
        """
        job = self._jobs[key].planned

        def ask(connection: Connection) -> float:
            at = now_in(connection)
            planner.plan(connection, [job], at)  # which knows the job from then on, and locks it
            fire = asking.ask(connection, job, at, who)
            offer_new(connection, self._engine, at, 0.0)
            return fire

        return self._writer.write(ask)

    def cancel(self, key: Key, fire: float, who: str) -> State | None:
        """End a run, whichever worker has it; return the state it was in, None for an unknown one."""

        def write(connection: Connection) -> State | None:
            was = cancelling.cancel(connection, key, fire, who, now_in(connection))
            if was in UNDECIDED:
                tenant, plugin, job = key
                row = Due(tenant=tenant, plugin=plugin, job=job, fire=fire, attempt=1, ready=fire)
                self._engine.withdraw(connection, [row])
            return was

        return self._writer.write(write)

    def serve(
        self, tenant: str, plugin: str, jobs: Iterable[ServedJob], history: Mapping[Key, HistorySettings]
    ) -> None:
        """Plan what the store has now, in which a plugin was installed."""
        del tenant, plugin, jobs, history
        self._read_jobs()
        self._tick()

    def _begin(self, connection: Connection, *, begin_now: bool) -> None:
        at, jobs = now_in(connection), [job.planned for job in self._jobs.values()]
        if begin_now:
            maintenance.begin_now(connection, self.name, jobs, at)
        else:
            heartbeat.check_clock(connection, at)
        heartbeat.join(connection, self.name, at, heartbeat.Role.SCHEDULER, self._called, self._engine_name)

    def _leave(self, connection: Connection) -> None:
        heartbeat.leave(connection, self.name, now_in(connection))

    def _be_called(self) -> None:
        self._engine.tick(self._tick_or_say, stop=self._stop)

    def _look_on(self) -> None:
        while not self._stop.wait(_BEAT):
            self._guarded("look", self._look)

    def _look(self) -> None:
        for run in self._writer.write(self._beat):
            self._ended(run)
        self._read_jobs()
        self._looked = monotonic()

    def _beat(self, connection: Connection) -> list[Run]:
        """Give a sign of life, and return what has ended since the last one."""
        heartbeat.beat(connection, self.name, now_in(connection))
        return self._endings.read(connection)

    def _read_jobs(self) -> None:
        jobs, self.problems = self._catalogue.jobs()
        is_new = jobs != self._jobs
        self._jobs = jobs
        if is_new:
            self._planned = -_PLAN
            self._changed()

    def _tick_or_say(self) -> None:
        self._guarded("tick", self._tick)

    def _guarded(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except (ClockError, ExtensionError) as error:
            self._block(what, f"{error}")
        except SQLAlchemyError as error:
            self._block(what, f"the store cannot be used: {why(error)}")
        else:
            self._failed.pop(what, None)

    def _block(self, what: str, why: str) -> None:
        if why not in self._failed.values():
            _LOG.error("%s", why)
        self._failed[what] = why

    def _tick(self) -> None:
        """Plan, settle and offer: what any of the schedulers does, in three transactions that repeat without harm."""
        jobs = [job.planned for job in self._jobs.values()]
        self._writer.write(self._settle)
        self._writer.write(partial(self._plan, jobs=jobs))
        self._writer.write(partial(self._prune, jobs=self._jobs))

    def _settle(self, connection: Connection) -> None:
        at = now_in(connection)
        heartbeat.check_clock(connection, at)
        heartbeat.beat(connection, self.name, at)
        maintenance.bury_dead(connection, self.name, at)
        cancelling.settle(connection, at)

    def _plan(self, connection: Connection, jobs: Iterable[planner.PlannedJob]) -> None:
        at, jobs = now_in(connection), list(jobs)
        if monotonic() >= self._planned + _PLAN:
            planner.plan(connection, jobs, at, AHEAD)
            maintenance.retire(connection, jobs, at)
            self._planned = monotonic()
        offer_new(connection, self._engine, at, AHEAD)
        offer_again(connection, self._engine, at)

    def _prune(self, connection: Connection, jobs: Mapping[Key, ServedJob]) -> None:
        self._pruning.go_on(connection, jobs, self._history, now_in(connection))
