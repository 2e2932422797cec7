"""Limits on the real resources of a run: its time, for loops that no virtual clock ends, and its memory."""

from __future__ import annotations

import signal
import threading
import tracemalloc
from asyncio import BaseEventLoop, Handle
from inspect import CO_COROUTINE
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded

if TYPE_CHECKING:
    from types import FrameType

    from sbh_jobkit.clock import VirtualClock

_STEP = Handle._run.__code__  # noqa: SLF001  a frame is known by its code, and this one has no public name
_LOOP = BaseEventLoop._run_once.__code__  # type: ignore[attr-defined] # noqa: SLF001  as above
_REAL_TIME = "real time: an endless loop, or a wait that virtual time does not shorten"
_AGAIN = 1.0
"""Seconds until the alarm rings again, for code that swallowed it; less would disturb clean-up code."""


_LOOK = 0.02
"""Seconds of processor time between two looks at the memory."""
_MB = 1 << 20


class RealTime:
    """Limits real time: open it around any number of runs, and call `start` and `stop` around each.

    It works by signals, which only reach the main thread: in another thread it does nothing.
    """

    __slots__ = ("_clock", "_handler", "_pending", "_works")

    def __init__(self, clock: VirtualClock) -> None:
        """Set `clock.expired` when the time is over."""
        self._clock = clock
        self._works = False
        self._handler: Any = None
        self._pending = (0.0, 0.0)

    def __enter__(self) -> Self:
        """Take over the alarm signal; an alarm that someone else has set is kept for later."""
        self._works = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._works:
            self._pending = signal.setitimer(signal.ITIMER_REAL, 0)
            self._handler = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the alarm signal back."""
        if self._works:
            signal.signal(signal.SIGALRM, self._handler)
            signal.setitimer(signal.ITIMER_REAL, *self._pending)

    def start(self, seconds: float) -> None:
        """Raise TimeLimitExceeded in this thread after that many real seconds."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)

    def stop(self) -> None:
        """Stop the alarm."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number
        self._clock.expired = _REAL_TIME
        if not between_tasks(frame):
            raise TimeLimitExceeded(self._clock.expired)


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
