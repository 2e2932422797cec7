"""What a run prints and logs goes into the run, not to the terminal."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import Self

_MOST_CHARACTERS = 1_000_000
_MOST_LINES = 10_000
_HTTP_LIBRARIES = ("httpx", "httpcore")
"""Their log repeats what the run's HTTP calls already tell."""


class Capture:
    """Open around one run: standard output, standard error and the root logger from level INFO."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.out = _Tape()
        self.err = _Tape()
        self.logs = _Lines()

    def __enter__(self) -> Self:
        """Take over."""
        root = logging.getLogger()
        self._restore = (sys.stdout, sys.stderr, root.handlers, root.level)
        sys.stdout, sys.stderr = self.out, self.err
        root.handlers = [self.logs]
        if not root.isEnabledFor(logging.INFO):
            root.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        """Give back."""
        root = logging.getLogger()
        sys.stdout, sys.stderr, root.handlers, level = self._restore
        if root.level != level:
            root.setLevel(level)


class _Tape(StringIO):
    """Text up to a bound, so that a job that prints for ever does not take the machine with it."""

    def __init__(self) -> None:
        super().__init__()
        self._room = _MOST_CHARACTERS

    def write(self, text: str) -> int:
        if self._room > 0:
            super().write(text[: self._room])
            if len(text) > self._room:
                super().write(f"\n… cut after {_MOST_CHARACTERS:,} characters\n")
            self._room -= len(text)
        return len(text)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _HTTP_LIBRARIES or len(self.lines) >= _MOST_LINES:
            return
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")
