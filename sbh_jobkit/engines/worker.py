"""Carrying out claims: a child is made ready, the row becomes running and is committed, and then the child may go."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from sbh_jobkit.engines import claims, vault
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.lease import elapsed
from sbh_jobkit.engines.store import why
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.handle import RunHandle
    from sbh_jobkit.engines.lease import Lease
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.request import RunRequest
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.writer import Writer
    from sbh_jobkit.run.run import Run

_LOG = logging.getLogger("sbh_jobkit.engine")
_TRIES = 3
"""How often a run is claimed again whose processes die before it begins."""
_PAUSE = 1.0
"""Seconds until a write that failed is tried again."""
_PATIENCE = 5.0
"""Seconds for which a worker that stops waits for a store that cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A claimed row that is to run, and why it starts late."""

    job: ServedJob
    fire: float
    reason: str | None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How a claim ends: what is written, and the run, if it is one."""

    write: Callable[[Connection], bool]
    written: Future[bool]
    run: Run | None


class Worker:
    """Runs what was claimed, each run in a thread that waits for its child."""

    def __init__(
        self,
        name: str,
        starter: Starter,
        writer: Writer,
        *,
        slots: int,
        over: Callable[[Start], object],
        ended: Callable[[Run], object],
        lease: Lease | None = None,
    ) -> None:
        """Run at most `slots` at a time.

        `over` is called when a slot is free again, and `ended` when a run that began is in the store. With a lease,
        runs are killed that go on when it is over.
        """
        self._name = name
        self._starter = starter
        self._writer = writer
        self._over = over
        self._ended = ended
        self._lease = lease
        self._pool = ThreadPoolExecutor(2 * slots, thread_name_prefix="sbh-run")  # half of them wait for the store
        self._lock = threading.Lock()
        self._claims: Counter[Claim] = Counter()  # one that was given back may be claimed again before its thread ends
        self._going: dict[Claim, RunHandle] = {}
        self._stopped_by: str | None = None
        self._patient_until = inf
        self._gave_up = threading.Event()
        self._tries: Counter[Claim] = Counter()

    def run(self, start: Start) -> None:
        """Run a claimed row, soon."""
        key = start.job.planned
        names = {"tenant": key.tenant, "plugin": key.plugin, "job": key.job}
        claim = Claim(**names, fire=start.fire, worker=self._name, attempt=start.attempt)
        with self._lock:
            self._claims[claim] += 1
        self._pool.submit(self._run, claim, start)

    def claims(self) -> list[Claim]:
        """Return the claims that are not in the store as ended yet."""
        with self._lock:
            return list(self._claims)

    def stop(self, who: str) -> None:
        """End all runs that go on, as cancelled, and let none begin."""
        with self._lock:
            self._stopped_by = who
            self._patient_until = elapsed() + _PATIENCE
            going = list(self._going.values())
        for handle in going:
            handle.cancel(who)

    def give_up(self) -> None:
        """Wait no longer for a store that cannot be written; the next scheduler settles what was not."""
        self._gave_up.set()

    def cancel(self, key: Key, fire: float, who: str) -> None:
        """End a run that goes on; one that has ended, or is another worker's, stays as it is."""
        with self._lock:
            going = [handle for claim, handle in self._going.items() if (claim.job_key, claim.fire) == (key, fire)]
        for handle in going:
            handle.cancel(who)

    def renew(self) -> None:
        """Let runs go on for as long as the lease now lasts."""
        with self._lock:
            going = list(self._going.values())
        for handle in going:
            self._hand_on(handle)

    def _hand_on(self, handle: RunHandle) -> None:
        if self._lease is not None:
            handle.renew(self._lease.left)

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown()

    def _run(self, claim: Claim, start: Start) -> None:
        try:
            ending = self._carry_out(claim, start)
        except Exception:  # noqa: BLE001  whatever went wrong, the row must not stay with a thread that has ended
            _LOG.exception("%s/%s: the run could not be carried out", *claim.names, extra={"facts": claim.facts})
            ending = self._ending(partial(_leave, claim=claim))
        self._over(start)  # what is claimed next stands behind the ending in the writer's line
        written = self._write(ending.write, ending.written)
        with self._lock:
            self._claims -= Counter([claim])
        if not written and ending.run is not None:
            text = "%s/%s: the run was decided while it went on; what it reports is kept as a note"
            if self._has_given_up:
                text = "%s/%s: how the run ended could not be written; it will count as lost"
            _LOG.warning(text, *claim.names, extra={"facts": claim.facts})
        if ending.run is not None:
            self._ended(ending.run)

    def _carry_out(self, claim: Claim, start: Start) -> _Ending:
        try:
            handle = self._starter.request(self._request(start))
        except (JobkitError, DBAPIError) as error:
            text = why(error) if isinstance(error, DBAPIError) else f"{error}"
            _LOG.error("%s/%s: %s", *claim.names, text, extra={"facts": claim.facts})
            return self._release(claim)
        with handle:
            with self._lock:
                self._going[claim] = handle
            try:
                return self._follow(claim, handle, start)
            finally:
                with self._lock:
                    del self._going[claim]

    def _request(self, start: Start) -> RunRequest:
        """Return what the child is asked for, with the secrets of the store: to open that would take the child long."""
        request, key = start.job.request(start.fire), start.job.planned
        if not request.settings.get("keys"):
            return request
        return request.giving(sealed=self._writer.read(partial(vault.sealed, tenant=key.tenant, plugin=key.plugin)))

    def _follow(self, claim: Claim, handle: RunHandle, start: Start) -> _Ending:
        if self._stopped_by is not None:
            return self._release(claim)
        if not handle.wait_ready():
            return self._not_begun(claim, replace(handle.result(), attempt=claim.attempt), start.job.version)
        if self._lease is not None and not self._lease.left:
            return self._release(claim)  # it would be ended at once
        if not self._write(partial(_start, claim=claim, version=start.job.version)):
            return self._release(claim)  # for nothing: another scheduler took this one for dead, and has decided
        self._tries.pop(claim, None)
        self._hand_on(handle)
        handle.go(start.reason)
        run = replace(handle.result(), attempt=claim.attempt)
        return self._ending(partial(_finish, claim=claim, run=run), run)

    def _not_begun(self, claim: Claim, run: Run, version: str | None) -> _Ending:
        """Give a claim back whose processes have died, or end it where its plugin or its tenant cannot be loaded."""
        self._tries[claim] += run.outcome is Outcome.LOST
        if run.outcome in {Outcome.LOST, Outcome.CANCELLED} and self._tries[claim] < _TRIES:
            return self._release(claim)
        del self._tries[claim]
        return self._ending(partial(_fail, claim=claim, run=run, version=version), run)

    def _release(self, claim: Claim) -> _Ending:
        return self._ending(partial(claims.release, claim=claim))

    def _ending(self, write: Callable[[Connection], bool], run: Run | None = None) -> _Ending:
        return _Ending(write=write, written=self._writer.submit(write), run=run)

    def _write(self, function: Callable[[Connection], bool], written: Future[bool] | None = None) -> bool:
        """Wait until something is written, and try again until the store takes it."""
        while True:
            try:
                return (written or self._writer.submit(function)).result()
            except DBAPIError as error:
                _LOG.error("the store cannot be written: %s", f"{error.orig}".strip())
                written = None
                self._gave_up.wait(_PAUSE)
                if self._has_given_up:
                    return False

    @property
    def _has_given_up(self) -> bool:
        return self._gave_up.is_set() or elapsed() > self._patient_until


def _start(connection: Connection, claim: Claim, version: str | None) -> bool:
    return claims.start(connection, claim, version=version)


def _finish(connection: Connection, claim: Claim, run: Run) -> bool:
    return claims.finish(connection, claim, run)


def _leave(connection: Connection, claim: Claim) -> bool:
    """Give up a row whose thread has failed: one that may have started is lost."""
    why = "its worker could not follow it"
    return claims.release(connection, claim) or claims.lose(connection, claim, now_in(connection), why=why)


def _fail(connection: Connection, claim: Claim, run: Run, version: str | None) -> bool:
    """End a claimed row whose job could not begin, since its plugin or its tenant cannot be loaded."""
    return _start(connection, claim, version) and _finish(connection, claim, run)
