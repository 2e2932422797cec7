"""The limits on what is real in a run: its time, for loops that no virtual clock can end, and its memory."""

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
"""Seconds until the alarm rings again, for code that did not hear it; less would disturb the cleaning up."""


_LOOK = 0.02
"""Seconds of the processor's time between two looks at how much memory a run has."""
_MB = 1 << 20


class RealTime:
    """Open around a session of runs; `start` and `stop` around each.

    It works by signals, which arrive in the main thread only: elsewhere it does nothing.
    """

    __slots__ = ("_clock", "_handler", "_pending", "_works")

    def __init__(self, clock: VirtualClock) -> None:
        """Tell the clock when time has run out, too."""
        self._clock = clock
        self._works = False
        self._handler: Any = None
        self._pending = (0.0, 0.0)

    def __enter__(self) -> Self:
        """Listen for the alarm; another's alarm is kept for later."""
        self._works = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._works:
            self._pending = signal.setitimer(signal.ITIMER_REAL, 0)
            self._handler = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        if self._works:
            signal.signal(signal.SIGALRM, self._handler)
            signal.setitimer(signal.ITIMER_REAL, *self._pending)

    def start(self, seconds: float) -> None:
        """Raise TimeLimitExceeded in this thread after so many real seconds."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)

    def stop(self) -> None:
        """Raise nothing any more."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number
        self._clock.expired = _REAL_TIME
        if not _between_tasks(frame):
            raise TimeLimitExceeded(self._clock.expired)


class RealMemory:
    """What Python allocates in one run: `with` it around the call of a job.

    It works by signals, too, while the run goes on: in another thread only the peak is looked at, at the end.
    """

    __slots__ = ("_began", "_ends", "_handler", "_limit", "_works", "passed")
    _base = 0

    def __init__(self, limit_mb: float, *, ends: bool = True) -> None:
        """Raise MemoryLimitExceeded within the run when it has allocated more, unless passing the limit ends none."""
        self._limit = limit_mb * _MB
        self._ends = ends
        self._works = False
        self._began = False
        self._handler: Any = None
        self.passed = False
        """Whether the run passed the limit; whoever swallowed the exception, it stays."""

    @property
    def ended(self) -> bool:
        """Whether the run passed the limit, and that ends it."""
        return self._ends and self.passed

    @classmethod
    def used_mb(cls) -> float:
        """Return how much the run has now; 0 outside of one that is measured."""
        return max(0, tracemalloc.get_traced_memory()[0] - cls._base) / _MB if tracemalloc.is_tracing() else 0.0

    def __enter__(self) -> Self:
        """Begin to count, also where someone else is tracing already."""
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
        """Stop counting, and see whether the peak was too high."""
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
            if self._ends and not _between_tasks(frame):
                raise MemoryLimitExceeded


def _between_tasks(frame: FrameType | None) -> bool:
    """Whether an event loop is at work at a frame, and no task's own code: what is raised there gets lost with a task.

    A step of a task is called by `Handle._run`; what runs there first is the task's coroutine, or it is the loop's.
    """
    inner = None
    while frame is not None and frame.f_code is not _LOOP:
        if frame.f_code is _STEP:
            return inner is None or not inner.f_code.co_flags & CO_COROUTINE
        inner, frame = frame, frame.f_back
    return frame is not None
