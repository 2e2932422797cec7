"""RQ on Redis as an engine of sbh-jobkit: `serve --engine rq` and `worker --engine rq`, with SBH_RQ_REDIS set.

Its limits: Redis knows of a row before the store has committed it, so a call may come in vain, and the row is offered
again after 15 seconds. Times are whole seconds, so a run starts up to two seconds late. Each free slot asks Redis twice
a second. The clocks of all machines must agree.
"""

from __future__ import annotations

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.scheduler import RQScheduler

from sbh_jobkit import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.engine import Due, Engine

PERIOD = 5
POLL = 0.5


class RqEngine:
    def __init__(self, redis: str) -> None:
        self._redis = Redis.from_url(redis)
        self._queue = Queue("sbh-jobkit", connection=self._redis)
        self._scheduler: Any = RQScheduler([self._queue], connection=self._redis, logging_level="WARNING")
        self._scheduler.prepare_registries([self._queue.name])

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        for row in rows:
            at = datetime.fromtimestamp(math.ceil(row.ready), UTC)  # RQ would cut off the part of a second
            self._queue.enqueue_at(at, "sbh_rq.RqEngine", job_id=_id(row))  # which RQ itself never calls

    def withdraw(self, connection: Connection, rows: Sequence[Due]) -> None:
        for job in Job.fetch_many([_id(row) for row in rows], connection=self._redis):
            if job is not None:
                job.delete()

    def work(self, start: Callable[[], object], *, slots: int, stop: Event) -> None:
        with ThreadPoolExecutor(slots) as pool:
            for done in [pool.submit(self._take_on, start, stop) for _ in range(slots)]:
                done.result()

    def tick(self, call: Callable[[], object], *, stop: Event) -> None:
        while not stop.is_set():
            if self._redis.set("sbh-jobkit:tick", 1, nx=True, ex=PERIOD):
                call()
            stop.wait(POLL)

    def _take_on(self, start: Callable[[], object], stop: Event) -> None:
        while not stop.is_set():
            if self._redis.set("sbh-jobkit:due", 1, nx=True, px=int(POLL * 1000)):  # RQ moves a row twice if two do it
                self._scheduler.enqueue_scheduled_jobs()
            id_ = self._redis.lpop(self._queue.key)
            if isinstance(id_, bytes):
                self._redis.delete(Job.key_for(id_.decode()))
                start()
            else:
                stop.wait(POLL)


def _id(row: Due) -> str:
    return hashlib.sha256(repr((row.tenant, row.plugin, row.job, row.fire)).encode()).hexdigest()


@hookimpl
def sbh_engines() -> dict[str, Callable[[str], Engine]]:
    """Offer it; the URL of the store is not needed."""
    return {"rq": lambda store: RqEngine(os.environ.get("SBH_RQ_REDIS", "redis://127.0.0.1:6379/0"))}
