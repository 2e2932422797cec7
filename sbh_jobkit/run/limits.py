"""Limits on the real resources of a run: its time, for loops that no virtual clock ends, and its memory."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the functions of `signal` look each answer up in an enumeration first
import signal
import threading
import tracemalloc
from asyncio import BaseEventLoop, Handle
from inspect import CO_COROUTINE
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded, WorldError
from sbh_jobkit.machine import handlers
from sbh_jobkit.machine.watchdog import WATCHER, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from sbh_jobkit.clock import VirtualClock

_ALARM, _REAL = int(signal.SIGALRM), int(signal.ITIMER_REAL)
_STEP = Handle._run.__code__  # noqa: SLF001  a frame is known by its code, and this one has no public name
_LOOP = BaseEventLoop._run_once.__code__  # type: ignore[attr-defined] # noqa: SLF001  as above
_REAL_TIME = "real time: an endless loop, or a wait that virtual time does not shorten"
_AGAIN = 1.0
"""Seconds until the alarm rings again, for code that swallowed it; less would disturb clean-up code."""
_SOON = 0.05
_AT_ONCE = 1e-6
_OWN_ALARM = "an alarm that the job has set rang, and nothing handles it"
_LOOK = 0.02
"""Seconds of processor time between two looks at the memory."""
_MB = 1 << 20
_LONGEST_LIMIT = 365 * 86_400


class RealTime:
    """Limits real time: open it around any number of runs, and call `start` and `stop` around each.

    An alarm ends a run in the main thread, also inside C code. The watchdog is for other threads, and for a job that
    uses the alarm itself.
    """

    __slots__ = ("_clock", "_handler", "_in_main", "_ours", "_pending", "_until", "_watchdog")

    def __init__(self, clock: VirtualClock, look: Callable[[], object]) -> None:
        """Set `clock.expired` when the time is over; `look` is called now and then, in another thread."""
        self._clock = clock
        self._watchdog = Watchdog(self._ring, TimeLimitExceeded, look)
        self._in_main = False
        self._until = 0.0
        self._handler: Any = None
        self._pending: tuple[float, float] | None = None
        self._ours = self._alarm

    def __enter__(self) -> Self:
        """Begin to watch this thread; an alarm that someone else has set is kept for later."""
        self._watchdog.__enter__()
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._pending = None
            self._handler = _signal.signal(_ALARM, self._ours)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the alarm signal back."""
        if self._in_main:
            if self._pending is not None:
                _signal.setitimer(_REAL, 0)  # before the handler, whose default ends the process
            _signal.signal(_ALARM, self._handler)
            if self._pending is not None and any(self._pending):
                _signal.setitimer(_REAL, *self._pending)
        self._watchdog.__exit__()

    def start(self, seconds: float) -> None:
        """Raise TimeLimitExceeded in this thread after that many real seconds, and then each second."""
        self._until = perf_counter() + seconds
        if self._in_main:
            if self._pending is None:  # before the alarm is set: it may ring at once
                self._pending = _signal.getitimer(_REAL)
            _signal.setitimer(_REAL, seconds, _AGAIN)
            self._watchdog.start(seconds + 1.5 * _AGAIN)
        else:
            self._watchdog.start(seconds)

    def stop(self) -> None:
        """Stop, and take away what the job has made of the alarm signal; one that still comes does nothing."""
        self._until = 0.0
        if self._in_main:
            if handlers.taken or handlers.alarms:
                handlers.restore()
            if _signal.getsignal(_ALARM) is not self._ours:
                _signal.signal(_ALARM, self._ours)
        self._watchdog.stop()

    def _ring(self, frame: FrameType | None) -> None:
        self._clock.expired = _REAL_TIME
        if threading.current_thread().name != WATCHER and not between_tasks(frame):
            raise TimeLimitExceeded(self._clock.expired)

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        del number
        if not self._until:
            if self._pending is None:  # it is somebody else's, and rang before the first run
                self._pending = _AT_ONCE, _signal.getitimer(_REAL)[1]
            return
        if perf_counter() < self._until - _SOON:
            self._clock.expired = _OWN_ALARM
            raise TimeLimitExceeded(self._clock.expired)
        self._ring(frame)


class RealMemory:
    """Measures what Python allocates in one run: open it around the call of a job.

    It looks by signals while the run goes on; in another thread it only looks at the peak, at the end.
    """

    __slots__ = ("_began", "_ends", "_handler", "_limit", "_works", "passed")
    _base = 0

    def __init__(self, limit_mb: float, *, ends: bool = True) -> None:
        """Raise MemoryLimitExceeded in a run that allocates more; with `ends=False` only note it in `passed`."""
        self._limit = limit_mb * _MB
        self._ends = ends
        self._works = False
        self._began = False
        self._handler: Any = None
        self.passed = False
        """Whether the run exceeded the limit, also if the job swallowed the exception."""

    @property
    def ended(self) -> bool:
        """Whether the limit ended the run."""
        return self._ends and self.passed

    @classmethod
    def used_mb(cls) -> float:
        """Return how many MB the run has now; 0 where nothing is measured."""
        return max(0, tracemalloc.get_traced_memory()[0] - cls._base) / _MB if tracemalloc.is_tracing() else 0.0

    def __enter__(self) -> Self:
        """Start to measure, also if tracemalloc runs already."""
        self._began = not tracemalloc.is_tracing()
        if self._began:
            tracemalloc.start()
        tracemalloc.reset_peak()
        RealMemory._base = tracemalloc.get_traced_memory()[0]
        self._works = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._works:
            self._handler = signal.signal(signal.SIGVTALRM, self._look)
            signal.setitimer(signal.ITIMER_VIRTUAL, _LOOK, _LOOK)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and check the peak."""
        if self._works:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, self._handler)
        self.passed = self.passed or tracemalloc.get_traced_memory()[1] - self._base > self._limit
        if self._began:
            tracemalloc.stop()

    def _look(self, number: int, frame: FrameType | None) -> None:
        del number
        if tracemalloc.get_traced_memory()[0] - self._base > self._limit:
            self.passed = True
            if self._ends and not between_tasks(frame):
                raise MemoryLimitExceeded


def check_time_limit(seconds: float) -> float:
    """Return a time limit in seconds as a float; raises WorldError if it is not a number above 0."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < inf:
        msg = f"time_limit must be a number of seconds above 0, got {seconds!r}"
        raise WorldError(msg)
    if seconds > _LONGEST_LIMIT:
        msg = f"time_limit must be at most a year, which is {_LONGEST_LIMIT:,} seconds, got {seconds!r}"
        raise WorldError(msg)
    return float(seconds)


def between_tasks(frame: FrameType | None) -> bool:
    """Whether a frame is in the event loop itself and not in a task: an exception raised there would be lost.

    `Handle._run` calls each step of a task; the first frame inside it is the task's coroutine, or it is the loop's.
    """
    inner = None
    while frame is not None and frame.f_code is not _LOOP:
        if frame.f_code is _STEP:
            return inner is None or not inner.f_code.co_flags & CO_COROUTINE
        inner, frame = frame, frame.f_back
    return frame is not None
