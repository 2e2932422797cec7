"""Claiming rows for the free slots of a worker: slots that ask at the same time are served by one claim.

Most of what a claim costs is the same for one row and for several.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import Future
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from sbh_jobkit.engines import choosing
from sbh_jobkit.engines.choosing import Choice
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.refusing import refuse
from sbh_jobkit.engines.shared import Shared
from sbh_jobkit.engines.worker import Start
from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.catalogue import Catalogue, Installed
    from sbh_jobkit.engines.dispatched import Dispatched
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.engines.writer import Writer
    from sbh_jobkit.run.run import Run


_LOG = logging.getLogger("sbh_jobkit.engine")
_WIDER = 10
"""How many times more jobs are looked at where none of the first may start."""


class Claimer:
    """Claims rows of any tenant, or of some, for one worker."""

    def __init__(
        self,
        name: str,
        store: Store,
        writer: Writer,
        catalogue: Catalogue,
        *,
        tenants: Collection[str],
        ended: Callable[[Run], object],
    ) -> None:
        """Claim nothing yet; `ended` is called for what ends without a start."""
        self._name = name
        self._store = store
        self._writer = writer
        self._catalogue = catalogue
        self._tenants = tenants
        self._ended = ended
        self._asking: list[Future[Start | None]] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def claim(self) -> Start | None:
        """Claim a row for the slot that asks, fairly among tenants; None where nothing can start."""
        mine: Future[Start | None] = Future()
        with self._lock:
            self._asking.append(mine)
        with self._turn:
            if not mine.done():
                self._serve()
        return mine.result()

    def _serve(self) -> None:
        """Claim for all that ask."""
        with self._lock:
            asking, self._asking = self._asking, []
        try:
            starts = self._claim(len(asking))
        except Exception as error:  # noqa: BLE001  each thread that asked must know
            for asked in asking:
                asked.set_exception(error)
        else:
            for asked, start in zip_longest(asking, starts):
                asked.set_result(start)

    def _claim(self, most: int) -> list[Start]:
        starts: list[Start] = []
        is_all = False
        while len(starts) < most and not is_all:
            found, is_all = self._look(most - len(starts))
            starts += found
        return starts

    def _look(self, most: int) -> tuple[list[Start], bool]:
        """Claim rows of the jobs that are due; return the starts, and whether all jobs were looked at."""
        choice, seen, page = Choice(), 0, choosing.PAGE
        starts: list[Start] = []
        installed: dict[tuple[str, str], Installed] = {}
        while not starts and not choice.is_all:
            installed |= self._read(choice, seen, page)
            seen, page = seen + page, page * _WIDER
            busy: dict[Key, int] = {}
            while len(starts) < most and (taken := choice.take(most - len(starts))):
                decided = self._decide(taken, installed, waits=False)
                for key, rows in taken.items():
                    started = decided.get(key, [])
                    starts += started
                    if len(started) < rows:
                        choice.give_back(key, rows - len(started))
                busy |= {key: rows for key, rows in taken.items() if key not in decided}
            for key, rows in busy.items():  # nothing else starts: others decide on these, and may leave some of them
                if left := most - len(starts):
                    starts += self._decide(Counter({key: min(rows, left)}), installed, waits=True).get(key, [])
        return starts, choice.is_all

    def _read(self, choice: Choice, skip: int, most: int) -> Mapping[tuple[str, str], Installed]:
        """Look for jobs that are due, and for their plugins.

        Those are left out for which what they share with others is known to be used.
        """
        with self._store.read() as connection:
            found = choosing.fair(connection, now_in(connection), self._tenants, skip=skip, most=most)
            known = self._catalogue.known(job.key for job in found)
            shared = Shared.read(connection, known.values())
            installed = self._catalogue.installed(connection, (job.key for job in found))
        free = [job for job in found if job.key not in known or shared.full(known[job.key]) is None]
        choice.add(free, is_all=len(found) < most)
        return installed

    def _decide(
        self, taken: Counter[Key], installed: Mapping[tuple[str, str], Installed], *, waits: bool
    ) -> dict[Key, list[Start]]:
        """Decide on jobs, and claim at most so many rows of each; return the starts of those that were decided on."""
        jobs: dict[Key, ServedJob] = {}
        starts: dict[Key, list[Start]] = {}
        for key in taken:
            try:
                jobs[key] = self._catalogue.job(key, installed.get(key[:2]))
            except JobkitError as error:
                self._writer.write(partial(refuse, key=key, worker=self._name, why=f"{error}"))
                _LOG.error("%s/%s: %s", *key[1:], error)
                starts[key] = []
        for done in self._writer.write(partial(self._dispatch, jobs=jobs, most=taken, waits=waits)) if jobs else ():
            for run in done.unstarted:
                self._ended(run)
            job = jobs[done.job.key]
            starts[done.job.key] = [
                Start(job=job, fire=each.fire, reason=each.reason, attempt=each.attempt) for each in done.starts
            ]
        return starts

    def _dispatch(
        self, connection: Connection, jobs: Mapping[Key, ServedJob], most: Counter[Key], *, waits: bool
    ) -> list[Dispatched]:
        planned = [job.planned for job in jobs.values()]
        return dispatch(connection, planned, None, self._name, slots=most.total(), most=most, waits=waits)
