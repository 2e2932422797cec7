"""Captures what a run prints and logs, so that it goes into the run and not to the terminal."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_CHARACTERS = 1_000_000
_MOST_LINES = 10_000
_HTTP_LIBRARIES = ("httpx", "httpcore")
"""Their log lines repeat the run's HTTP calls."""


class Output(NamedTuple):
    """What one run wrote."""

    stdout: str
    stderr: str
    logs: tuple[str, ...]


class Capture:
    """Captures standard output, standard error and the root logger from level INFO: open it around each run."""

    __slots__ = ("_err", "_lines", "_out", "_restore")

    def __init__(self) -> None:
        """Start empty."""
        self._out, self._err = BoundedText(), BoundedText()
        self._lines = LogLines()
        self._restore: Callable[[], None]

    def __enter__(self) -> Self:
        """Start capturing."""
        root = logging.getLogger()
        before = (sys.stdout, sys.stderr, root.handlers)

        def restore() -> None:
            sys.stdout, sys.stderr, root.handlers = before

        self._restore = restore
        sys.stdout, sys.stderr, root.handlers = self._out, self._err, [self._lines]
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the streams and the logger's handlers."""
        self._restore()

    def take(self) -> Output:
        """Return what was written since the last time."""
        out, err, lines = self._out.getvalue(), self._err.getvalue(), tuple(self._lines.lines)
        if out:
            self._out = BoundedText()
        if err:
            self._err = BoundedText()
        if lines:
            self._lines.lines.clear()
        return Output(out, err, lines)


class BoundedText(StringIO):
    """Text up to a limit, so that a job that prints without end does not fill the memory."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._room = _MOST_CHARACTERS

    @property
    def is_full(self) -> bool:
        """Whether text was cut, so that no more is kept."""
        return self._room < 0

    def write(self, text: str) -> int:
        """Keep the text as far as there is room."""
        if len(text) <= self._room:
            self._room -= len(text)
            return super().write(text)
        if self._room >= 0:
            super().write(f"{text[: self._room]}\n… cut after {_MOST_CHARACTERS:,} characters\n")
            self._room = -1
        return len(text)

    def close(self) -> None:
        """Stay open: the text is read after the run."""


class LogLines(logging.Handler):
    """Log lines up to a limit."""

    def __init__(self, sink: Callable[[str], object] | None = None) -> None:
        """Start empty; `sink` is called with each line as it is logged."""
        super().__init__()
        self._sink = sink
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
            if self._sink is not None:
                self._sink(self.lines[-1])
        except Exception:  # noqa: BLE001  logging's own convention: a wrong log call does not stop the program
            self.handleError(record)
