"""The import of a plugin's file or of `world.py`: in virtual time, within a limit, without network and without output.

What a module does when it is imported is in no run. So it is reported with the module's line instead.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import TimeLimitExceeded
from sbh_jobkit.machine import handlers, interrupts
from sbh_jobkit.machine.descriptors import Descriptors
from sbh_jobkit.machine.guard import Guard
from sbh_jobkit.machine.interpreter import Interpreter
from sbh_jobkit.machine.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from types import FrameType
    from zoneinfo import ZoneInfo

    Note = Callable[[str], None]

SECONDS = 5.0
"""The limit of an import, in real and in virtual time."""
_AGAIN = 1.0
_MOST = 1_000


class Importing:
    """Open it around the import of one module, and look afterwards at how it went."""

    def __init__(self, root: Path, at: datetime, zone: ZoneInfo, note: Note) -> None:
        """Import at a virtual time; `note` is called with what the module does, in the moment in which it does it."""
        self._root = root
        self._note = note
        self._clock = _Clock(at, zone, note)
        self._undo = ExitStack()
        self._descriptors = Descriptors()
        self._streams = (LateStream("stdout", self._written), LateStream("stderr", self._written))
        self._guard = Guard(self._clock)

    @property
    def failed(self) -> BaseException | None:
        """The end of the import, if the module has swallowed its exception."""
        if self._clock.expired is not None:
            return TimeLimitExceeded()
        return SystemExit(self._guard.ended) if self._guard.ended is not None else None

    def __enter__(self) -> Self:
        """Begin."""
        undo = self._undo
        undo.enter_context(self._clock)
        undo.enter_context(interrupts.Listening())
        undo.enter_context(self._descriptors)
        interrupts.begin()
        self._clock.deadline = self._clock.epoch + SECONDS
        undo.enter_context(Interpreter())
        undo.callback(self._restore, (sys.stdout, sys.stderr))
        undo.callback(self._note_printed)
        self._descriptors.open()
        undo.callback(self._descriptors.close)
        sys.stdout, sys.stderr = self._streams
        watchdog = Watchdog(self._ring, TimeLimitExceeded)
        undo.enter_context(watchdog)
        undo.callback(watchdog.stop)
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            undo.callback(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, self._alarm))
            undo.callback(signal.setitimer, signal.ITIMER_REAL, *signal.setitimer(signal.ITIMER_REAL, SECONDS, _AGAIN))
            watchdog.start(SECONDS + 1.5 * _AGAIN)  # for a module that takes the alarm away
        else:
            watchdog.start(SECONDS)
        undo.enter_context(self._guard.watch(self._fault, self._root, note=self._changed))
        undo.callback(handlers.keep)
        return self

    def _note_printed(self) -> None:
        """Note what the module has printed past Python's streams."""
        if self._descriptors.take(_MOST) is not None:
            self._note("prints when it is imported")

    def __exit__(self, *_: object) -> None:
        """End."""
        self._undo.close()
        for stream in self._streams:
            stream.noted = None

    @staticmethod
    def _restore(streams: tuple[Any, Any]) -> None:
        """Give back the streams."""
        sys.stdout, sys.stderr = streams

    def _written(self, text: str) -> None:
        if text.strip():
            self._note("prints when it is imported")

    def _fault(self, kind: str, member: str, message: str, advice: str, place: str | None = None) -> None:
        del member, advice, place
        if kind != "network" or "loads" not in message:  # a module that is loaded counts in each run
            self._note(f"{message.removeprefix('the job ')} when it is imported")

    def _changed(self, _: str, what: str) -> None:
        self._note(f"changes {what} of the whole process when it is imported")

    def _ring(self, frame: FrameType | None) -> None:
        self._clock.expired = "real time"
        if frame is not None:  # in the thread itself
            raise TimeLimitExceeded

    def _alarm(self, _: int, frame: FrameType | None) -> None:
        self._ring(frame)


class _Clock(VirtualClock):
    """Notes who sleeps."""

    def __init__(self, at: datetime, zone: ZoneInfo, note: Note) -> None:
        super().__init__(at, zone)
        self._noted = note

    def wait(self, seconds: float, ready: Callable[[], object] = lambda: None) -> None:
        self._noted("sleeps when it is imported")
        super().wait(seconds, ready)


class LateStream(io.TextIOBase):
    """Standard output or error during an import; what keeps it for later, as a handler of a logger does, finds a run's.

    It writes to the stream that the process has at the time.
    """

    def __init__(self, name: str, noted: Callable[[str], None]) -> None:
        """Take the name in `sys`; `noted` is called with each text during the import, in place of writing it."""
        self._name = name
        self.noted: Callable[[str], None] | None = noted

    @property
    def _now(self) -> Any:
        stream = getattr(sys, self._name)
        return getattr(sys, f"__{self._name}__") if stream is self else stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # an attribute of streams of files
        """The encoding of texts."""
        return "utf-8"

    @property
    def buffer(self) -> Any:
        """What takes bytes."""
        return self._now.buffer

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Note a text, or write it where output goes now."""
        if self.noted is not None:
            self.noted(text)
            return len(text)
        return int(self._now.write(text))

    def flush(self) -> None:
        """Flush the stream that the process has now."""
        if self.noted is None:
            self._now.flush()

    def fileno(self) -> int:
        """Return the descriptor of the stream that the process has now."""
        return int(self._now.fileno()) if self.noted is None else {"stdout": 1, "stderr": 2}[self._name]
