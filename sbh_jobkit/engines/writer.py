"""One thread that writes: what waits at the same time is committed together, with one write through to the disk.

SQLite lets one writer in at a time and is not fair to those that wait, so the threads of a process stand in this line
instead.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store

    Task = tuple[Callable[[Connection], Any], Future[Any]]
    _Outcome = tuple[Future[Any], Any, BaseException | None]

R = TypeVar("R")
_MOST = 100
"""Tasks that are committed together at most."""


class Writer:
    """Writes into a store for all threads of a process."""

    def __init__(self, store: Store, *, repeats: bool = False) -> None:
        """Start the thread; with `repeats`, a task may be called twice, which costs less where most succeed."""
        self._store = store
        self._repeats = repeats
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sbh-writer", daemon=True)
        self._thread.start()

    def write(self, function: Callable[[Connection], R]) -> R:
        """Call a function in a transaction, and return its result once that is committed."""
        return self.submit(function).result()

    def read(self, function: Callable[[Connection], R]) -> R:
        """Call a function with a connection that reads, at once."""
        with self._store.read() as connection:
            return function(connection)

    def submit(self, function: Callable[[Connection], R]) -> Future[R]:
        """Let a function be called in a transaction, after those that were given before, and do not wait for it."""
        done: Future[R] = Future()
        self._tasks.put((function, done))
        return done

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            first = self._tasks.get()
            tasks = [first]
            while len(tasks) < _MOST and not self._tasks.empty():
                tasks.append(self._tasks.get())
            is_open = None not in tasks
            self._commit([task for task in tasks if task is not None])

    def _commit(self, tasks: list[Task]) -> None:
        """Carry out tasks in one transaction; one that fails takes back only what it did itself."""
        outcomes: list[_Outcome]
        try:
            outcomes = self._attempt(tasks) or self._carry_out(tasks)
        except Exception as error:  # noqa: BLE001  nothing of it was written, and each thread that asked must know
            outcomes = [(done, None, error) for _, done in tasks]
        for done, value, failed in outcomes:
            if failed is None:
                done.set_result(value)
            else:
                done.set_exception(failed)

    def _attempt(self, tasks: list[Task]) -> list[_Outcome]:
        """Carry out tasks that may be called twice without a savepoint for each; none is done where one fails."""
        if not self._repeats or len(tasks) < 2:  # noqa: PLR2004  one needs none
            return []
        try:
            with self._store.write() as connection:
                return [_carry_out(connection, task) for task in tasks]
        except DBAPIError as error:
            if error.connection_invalidated:  # what was committed is not known
                raise
        except Exception:  # noqa: BLE001, S110  it is raised again for the thread that asked
            pass
        return []

    def _carry_out(self, tasks: list[Task]) -> list[_Outcome]:
        with self._store.write() as connection:
            carry_out = _carry_out if len(tasks) == 1 else _carry_out_beside_others
            return [carry_out(connection, task) for task in tasks]


def _carry_out(connection: Connection, task: Task) -> _Outcome:
    function, done = task
    return done, function(connection), None


def _carry_out_beside_others(connection: Connection, task: Task) -> _Outcome:
    try:
        with connection.begin_nested():
            return _carry_out(connection, task)
    except DBAPIError as error:
        if error.connection_invalidated:  # the database ended it, and with it what was done before
            raise
        return task[1], None, error
    except Exception as error:  # noqa: BLE001  it belongs to the thread that asked
        return task[1], None, error
