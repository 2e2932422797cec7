"""A worker: it runs what an engine brings to it, for as long as it can renew its lease.

It needs nothing but the store. Each call of the engine means only that something is due; which row starts is decided
in the claim, fairly among tenants. When a slot is free and something is due, it goes on without being called. What it
claims so is withdrawn from the engine, many rows together; what it claims when it was called is not. So the engine
always has at least as many calls to make as rows are left to claim, and not many more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.engines import cancelling, claims, heartbeat
from sbh_jobkit.engines.claimer import Claimer
from sbh_jobkit.engines.engine import Due
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.lease import Lease, elapsed
from sbh_jobkit.engines.offering import offer_again, offer_new
from sbh_jobkit.engines.store import why
from sbh_jobkit.engines.worker import Worker
from sbh_jobkit.engines.writer import Writer
from sbh_jobkit.errors import ExtensionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.catalogue import Catalogue
    from sbh_jobkit.engines.engine import Engine
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.engines.worker import Start
    from sbh_jobkit.run.run import Run

_LOG = logging.getLogger("sbh_jobkit.engine")
_BEAT = 2.0
"""Seconds between two renewals of the lease, which also look for runs to cancel."""
_MANY = 50
"""How many rows that were claimed without a call are withdrawn from the engine together."""
AHEAD = 90.0
"""Seconds for which rows are planned and offered ahead."""


class QueueWorker:
    """Runs jobs of any tenant, or of some, from `start` to `stop`."""

    def __init__(
        self,
        name: str,
        store: Store,
        engine: Engine,
        starter: Starter,
        catalogue: Catalogue,
        *,
        slots: int,
        tenants: Collection[str] = (),
        ended: Callable[[Run], object] = lambda _: None,
        called: str | None = None,
        engine_name: str | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        `name` is that of this process, see `identity`; `called` is what its operator calls it.
        """
        self.name = name
        self._engine = engine
        self._starter = starter
        self._slots = slots
        self._called = called
        self._engine_name = engine_name
        self._lease = Lease()
        self._writer = Writer(store, repeats=True)
        self._worker = Worker(name, starter, self._writer, slots=slots, over=self._over, ended=ended, lease=self._lease)
        self._claimer = Claimer(name, store, self._writer, catalogue, tenants=tenants, ended=ended)
        self._going: dict[tuple[object, ...], threading.Event] = {}
        self._stop, self._ending = threading.Event(), threading.Event()
        self._beats = threading.Thread(target=self._beat_on, name="sbh-lease", daemon=True)
        self._calls = threading.Thread(target=self._be_called, name="sbh-queue", daemon=True)
        self._blocked: str | None = None
        self._uncalled: deque[Due] = deque()
        """Rows that were claimed without a call, and for which the engine still has one."""

    @property
    def going(self) -> int:
        """How many runs go on."""
        return len(self._going)

    @property
    def is_alive(self) -> bool:
        """Whether it is called, and renews its lease."""
        return self._calls.is_alive() and self._beats.is_alive()

    @property
    def silence(self) -> float:
        """How many seconds ago it renewed its lease."""
        return self._lease.age

    def start(self) -> None:
        """Take the first lease, and begin; raises NameTaken and EngineMixed.

        What is due is offered again: an earlier worker may have been called for it while it stopped.
        """
        try:
            self._starter.check()
            self._writer.write(self._join)
            self._renew()
            self._writer.write(self._offer_all)
        except BaseException:
            self._worker.close()
            self._writer.close()
            raise
        self._beats.start()
        self._calls.start()

    def stop(self, grace: float, who: str = "the worker, which was stopped") -> None:
        """Claim nothing new, let runs finish for `grace` seconds, then end them as cancelled by `who`."""
        self._stop.set()
        until = elapsed() + grace
        for event in list(self._going.values()):
            event.wait(max(0.0, until - elapsed()))
        self._worker.stop(who)
        self._worker.close()
        self._ending.set()
        self._calls.join()
        self._beats.join()
        self._give_up_name()
        self._writer.close()

    def hurry(self) -> None:
        """End a `stop` that waits: its grace is over now."""
        self._worker.give_up()
        for event in list(self._going.values()):
            event.set()

    def _join(self, connection: Connection) -> None:
        heartbeat.join(
            connection, self.name, now_in(connection), heartbeat.Role.WORKER, self._called, self._engine_name
        )

    def _leave(self, connection: Connection) -> None:
        heartbeat.leave(connection, self.name, now_in(connection))

    def _give_up_name(self) -> None:
        try:
            self._writer.write(self._leave)
        except SQLAlchemyError as error:
            if self._called is not None:
                self._note(f"the name {self._called!r} is kept for a while: {why(error)}")

    def _offer_all(self, connection: Connection) -> None:
        offer_again(connection, self._engine, now_in(connection), patience=0.0)

    def _be_called(self) -> None:
        self._engine.work(self._run_what_is_due, slots=self._slots, stop=self._stop)

    def _run_what_is_due(self) -> None:
        """Claim and run, one after another, until nothing is due."""
        try:
            is_called = True
            while not self._stop.is_set() and self._lease.left and (start := self._claimer.claim()) is not None:
                over = self._going[self._key(start)] = threading.Event()
                self._worker.run(start)
                if not is_called:
                    self._withdraw_soon(start)
                is_called = False
                over.wait()
            self._withdraw()
        except SQLAlchemyError as error:
            self._note(f"the store cannot be used: {why(error)}")

    def _withdraw_soon(self, start: Start) -> None:
        """Note a row that was claimed without a call, for which the engine need not call any more.

        Where other attempts may follow, it is left: an engine may not tell them apart.
        """
        job = start.job.planned
        if not job.policy.retry:
            names = {"tenant": job.tenant, "plugin": job.plugin, "job": job.job}
            self._uncalled.append(Due(**names, fire=start.fire, attempt=start.attempt, ready=start.fire))
        if len(self._uncalled) >= _MANY:
            self._withdraw()

    def _withdraw(self) -> None:
        """Let the engine not call for what was claimed without: each call would look, and most would find nothing."""
        rows = []
        with suppress(IndexError):
            while True:
                rows.append(self._uncalled.popleft())
        if not rows:
            return
        try:
            self._writer.write(partial(self._engine.withdraw, rows=rows))
        except (SQLAlchemyError, ExtensionError) as error:  # then it calls for nothing, which does no harm
            text = why(error) if isinstance(error, SQLAlchemyError) else f"{error}"
            self._note(f"the engine still has rows that were claimed: {text}")

    @staticmethod
    def _key(start: Start) -> tuple[object, ...]:
        return start.job.planned.key, start.fire, start.attempt

    def _over(self, start: Start) -> None:
        """Free the slot of a run that is over, and offer the attempt that may follow: its end makes no other row.

        A worker that stops offers what it gives back: none of its own slots will look for that.
        """
        if start.attempt <= start.job.planned.policy.retry or self._stop.is_set():
            self._writer.submit(self._offer)
        self._going.pop(self._key(start)).set()

    def _offer(self, connection: Connection) -> int:
        return offer_new(connection, self._engine, now_in(connection), AHEAD)

    def _beat_on(self) -> None:
        """Renew the lease until nothing goes on any more."""
        while not self._stop.is_set() or self._going:
            try:
                self._renew()
                self._blocked = None
            except SQLAlchemyError as error:
                self._note(f"the lease cannot be renewed: {why(error)}")
            self._ending.wait(_BEAT)

    def _renew(self) -> None:
        asked = elapsed()
        paused = not self._lease.left and self._calls.is_alive()
        wishes = self._writer.write(partial(self._beat, paused=paused))
        self._lease.renew(asked)
        self._worker.renew()
        for claim, who in wishes:
            self._worker.cancel(claim.job_key, claim.fire, who)

    def _beat(self, connection: Connection, *, paused: bool) -> list[tuple[claims.Claim, str]]:
        """Renew the lease in the store, and return the runs to cancel; a lease that was over begins a new life."""
        at = now_in(connection)
        if paused:
            claims.release_others(connection, self.name, self._worker.claims())
        heartbeat.beat(connection, self.name, at)
        return cancelling.wishes(connection, self.name)

    def _note(self, why: str) -> None:
        if self._blocked != why:
            _LOG.error("%s", why)
        self._blocked = why
