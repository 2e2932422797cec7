"""Several processes simulate installations; the results come in the order of the tasks.

A terminal sends Ctrl-C to all processes at once. Workers ignore it: the parent sets an event, and each worker returns
what it has done. The parent kills a worker that does not answer, and a worker ends when its parent does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FleetError, Interrupted
from sbh_jobkit.simulation.fleet.installation import run_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.synchronize import Event

    from sbh_jobkit.simulation.fleet.installation import Installation, NotSimulated, Task

_PATIENCE = 5.0
"""Seconds for workers to return what they have done, and then to end."""
_INTERVAL = 0.1
"""Seconds after which a worker checks again whether it has to stop."""


def run_parallel(tasks: Iterable[Task], processes: int) -> Iterator[Installation | NotSimulated]:
    """Run tasks in several processes at a time; on Ctrl-C yield the results so far, and raise Interrupted."""
    context = multiprocessing.get_context("spawn")
    stop, others = context.Event(), multiprocessing.active_children()
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(stop, str(Path.cwd())))
    waiting: deque[Future[Installation | NotSimulated | None]] = deque()
    try:
        with _ignore_sigint():  # the workers that start now inherit it
            waiting.extend(pool.submit(_work, task) for task in tasks)
        while waiting:
            yield from _result_of(waiting[0])
            waiting.popleft()
    except KeyboardInterrupt:
        stop.set()
        yield from _results_so_far(waiting)
        raise Interrupted(None) from None
    finally:
        stop.set()
        workers = [child for child in multiprocessing.active_children() if child not in others]
        pool.shutdown(wait=False, cancel_futures=True)
        ended = wait([worker.sentinel for worker in workers], _PATIENCE) if workers else []
        for worker in workers:
            if worker.sentinel not in ended:
                worker.kill()
        pool.shutdown()


def _result_of(future: Future[Any]) -> Iterator[Installation | NotSimulated]:
    try:
        result = future.result()
    except BrokenExecutor as error:
        msg = (
            "a process of the fleet ended before its work did: a job ended it, the machine ran out of memory, or a "
            "script that starts a fleet does so at its top level, and not below `if __name__ == '__main__':`"
        )
        raise FleetError(msg) from error
    if result is not None:
        yield result


def _results_so_far(waiting: Iterable[Future[Any]]) -> Iterator[Installation | NotSimulated]:
    until = perf_counter() + _PATIENCE
    for future in waiting:
        if future.cancel():
            continue
        try:
            result = future.result(max(0.0, until - perf_counter()))
        except (NoAnswer, CancelledError, BrokenExecutor):
            continue
        if result is not None:
            yield result


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """The state of a worker process."""

    stop: Event
    next_check = 0.0

    @classmethod
    def heartbeat(cls) -> None:
        if perf_counter() >= cls.next_check:
            cls.next_check = perf_counter() + _INTERVAL
            if cls.stop.is_set():
                raise KeyboardInterrupt


def _begin(stop: Event, folder: str) -> None:
    """Make this process a worker: it works in the parent's folder, and ends when the parent does."""
    _Worker.stop = stop
    os.chdir(folder)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Installation | NotSimulated | None:
    return None if _Worker.stop.is_set() else run_task(task, _Worker.heartbeat)
