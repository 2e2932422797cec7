"""Captures what a run prints and logs, so that it goes into the run and not to the terminal.

Whatever writes to the descriptors 1 and 2 past Python's streams is captured, too: `os.write`, code in C, a process that
the job starts, and a stream that was kept from before.
"""

from __future__ import annotations

import io
import logging
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sbh_jobkit.machine.descriptors import Descriptors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.run.redaction import Redactor

_MOST_CHARACTERS = 1_000_000
_MOST_LINES = 10_000
_CUT = f"\n… cut after {_MOST_CHARACTERS:,} characters\n"
_HTTP_LIBRARIES = ("httpx", "httpcore", "httpx2", "httpcore2")
"""Their log lines repeat the run's HTTP calls."""


class Output(NamedTuple):
    """What one run wrote."""

    stdout: str
    stderr: str
    logs: tuple[str, ...]


_NOTHING = Output("", "", ())


def redacted(text: str, redactor: Redactor) -> str:
    """Return captured text with names in place of secrets' values, also of one that was cut at the end."""
    if not text.endswith(_CUT):
        return redactor.text(text)
    return redactor.beginning(text.removesuffix(_CUT)) + _CUT


def is_capturing() -> bool:
    """Whether what is logged now goes into a run."""
    return any(isinstance(handler, LogLines) for handler in logging.root.handlers)


class Capture:
    """Captures standard output, standard error and the root logger from level INFO: open it around each run."""

    __slots__ = ("_before", "_descriptors", "_err", "_lines", "_out")

    def __init__(self, *, alone: bool = False) -> None:
        """Start empty.

        `alone` says that nobody else's code runs between two runs: then the descriptors are led away until the end.
        """
        self._out, self._err = BoundedText(1), BoundedText(2)
        self._lines = LogLines()
        self._descriptors = Descriptors(stay=alone)
        self._before: tuple[Any, Any, list[logging.Handler]] | None = None

    def watch(self, printed: Callable[[str], object] | None, logged: Callable[[str], object] | None) -> None:
        """Call `printed` with each text, and `logged` with each line, while it is being written."""
        self._out.watch = self._err.watch = printed
        self._lines.sink = logged

    def __enter__(self) -> Self:
        """Start capturing."""
        root = logging.root
        self._before = (sys.stdout, sys.stderr, root.handlers)
        self._descriptors.open()
        sys.stdout, sys.stderr, root.handlers = self._out, self._err, [self._lines]
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the streams and the logger's handlers."""
        if self._before is not None:
            sys.stdout, sys.stderr, logging.root.handlers = self._before
            self._descriptors.close()
            self._before = None

    def begin(self) -> None:
        """Get ready for any number of runs."""
        self._descriptors.__enter__()

    def end(self) -> None:
        """Finish with them; what Ctrl-C has kept from being restored is restored now."""
        self.__exit__()
        self._descriptors.__exit__()

    def look(self) -> None:
        """Keep what is written to the descriptors from filling the memory; another thread may call it."""
        self._descriptors.shorten(_MOST_CHARACTERS)

    def take(self) -> Output:
        """Return what was written since the last time."""
        past = self._descriptors.take(4 * _MOST_CHARACTERS)
        for stream, data in zip((self._out, self._err), past, strict=True) if past is not None else ():
            stream.watch = None
            stream.write(data.decode("utf-8", "replace"))
        lines = self._lines.lines
        if self._out.room == self._err.room == _MOST_CHARACTERS and not lines:
            return _NOTHING
        written = Output(self._out.getvalue(), self._err.getvalue(), tuple(lines))
        if written.stdout:
            self._out = BoundedText(1)
        if written.stderr:
            self._err = BoundedText(2)
        lines.clear()
        return written


class BoundedText(StringIO):
    """Text up to a limit, so that a job that prints without end does not fill the memory."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Start empty; `descriptor` is what `fileno()` returns, for processes that get this as their output."""
        super().__init__()
        self.room = _MOST_CHARACTERS
        """How many characters more are kept; below 0 where text was cut."""
        self._descriptor = descriptor
        self.watch: Callable[[str], object] | None = None
        """Called with each text that is written."""
        self.buffer = _Bytes(self)  # type: ignore[misc,assignment] # what it is for streams of files

    @property
    def is_full(self) -> bool:
        """Whether text was cut, so that no more is kept."""
        return self.room < 0

    def write(self, text: str) -> int:
        """Keep the text as far as there is room."""
        if self.watch is not None:
            self.watch(text)
        if len(text) <= self.room:
            self.room -= len(text)
            return super().write(text)
        if self.room >= 0:
            super().write(f"{text[: self.room]}{_CUT}")
            self.room = -1
        return len(text)

    def fileno(self) -> int:
        """Return the descriptor that is captured with it."""
        if self._descriptor is None:
            return super().fileno()
        return self._descriptor

    def close(self) -> None:
        """Stay open: the text is read after the run."""


class _Bytes(io.BufferedIOBase):
    """`sys.stdout.buffer`, for code that prints bytes."""

    def __init__(self, text: BoundedText) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._text.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


class LogLines(logging.Handler):
    """Log lines up to a limit."""

    def __init__(self, sink: Callable[[str], object] | None = None) -> None:
        """Start empty; `sink` is called with each line as it is logged."""
        super().__init__()
        self.sink = sink
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        if record.name.partition(".")[0] in _HTTP_LIBRARIES or len(self.lines) > _MOST_LINES:
            return
        if len(self.lines) == _MOST_LINES:
            self.lines.append(f"… cut after {_MOST_LINES:,} lines")
            return
        try:
            self.lines.append(self.format(record))
            if self.sink is not None:
                self.sink(self.lines[-1])
        except Exception:  # noqa: BLE001  logging's own convention: a wrong log call does not stop the program
            self.handleError(record)
