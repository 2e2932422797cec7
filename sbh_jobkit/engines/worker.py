"""Carrying out claims: a child is made ready, the row becomes running and is committed, and then the child may go."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from sbh_jobkit.engines import claims
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.instants import now
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.handle import RunHandle
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.writer import Writer
    from sbh_jobkit.run.run import Run

_LOG = logging.getLogger("sbh_jobkit.engine")
_TRIES = 3
"""How often a run is claimed again whose processes die before it begins."""
_PAUSE = 1.0
"""Seconds until a write that failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A claimed row that is to run, and why it starts late."""

    job: ServedJob
    fire: float
    reason: str | None


class Worker:
    """Runs what was claimed, each run in a thread that waits for its child."""

    def __init__(
        self,
        name: str,
        starter: Starter,
        writer: Writer,
        *,
        slots: int,
        done: Callable[[Start, Run | None], object],
    ) -> None:
        """Run at most `slots` at a time; `done` is called at the end of each, with None for one that did not start."""
        self._name = name
        self._starter = starter
        self._writer = writer
        self._done = done
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="sbh-run")
        self._lock = threading.Lock()
        self._going: dict[Claim, RunHandle] = {}
        self._stopped_by: str | None = None
        self._tries: Counter[Claim] = Counter()

    def run(self, start: Start) -> None:
        """Run a claimed row, soon."""
        self._pool.submit(self._run, start)

    def stop(self, who: str) -> None:
        """End all runs that go on, as cancelled, and let none begin."""
        with self._lock:
            self._stopped_by = who
            going = list(self._going.values())
        for handle in going:
            handle.cancel(who)

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown()

    def _run(self, start: Start) -> None:
        key = start.job.planned
        claim = Claim(tenant=key.tenant, plugin=key.plugin, job=key.job, fire=start.fire, worker=self._name)
        run = None
        try:
            run = self._carry_out(claim, start)
        except Exception:  # noqa: BLE001  whatever went wrong, the row must not stay claimed by a thread that has ended
            _LOG.exception("%s/%s: the run could not be carried out", key.plugin, key.job)
            self._write(partial(claims.release, claim=claim))
        finally:
            self._done(start, run)

    def _carry_out(self, claim: Claim, start: Start) -> Run | None:
        try:
            handle = self._starter.request(start.job.request(start.fire))
        except JobkitError as error:
            _LOG.error("%s/%s: %s", claim.plugin, claim.job, error)
            self._write(partial(claims.release, claim=claim))
            return None
        with handle:
            with self._lock:
                self._going[claim] = handle
            try:
                return self._follow(claim, handle, start.reason)
            finally:
                with self._lock:
                    del self._going[claim]

    def _follow(self, claim: Claim, handle: RunHandle, reason: str | None) -> Run | None:
        if self._stopped_by is not None or not handle.wait_ready():
            return self._not_begun(claim, handle)
        if not self._write(partial(claims.start, claim=claim, now=now())):
            return None  # another scheduler took this one for dead, and has decided
        handle.go(reason)
        run = handle.result()
        self._tries.pop(claim, None)
        self._finish(claim, run)
        return run

    def _not_begun(self, claim: Claim, handle: RunHandle) -> Run | None:
        """Give a claim back whose run has not begun, or end it where beginning is hopeless."""
        run = None if self._stopped_by is not None else handle.result()
        if run is not None and run.outcome is Outcome.LOST:
            self._tries[claim] += 1
        if run is None or (run.outcome in {Outcome.LOST, Outcome.CANCELLED} and self._tries[claim] < _TRIES):
            self._write(partial(claims.release, claim=claim))
            return None
        self._tries.pop(claim, None)
        self._write(partial(_fail, claim=claim, run=run, now=now()))
        return run

    def _finish(self, claim: Claim, run: Run) -> None:
        if not self._write(partial(claims.finish, claim=claim, run=run, now=now())):
            _LOG.warning("%s/%s: the run was decided while it went on; what it reports is kept as a note", *claim.names)

    def _write(self, function: Callable[[Connection], bool]) -> bool:
        """Write, and try again until the store takes it."""
        while True:
            try:
                return self._writer.write(function)
            except DBAPIError as error:
                _LOG.error("the store cannot be written: %s", f"{error.orig}".strip())
                threading.Event().wait(_PAUSE)


def _fail(connection: Connection, claim: Claim, run: Run, now: float) -> bool:
    """End a claimed row whose job could not begin, since its plugin or its tenant cannot be loaded."""
    return claims.start(connection, claim, now) and claims.finish(connection, claim, run, now)
