"""Ends plugin code that takes too much real time, in any thread, whatever it does with alarms of its own.

One thread of the process looks at the time. It interrupts the main thread by a signal that nobody else uses, also
inside a call of C code that signals interrupt, and another thread by an exception at its next step.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the functions of `signal` look each answer up in an enumeration first
import faulthandler
import os
import signal
import threading
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

from sbh_jobkit import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Ring = Callable[[FrameType | None], object]

SIGNAL = getattr(signal, "SIGRTMIN", signal.SIGPROF - 5) + 5
WATCHER = "sbh-watchdog"
_LOOK = 0.1
"""Real seconds between two looks."""
_IDLE = 20
"""Looks without anything to watch after which the thread sleeps."""
_AGAIN = 1.0
"""Seconds until it rings again, for code that swallowed the exception; less would disturb clean-up code."""
_TURN = 50e-6
"""Real seconds for which the interpreter is left to the watching thread when it wants to look."""
_GRACE = 30.0
"""Real seconds beyond a limit after which a process is ended in which no thread gets its turn any more."""
_active: list[Watchdog] = []
_due = inf
"""When the watching thread wants to look next."""
_stuck_log: int | None = None
"""The descriptor to which the line is written at which a process was stuck; None where it is not ended."""
_ends_at = 0.0
"""When it is ended, if nothing puts that off; 0 for never."""
_wake = threading.Event()
_thread: threading.Thread | None = None
_started = threading.Lock()


class Watchdog:
    """Watches one thread: open it around any number of calls, and use `start` and `stop` around each."""

    __slots__ = ("_error", "_ident", "_in_main", "_look", "_raised", "_ring", "_until")

    def __init__(self, ring: Ring, error: type[BaseException], look: Callable[[], object] = lambda: None) -> None:
        """Call `ring` with the frame in which the time was over; it may raise.

        In a thread that is not the main one, `error` is raised by the interpreter. `look` is called now and then.
        """
        self._ring = ring
        self._error = error
        self._look = look
        self._until = 0.0
        self._ident = 0
        self._in_main = False
        self._raised = False

    def __enter__(self) -> None:
        """Begin to watch this thread."""
        self._ident = threading.get_ident()
        self._in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "pthread_kill")
        if self._in_main and _signal.getsignal(SIGNAL) is not _on_signal:
            signal.signal(SIGNAL, _on_signal)
        self._until = 0.0
        _active.append(self)
        if not _wake.is_set():
            _run()
            _wake.set()

    def __exit__(self, *_: object) -> None:
        """Watch it no longer."""
        _active.remove(self)
        if _ends_at and not _active:
            _cancel_end()

    def start(self, seconds: float) -> None:
        """Ring after that many real seconds, and then each second."""
        now = perf_counter()
        self._until = now + seconds
        if _stuck_log is not None and now + seconds + _GRACE > _ends_at:
            _end_later(now, seconds, _stuck_log)
        if now > _due:  # else each call that lets other threads run wakes it for nothing, which costs an eighth
            threading.Event().wait(_TURN)

    def stop(self) -> None:
        """Do not ring; an exception that has not reached the thread yet is taken back."""
        self._until = 0.0
        if self._raised:
            self._raised = False
            threads.raise_in(self._ident, None)

    def check(self, now: float) -> None:
        """Interrupt the thread if its time is over; called by the watching thread."""
        self._look()
        until = self._until
        if not until or now < until:
            return
        self._until = now + _AGAIN
        if self._in_main and _signal.getsignal(SIGNAL) is _on_signal:  # else the job has taken the signal away
            signal.pthread_kill(self._ident, SIGNAL)
        else:
            self._ring(None)
            self._raised = True
            threads.interrupt(self._ident, self._error)

    def rung(self, frame: FrameType | None) -> None:
        """Ring, in the thread itself."""
        if self._until:
            self._ring(frame)


def end_stuck() -> None:
    """End the whole process where a call of C code never lets other threads run, and write its line to standard error.

    Nothing else can end that. A notebook is left alone: who works there can restart the kernel.
    """
    global _stuck_log  # noqa: PLW0603  one for the process
    with suppress(OSError):  # there is no standard error
        _stuck_log = os.dup(2)  # a run captures the other one


def _end_later(now: float, seconds: float, log: int) -> None:
    """Let the process end when a limit is long over; a later run puts it off, by as much at once as costs little."""
    global _ends_at  # noqa: PLW0603  one for the process
    _ends_at = now + seconds + 2 * _GRACE
    faulthandler.dump_traceback_later(seconds + 2 * _GRACE, exit=True, file=log)


def _cancel_end() -> None:
    global _ends_at  # noqa: PLW0603  one for the process
    _ends_at = 0.0
    faulthandler.cancel_dump_traceback_later()


def _on_signal(_: int, frame: FrameType | None) -> None:
    for watchdog in reversed(_active):
        if watchdog._in_main:  # noqa: SLF001  the same module
            watchdog.rung(frame)
            return


def _run() -> None:
    global _thread  # noqa: PLW0603  one thread for the process
    if _thread is not None:
        return
    with _started:
        if _thread is None:
            _thread = threading.Thread(target=_watch, name=WATCHER, daemon=True)
            _thread.start()


def _watch() -> None:
    global _due  # noqa: PLW0603  one thread for the process
    idle = 0
    while _wake.wait():
        _due = perf_counter() + _LOOK
        threading.Event().wait(_LOOK)
        now = perf_counter()
        for watchdog in _active:
            watchdog.check(now)
        idle = 0 if _active else idle + 1
        if idle > _IDLE:  # not at once: between two runs there is often nothing to watch
            idle = 0
            _wake.clear()
            if _active:  # somebody began meanwhile
                _wake.set()


def _forget() -> None:
    """Start again in a process that was forked: the thread is not there."""
    global _thread, _ends_at
    _thread, _ends_at = None, 0.0
    _active.clear()
    _wake.clear()


os.register_at_fork(after_in_child=_forget)
