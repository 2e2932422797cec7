"""The limit on a run's real time, for loops that no virtual clock can end."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import TimeLimitExceeded

if TYPE_CHECKING:
    from types import FrameType


class RealTime:
    """Open around a session of runs; `start` and `stop` around each.

    It works by signals, which arrive in the main thread only: elsewhere it does nothing.
    """

    __slots__ = ("_handler", "_pending", "_works")

    def __init__(self) -> None:
        """See whether signals arrive here."""
        self._works = False
        self._handler: Any = None
        self._pending = (0.0, 0.0)

    def __enter__(self) -> Self:
        """Listen for the alarm; another's alarm is kept for later."""
        self._works = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._works:
            self._pending = signal.setitimer(signal.ITIMER_REAL, 0)
            self._handler = signal.signal(signal.SIGALRM, _expired)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        if self._works:
            signal.signal(signal.SIGALRM, self._handler)
            signal.setitimer(signal.ITIMER_REAL, *self._pending)

    def start(self, seconds: float) -> None:
        """Raise TimeLimitExceeded in this thread after so many real seconds."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> None:
        """Raise nothing any more."""
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _expired(number: int, frame: FrameType | None) -> None:
    del number, frame
    msg = "real time"
    raise TimeLimitExceeded(msg)
