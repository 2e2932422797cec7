"""The descriptors 1 and 2 of the process, led into memory while a plugin's code runs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from tempfile import TemporaryFile

_spare: list[tuple[int, int]] = []
"""Empty files that no session uses: to make two costs more than a short run."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare.clear)  # a file's position is shared with the process that was forked


class Descriptors:
    """Keeps what is written to the process's standard output and error: `open` and `close` around each run."""

    __slots__ = ("_files", "_led", "_saved", "_stay")

    def __init__(self, *, stay: bool = False) -> None:
        """Keep nothing yet; with `stay`, both lead into memory also between two runs."""
        self._files: tuple[int, int] | None = None
        self._saved: tuple[int, ...] | None = None
        self._stay = stay
        self._led = False

    def __enter__(self) -> None:
        """Remember where both lead, for any number of runs."""
        self._files, self._saved = _spare.pop() if _spare else (_file(), _file()), _copies()

    def __exit__(self, *_: object) -> None:
        """Forget it, and what was written."""
        self._lead_back()
        files, saved = self._files, self._saved
        self._files, self._saved = None, None
        _close(saved or ())
        if files is not None:
            self._give_back(files)

    @staticmethod
    def _give_back(files: tuple[int, int]) -> None:
        for file in files:
            if os.lseek(file, 0, os.SEEK_CUR):
                os.ftruncate(file, 0)
                os.lseek(file, 0, os.SEEK_SET)
        _spare.append(files)

    def open(self) -> None:
        """Lead both to a file in memory."""
        if not self._led and self._saved and self._files:
            _flush()
            self._led = True
            os.dup2(self._files[0], 1)
            os.dup2(self._files[1], 2)

    def close(self) -> None:
        """Lead both to where they led before, unless they stay."""
        _flush()
        if not self._stay:
            self._lead_back()

    def _lead_back(self) -> None:
        if self._led and self._saved:
            os.dup2(self._saved[0], 1)
            os.dup2(self._saved[1], 2)
            self._led = False

    def take(self, most: int) -> tuple[bytes, bytes] | None:
        """Return what was written since the last time, at most so many bytes each; None if that is nothing."""
        if not self._files:
            return None
        out, err = self._files
        written, wrong = os.lseek(out, 0, os.SEEK_CUR), os.lseek(err, 0, os.SEEK_CUR)
        return (_taken(out, min(written, most)), _taken(err, min(wrong, most))) if written or wrong else None

    def shorten(self, most: int) -> None:
        """Drop what was written beyond so many bytes, except for one that shows it."""
        for file in self._files or ():
            with suppress(OSError):
                if os.lseek(file, 0, os.SEEK_CUR) > 16 * most:
                    os.ftruncate(file, most + 1)
                    os.lseek(file, most + 1, os.SEEK_SET)


def _file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("output")
    with TemporaryFile() as file:
        return os.dup(file.fileno())


def _close(files: tuple[int, ...]) -> None:
    for file in files:
        os.close(file)


def _copies() -> tuple[int, ...]:
    """Return copies of both descriptors; none where the process has no such output."""
    try:
        first = os.dup(1)
    except OSError:
        return ()
    try:
        return first, os.dup(2)
    except OSError:
        os.close(first)
        return ()


def _taken(file: int, size: int) -> bytes:
    data = os.pread(file, size, 0)
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return data


def _flush() -> None:
    try:
        sys.__stdout__.flush()  # type: ignore[union-attr] # None is an AttributeError
        sys.__stderr__.flush()  # type: ignore[union-attr] # as above
    except (AttributeError, OSError, ValueError):  # there is none, its reader has gone, or it is closed
        return
