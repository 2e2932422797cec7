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
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FleetError, Interrupted
from sbh_jobkit.machine.descriptors import lead_away
from sbh_jobkit.machine.watchdog import end_stuck
from sbh_jobkit.simulation.fleet.installation import NotSimulated, run_task

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from multiprocessing.synchronize import Event

    from sbh_jobkit.simulation.fleet.installation import Installation, Task

_PATIENCE = 5.0
"""Seconds for workers to return what they have done, and then to end."""
_LAST = -100
"""After what others do when a worker ends."""
_INTERVAL = 0.1
"""Seconds after which a worker checks again whether it has to stop."""

_ENDED = (
    "its process ended before its work did, so its runs are missing: a job ended it, or never let go of it, or the "
    "machine ran out of memory"
)
_NOT_BEGUN = (
    "no process of the fleet could begin: a script that starts a fleet does so below `if __name__ == '__main__':`, "
    "and not at its top level"
)


def run_parallel(tasks: Iterable[Task], processes: int) -> Iterator[Installation | NotSimulated]:
    """Run tasks in several processes at a time; on Ctrl-C yield the results so far, and raise Interrupted."""
    every = [*tasks]
    done = yield from _run_in_pool(every, processes)
    while done < len(every):  # a process has ended, and its pool with it; which task did it is seen alone
        task = every[done]
        if not (yield from _run_in_pool([task], 1)):
            yield NotSimulated(path=task.path, tenant=task.tenant, why=_ENDED, missing=True)
        done += 1
        done += yield from _run_in_pool(every[done:], processes)


def _run_in_pool(tasks: Sequence[Task], processes: int) -> Generator[Installation | NotSimulated, None, int]:
    """Run tasks, and return how many were done before a process ended on its own."""
    if not tasks:
        return 0
    context = multiprocessing.get_context("spawn")
    stop, began, others = context.Event(), context.Event(), multiprocessing.active_children()
    arguments = (stop, began, str(Path.cwd()))
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=arguments)
    waiting: deque[Future[Installation | NotSimulated | None]] = deque()
    try:
        with _ignore_sigint():  # the workers that start now inherit it
            waiting.extend(pool.submit(_work, task) for task in tasks)
        while waiting:
            if (result := waiting[0].result()) is not None:
                yield result
            waiting.popleft()
    except BrokenExecutor as error:
        if not began.is_set():
            raise FleetError(_NOT_BEGUN) from error
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
    return len(tasks) - len(waiting)


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


def _begin(stop: Event, began: Event, folder: str) -> None:
    """Make this process a worker: it works in the parent's folder, and ends when the parent does."""
    _Worker.stop = stop
    began.set()
    os.chdir(folder)
    Finalize(None, lead_away, exitpriority=_LAST)
    end_stuck()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Installation | NotSimulated | None:
    return None if _Worker.stop.is_set() else run_task(task, _Worker.heartbeat)
