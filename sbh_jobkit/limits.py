"""The limit on a run's real time, for loops that no virtual clock can end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sbh_jobkit.errors import TimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def real_time(seconds: float) -> Iterator[None]:
    """Raise TimeLimitExceeded in the code inside when it takes longer; in the main thread, where signals arrive."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    handler = signal.signal(signal.SIGALRM, _expired)
    earlier, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, earlier, interval)
        signal.signal(signal.SIGALRM, handler)


def _expired(number: int, frame: FrameType | None) -> None:
    del number, frame
    msg = "real time"
    raise TimeLimitExceeded(msg)
