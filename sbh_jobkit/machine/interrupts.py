"""Tells Ctrl-C, which a person pressed, from a KeyboardInterrupt that a plugin's code raised itself."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the functions of `signal` look each answer up in an enumeration first
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import LimitExceeded

if TYPE_CHECKING:
    from types import FrameType

_came = 0
"""How many interrupts came as a signal."""
_seen = 0
"""How many had come when the latest run began."""
_before: Any = None


class Listening:
    """Notes each signal of Ctrl-C while it is open; what the signal does stays as it is."""

    __slots__ = ("_handler",)

    def __enter__(self) -> Self:
        """Take over the signal; it reaches the main thread only."""
        global _before  # noqa: PLW0603  a process has one handler of the signal
        handler = _signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        self._handler = handler if in_main and callable(handler) and handler is not _note else None
        if self._handler is not None:
            _before = handler
            _signal.signal(signal.SIGINT, _note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signal back, unless someone else has taken it."""
        if self._handler is not None and _signal.getsignal(signal.SIGINT) is _note:
            _signal.signal(signal.SIGINT, self._handler)


def begin() -> None:
    """Forget the signals so far: code of a plugin is called next."""
    global _seen  # noqa: PLW0603  one run at a time
    _seen = _came


def must_pass(error: BaseException) -> bool:
    """Whether an exception that came out of a plugin's code is not its own: Ctrl-C, or a limit."""
    if isinstance(error, KeyboardInterrupt):
        return _came > _seen
    return isinstance(error, LimitExceeded)


def _note(number: int, frame: FrameType | None) -> None:
    global _came  # noqa: PLW0603  a process has one handler of the signal
    _came += 1
    _before(number, frame)
