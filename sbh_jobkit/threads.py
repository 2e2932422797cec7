"""The threads that a plugin's code started: they belong to the plugin for as long as they live.

A thread is known by who started it. So one of a pool that a module made at import, and one that an earlier run left
behind, still see virtual time and are refused the network, and a thread of the test or of the notebook is not.
"""

from __future__ import annotations

import _thread
import ctypes
import queue
import sys
import threading
from concurrent.futures import thread as pools
from contextlib import suppress
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

_PATIENCE = 1.0
"""Real seconds for a thread to finish what it does when its run has ended."""
_END = 0.2
"""Real seconds for a thread to end after it was asked to."""
_numbers = count(1)
_plugins: WeakKeyDictionary[threading.Thread, int] = WeakKeyDictionary()
_ended: WeakSet[threading.Thread] = WeakSet()
_installed: list[Callable[[], bool]] = []
_WORKER = pools._worker.__code__  # noqa: SLF001  it waits in C for its next task
_WAITS: frozenset[CodeType] = frozenset(
    function.__code__
    for function in (
        threading.Condition.wait,
        threading.Event.wait,
        threading.Thread.join,
        getattr(threading.Thread, "_wait_for_tstate_lock", threading.Thread.join),  # up to Python 3.12
        threading.Semaphore.acquire,
        threading.Barrier.wait,
        queue.Queue.get,
        queue.Queue.put,
        queue.Queue.join,
        pools._worker,  # noqa: SLF001  there is no public way
    )
)
"""What a thread does that waits for another one."""
_JOINS = {
    threading.Thread.join.__code__,
    getattr(threading.Thread, "_wait_for_tstate_lock", threading.Thread.join).__code__,  # up to Python 3.12
}
_NEXT_TASK = {queue.Queue.get.__code__, _WORKER}
"""What a thread does that has nothing to do."""
_POOL = "multiprocessing/pool.py"
"""The file of the threads of such a pool, which wait for tasks in C."""


def install(of_plugin: Callable[[], bool]) -> None:
    """Know threads from now on by who starts them; `of_plugin` says whether this thread runs a plugin's code."""
    if _installed:
        return
    _installed.append(of_plugin)
    start = _thread.start_new_thread

    def start_new_thread(
        function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> int:
        if not of_plugin():
            return start(function, args, kwargs or {})

        noted = _thread.allocate_lock()
        noted.acquire()

        def call(*args: Any, **kwargs: Any) -> None:
            thread = threading.current_thread()
            _plugins[thread] = next(_numbers)
            noted.release()
            try:
                function(*args, **kwargs)
            finally:
                del _plugins[thread]

        ident = start(call, args, kwargs or {})
        with noted:  # nobody else knows the thread before it runs
            return ident

    _thread.start_new_thread = _thread.start_new = start_new_thread
    for name in ("_start_new_thread", "_start_joinable_thread"):  # what Thread.start calls, by version
        if hasattr(threading, name):
            setattr(threading, name, _noting(getattr(threading, name)))


def _noting(start: Callable[..., Any]) -> Callable[..., Any]:
    def noted(function: Any, *args: Any, **kwargs: Any) -> Any:
        _note(function)
        return start(function, *args, **kwargs)

    return noted


def _note(function: Any) -> None:
    thread = getattr(function, "__self__", None)
    if isinstance(thread, threading.Thread) and _installed[0]():
        _plugins[thread] = next(_numbers)


def any_started() -> bool:
    """Whether a plugin has ever started a thread that still exists."""
    return bool(_plugins.data)  # type: ignore[attr-defined] # a WeakKeyDictionary's len is slow


def is_plugins(thread: threading.Thread) -> bool:
    """Whether a plugin's code started a thread."""
    return thread in _plugins


def number(thread: threading.Thread) -> int:
    """Return the number of a plugin's thread, counted by start; 0 for any other thread."""
    return _plugins.get(thread, 0)


def alive() -> list[threading.Thread]:
    """Return the threads of plugins that live or are being started, in that order, but those that were asked to end."""
    going = (thread for thread in list(_plugins) if thread not in _ended and not has_ended(thread))
    return sorted(going, key=number)


def has_ended(thread: threading.Thread) -> bool:
    """Whether a thread has run and ended; False for one that is still starting."""
    if isinstance(thread, threading._DummyThread):  # noqa: SLF001  started past Thread: Python never says that it ended
        return thread not in _plugins
    return thread._started.is_set() and not thread.is_alive()  # type: ignore[attr-defined] # noqa: SLF001  no public way


def _frame_of(ident: int | None) -> Any:
    """Return what a thread is doing, the innermost frame; None where it has ended, or has not begun."""
    return sys._current_frames().get(ident or 0)  # noqa: SLF001  there is no public way


def waits(thread: threading.Thread) -> bool:
    """Whether a thread waits for another one, or for its next task."""
    frame = _frame_of(thread.ident)
    if frame is None:
        return False
    code = frame.f_code
    return code in _WAITS or code.co_name == "select" or code.co_filename.endswith(_POOL)


def is_asleep(thread: threading.Thread) -> bool:
    """Whether nobody has woken a thread that waits, or handed it a task; False where that cannot be seen at once."""
    frame = _frame_of(thread.ident)
    if frame is None or frame.f_code not in (threading.Condition.wait.__code__, _WORKER):
        return False
    names = frame.f_locals
    if frame.f_code is _WORKER:
        tasks = names.get("work_queue")
        return tasks is not None and not tasks.qsize() and names.get("work_item") is None
    waiter = names.get("waiter")
    return waiter is not None and waiter in names["self"]._waiters  # noqa: SLF001  whom it wakes, it takes out first


def _is_woken(thread: threading.Thread) -> bool:
    """Whether somebody has woken a thread that waits, or handed it a task, and it has not gone on yet."""
    frame = _frame_of(thread.ident)
    if frame is None:
        return False
    if frame.f_code.co_filename.endswith(_POOL):
        names = frame.f_locals  # of the thread that hands tasks on, or of one that works
        tasks = names.get("taskqueue", names.get("inqueue"))
        waiting = isinstance(tasks, queue.SimpleQueue) and not tasks.empty()
        return waiting or any(names.get(name) is not None for name in ("task", "taskseq"))
    return frame.f_code in (threading.Condition.wait.__code__, _WORKER) and not is_asleep(thread)


def step(thread: threading.Thread) -> tuple[int, int]:
    """Return where in its code a thread is, to see whether it moves."""
    frame = _frame_of(thread.ident)
    return (id(frame), frame.f_lasti) if frame is not None else (0, 0)


def left(is_own: Callable[[str], bool], sleeping: Callable[[threading.Thread], bool]) -> list[threading.Thread]:
    """Return the threads that go on although their run has ended, after a short wait for those that finish.

    A thread of a pool that waits for its next task does not go on. `is_own` says whether a file is the plugin's;
    `sleeping` whether a thread sleeps in virtual time.
    """
    until = perf_counter() + _PATIENCE
    while True:
        going = [thread for thread in alive() if sleeping(thread) or _goes_on(thread, is_own)]
        busy = [thread for thread in going if not sleeping(thread) and (not waits(thread) or _is_woken(thread))]
        if not busy or perf_counter() > until:
            return going
        _join(busy[0])


def _join(thread: threading.Thread) -> None:
    """Wait a little for a thread to end."""
    if isinstance(thread, threading._DummyThread):  # noqa: SLF001  cannot be joined
        threading.Event().wait(0.005)
    else:
        thread.join(0.005)


class _Settled(BaseException):
    """Raised in a thread by itself, only to be caught."""


def raise_in(ident: int, error: type[BaseException] | None) -> None:
    """Raise an exception in another thread at its next step; with None, take back one that has not reached it.

    Up to Python 3.12, a thread that does not take its exception, since it waits, leaves a flag set at which every other
    thread stops for ever at its next call of a function if it is traced, as under coverage or in a debugger. The flag
    goes when some thread takes an exception, so this one does, at once. That is one call, between whose parts nothing
    can run.
    """
    others = None if error is None else ctypes.py_object(error)
    idents = [ctypes.c_ulong(ident), ctypes.c_ulong(threading.get_ident())]
    errors = [others, ctypes.py_object(_Settled)]
    interrupt = None
    try:
        try:
            list(map(ctypes.pythonapi.PyThreadState_SetAsyncExc, idents, errors))
            while True:
                pass
        except KeyboardInterrupt as caught:  # which comes first, if it came meanwhile
            interrupt = caught
            while True:
                pass
    except _Settled:
        if interrupt is not None:
            raise interrupt from None


def interrupt(ident: int, error: type[BaseException]) -> None:
    """Raise an exception in another thread, also if it waits for a third one by what `threading` and `queue` have.

    What waits in C code is not woken: `Lock.acquire`, a pipe, a process.
    """
    raise_in(ident, error)
    frame = _frame_of(ident)
    if frame is not None and frame.f_code is threading.Condition.wait.__code__:
        waiter = frame.f_locals.get("waiter")
        with suppress(AttributeError, RuntimeError):  # it does not wait yet, or somebody has woken it
            waiter.release()
    elif frame is not None and frame.f_code in _JOINS:
        end(thread for thread in alive() if thread.ident != ident and not _has_nothing_to_do(thread))


def end(threads: Iterable[threading.Thread]) -> None:
    """End threads, at their next step, without a word of Python about the exception that ends them."""
    asked = [thread for thread in threads if thread.ident is not None]
    for thread in asked:
        _ended.add(thread)
        vars(thread)["_invoke_excepthook"] = lambda *_: None
        interrupt(thread.ident or 0, SystemExit)
    until = perf_counter() + _END
    for thread in asked:
        while not has_ended(thread) and not _has_nothing_to_do(thread) and perf_counter() < until:
            _join(thread)
        if has_ended(thread) or _has_nothing_to_do(thread):  # a pool's thread goes on with the next task
            _ended.discard(thread)
        else:
            _leave_behind(thread)


def _leave_behind(thread: threading.Thread) -> None:
    """Let the process end without waiting for a thread that cannot be ended, such as one that waits for a lock."""
    pools._threads_queues.pop(thread, None)  # type: ignore[attr-defined] # noqa: SLF001  whom `concurrent.futures` joins
    if hasattr(threading, "_shutdown_locks"):  # up to Python 3.12
        with threading._shutdown_locks_lock:  # type: ignore[attr-defined] # noqa: SLF001  whom `threading` joins
            threading._shutdown_locks.discard(thread._tstate_lock)  # type: ignore[attr-defined] # noqa: SLF001


def is_ended() -> bool:
    """Whether this thread was asked to end."""
    return bool(_ended) and threading.current_thread() in _ended


def _has_nothing_to_do(thread: threading.Thread) -> bool:
    frame = _frame_of(thread.ident)
    while frame is not None and frame.f_code in _WAITS:
        if frame.f_code in _NEXT_TASK:
            return True
        frame = frame.f_back
    return False


def _goes_on(thread: threading.Thread, is_own: Callable[[str], bool]) -> bool:
    if isinstance(thread, threading.Timer):
        return not thread.finished.is_set()
    frame = _frame_of(thread.ident)
    if frame is None or frame.f_code.co_filename.endswith(_POOL):
        return _is_woken(thread)
    if not waits(thread) or _is_woken(thread):
        return True
    while frame is not None and not is_own(frame.f_code.co_filename):
        if frame.f_code in _NEXT_TASK:
            return False
        frame = frame.f_back
    return frame is not None
