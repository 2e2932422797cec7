"""The scheduler of one machine: APScheduler tells when a job is due, the rows of the store say what becomes of it.

One thread plans, decides and claims; each run has a thread that waits for its child; one thread writes. Any number of
these schedulers may serve one store.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from sbh_jobkit.engines import asking, cancelling, claims, heartbeat, identity, maintenance, planner
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.engine import LOCAL
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.retention import Pruning
from sbh_jobkit.engines.store import why
from sbh_jobkit.engines.ticks import Ticks
from sbh_jobkit.engines.worker import Start, Worker
from sbh_jobkit.engines.writer import Writer
from sbh_jobkit.errors import ClockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.dispatched import Dispatched
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.schema import State
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import HistorySettings
    from sbh_jobkit.run.run import Run

    Ended = Callable[[Run], object]

_LOG = logging.getLogger("sbh_jobkit.engine")
SLOTS = 4
_SWEEP = 2.0
"""Seconds between two looks at what no tick tells: the clock, dead schedulers, rows that were left."""
_REPLAN = 1_800.0
"""Seconds between two plans of all jobs, by which the marks of rare ones stay fresh."""
_STEP = 5.0
"""Seconds by which the clock may differ from elapsed time before next fire times are found again."""


class LocalEngine:
    """Runs jobs when they are due, from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        jobs: Iterable[ServedJob],
        starter: Starter,
        *,
        slots: int = SLOTS,
        history: Mapping[Key, HistorySettings] | None = None,
        ended: Ended = lambda _: None,
        called: str | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        At most `slots` runs go on at a time. `history` says how long the runs of a job are kept, without it for ever.
        `ended` is called with each run that has ended or did not start; `called` is its operator's name for it.
        """
        self._store = store
        self._jobs: Mapping[Key, ServedJob] = {job.planned.key: job for job in jobs}
        self._starter = starter
        self._history = dict(history or {})
        self._pruning = Pruning()
        self._ended = ended
        self.name = identity.identify()
        self._called = called
        self._writer = Writer(store)
        self._worker = Worker(self.name, starter, self._writer, slots=slots, over=self._run_over, ended=self._report)
        self._ticks = Ticks(self._planned, self._due)
        self._thread = threading.Thread(target=self._work, name="sbh-scheduler", daemon=True)
        self._changed = threading.Condition()
        self._free = slots
        self._slots = slots
        self._ticked: dict[Key, None] = {}
        """Jobs that are due now."""
        self._again: dict[Key, None] = {}
        """Jobs whose run has ended, so that what waits for it may start."""
        self._queue: dict[Key, None] = {}
        """Jobs that wait for a slot, in this order."""
        self._held: dict[Key, None] = {}
        """Jobs that wait for runs of other jobs."""
        self._stopping = self._hurried = False
        self._blocked: str | None = None
        """Why nothing is decided at present."""
        self._swept = self._replanned = monotonic()
        self._looked = now()
        """When the clock was checked and the last sign of life was given."""
        self._offset = self._looked - self._swept

    def start(self, *, begin_now: bool = False) -> None:
        """Settle what happened while no scheduler was alive, and begin.

        With `begin_now`, what was due since then is forgotten. Raises NameTaken, EngineMixed, and ClockError where a
        clock jumped.
        """
        try:
            self._starter.check()
            self._writer.write(partial(self._begin, begin_now=begin_now))
        except BaseException:
            self._writer.close()
            raise
        self._ticked = dict.fromkeys(self._jobs)
        self._thread.start()
        self._ticks.start()

    def stop(self, grace: float, who: str = "the scheduler, which was stopped") -> None:
        """Start nothing new, let runs finish for `grace` seconds, then end them as cancelled by `who`."""
        self._ticks.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._hurried or self._free == self._slots, grace)
        self._worker.stop(who)
        self._thread.join()
        self._worker.close()
        self._leave()
        self._writer.close()

    def _leave(self) -> None:
        try:
            self._writer.write(partial(heartbeat.leave, worker=self.name, now=now()))
        except DBAPIError as error:
            _LOG.error("that it stops could not be written, so it counts as dead in a while: %s", why(error))

    def hurry(self) -> None:
        """End a `stop` that waits for runs, or for a store that cannot be written: its grace is over now."""
        self._worker.give_up()
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    @property
    def jobs(self) -> Mapping[Key, ServedJob]:
        """What is served."""
        return self._jobs

    @property
    def blocked(self) -> str | None:
        """Why nothing is decided at present; None where all is well."""
        return self._blocked

    @property
    def is_alive(self) -> bool:
        """Whether it decides on what is due."""
        return self._thread.is_alive()

    @property
    def silence(self) -> float:
        """How many seconds ago it looked at what no tick tells, which it does every few seconds."""
        return monotonic() - self._swept

    def run_now(self, key: Key, who: str) -> float:
        """Let a job run by hand as soon as a slot is free, and return the fire time of the run, in epoch seconds.

        Raises AlreadyRunning while as many runs of it go on as its policy allows, and PluginDisabled.
        """
        job = self._jobs[key].planned

        def ask(connection: Connection) -> float:
            at = now()
            planner.plan(connection, [job], at)  # which knows the job from then on, and locks it
            return asking.ask(connection, job, at, who)

        fire = self._writer.write(ask)
        with self._changed:
            self._again[key] = None
            self._changed.notify()
        return fire

    def cancel(self, key: Key, fire: float, who: str) -> State | None:
        """End a run, whichever scheduler of the store has it; return the state it was in, None for an unknown one."""
        was = self._writer.write(partial(cancelling.cancel, key=key, fire=fire, who=who, now=now()))
        self._worker.cancel(key, fire, who)
        return was

    def serve(
        self, tenant: str, plugin: str, jobs: Iterable[ServedJob], history: Mapping[Key, HistorySettings]
    ) -> None:
        """Serve these jobs of a plugin from now on, and none of it that was served before; going runs finish."""
        new = {job.planned.key: job for job in jobs}
        with self._changed:
            others = {key: job for key, job in self._jobs.items() if key[:2] != (tenant, plugin)}
            self._jobs = others | new
            self._history |= history
            self._ticked |= dict.fromkeys(new)
            self._changed.notify()
        self._ticks.restart(self._planned)
        self._writer.write(partial(maintenance.retire, jobs=self._planned, now=now()))

    @property
    def _planned(self) -> list[planner.PlannedJob]:
        return [job.planned for job in self._jobs.values()]

    @property
    def is_full(self) -> bool:
        """Whether no slot is free."""
        return not self._free

    @property
    def going(self) -> int:
        """How many runs go on."""
        return self._slots - self._free

    def _begin(self, connection: Connection, *, begin_now: bool) -> None:
        at = now()
        if begin_now:
            maintenance.begin_now(connection, self.name, self._planned, at)
        else:
            heartbeat.check_clock(connection, at)
        heartbeat.join(connection, self.name, at, heartbeat.Role.SCHEDULER, self._called, LOCAL)
        maintenance.bury_dead(connection, self.name, at)
        maintenance.retire(connection, self._planned, at)

    def _due(self, keys: Sequence[Key]) -> None:
        with self._changed:
            self._ticked |= dict.fromkeys(keys)
            self._changed.notify()

    def _run_over(self, start: Start) -> None:
        with self._changed:
            self._free += 1
            self._again |= {start.job.planned.key: None, **self._held}
            self._changed.notify_all()

    def _report(self, run: Run) -> None:
        try:
            self._ended(run)
        except Exception:  # noqa: BLE001  what a user or an extension gave may raise anything, and the scheduler goes on
            _LOG.exception("what was to be done at the end of a run has failed")

    def _work(self) -> None:
        while True:
            with self._changed:
                left = self._swept + _SWEEP - monotonic()
                self._changed.wait_for(self._has_work, max(0.0, left))
                if self._stopping:
                    return
                ticked, self._ticked = self._ticked, {}
                again = self._take_again()
            try:
                if monotonic() >= self._swept + _SWEEP:
                    ticked |= self._sweep()
                if self._blocked is None:
                    self._dispatch(ticked, again)
            except ClockError as error:
                self._block(f"{error}")
            except DBAPIError as error:
                self._block(f"the store cannot be used: {f'{error.orig}'.strip()}")
            except Exception:  # noqa: BLE001  a scheduler that ends here would fire nothing any more, without a word
                self._block("deciding on what is due has failed", with_traceback=True)

    def _block(self, why: str, *, with_traceback: bool = False) -> None:
        """Decide nothing until a sweep succeeds, which plans everything again; say so once."""
        if self._blocked != why:
            _LOG.error("%s", why, exc_info=with_traceback)
        self._blocked = why

    def _has_work(self) -> bool:
        if self._blocked is not None:
            return self._stopping
        return self._stopping or bool(self._ticked or self._again or (self._queue and self._free))

    def _take_again(self) -> dict[Key, None]:
        """Return the jobs to look at again: those whose run has ended, and the first that wait for a free slot."""
        again, self._again = self._again, {}
        return again | dict.fromkeys(islice(self._queue, self._free))

    def _dispatch(self, ticked: Mapping[Key, None], again: Mapping[Key, None]) -> None:
        """Plan what has ticked, decide on all that is given, and start what was claimed."""
        jobs = self._jobs
        planned = [jobs[key].planned for key in ticked if key in jobs]
        # what waits goes ahead of what is due now, or a busy machine would leave it waiting for ever
        looked = [
            *(jobs[key].planned for key in again if key in jobs),
            *(jobs[key].planned for key in ticked if key not in again and key in jobs),
        ]
        if not looked:
            return
        with self._changed:
            free = self._free

        def decide(connection: Connection) -> list[Dispatched]:
            at = now()
            if abs(at - self._looked) > _STEP:  # the machine slept, or the clock was set: the downtime comes first
                heartbeat.check_clock(connection, at)
                heartbeat.beat(connection, self.name, at)
            if planned:
                planner.plan(connection, planned, at)
            return dispatch(connection, looked, at, self.name, slots=free)

        done = self._writer.write(decide)
        with self._changed:
            for each in done:
                for waiting, is_in in ((self._queue, each.needs_slot), (self._held, each.is_held)):
                    waiting.setdefault(each.job.key) if is_in else waiting.pop(each.job.key, None)
                self._free -= len(each.starts)
        for each in done:
            self._carry_out(jobs[each.job.key], each)

    def _carry_out(self, job: ServedJob, done: Dispatched) -> None:
        for decision in done.starts:
            self._worker.run(Start(job=job, fire=decision.fire, reason=decision.reason, attempt=decision.attempt))
        for run in done.unstarted:
            self._report(run)

    def _sweep(self) -> dict[Key, None]:
        """Look at what no tick tells; return the jobs that have to be planned or decided on."""
        self._swept = monotonic()
        self._starter.check()
        self._ticks.wake()
        jumped = abs(now() - self._swept - self._offset) > _STEP
        self._offset = now() - self._swept
        if jumped:
            self._ticks.restart()
        self._looked = now()
        left, wishes = self._writer.write(self._look)
        for claim, who in wishes:
            self._worker.cancel(claim.job_key, claim.fire, who)
        if self._blocked is not None:  # a claim that was committed, but whose answer was lost, has no thread
            self._writer.write(partial(claims.release_others, worker=self.name, known=self._worker.claims()))
        if jumped or self._blocked is not None or self._swept >= self._replanned + _REPLAN:
            self._blocked, self._replanned = None, self._swept
            return dict.fromkeys(self._jobs)
        return {key: None for key in left if key in self._jobs and key not in self._queue}

    def _look(self, connection: Connection) -> tuple[list[Key], list[tuple[claims.Claim, str]]]:
        """Look after the store; return the jobs with undecided rows, and the runs to cancel, with who wants that."""
        left = maintenance.look(connection, self.name, self._looked)
        self._pruning.go_on(connection, self._jobs, self._history.get, now())
        return left, cancelling.wishes(connection, self.name)
