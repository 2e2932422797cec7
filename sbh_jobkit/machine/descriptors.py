"""The descriptors 1 and 2 of the process, led into memory while a plugin's code runs.

Code can open the same file again, as `/dev/stdout` or `/proc/self/fd/1`, with a position of its own. So what was
written is measured by the size of the file, and both descriptors append. A pipe would keep the order, too, but a job
that writes more than it holds would wait for a reader in its own process. One thing is lost: what a run has written to
the descriptors before it opens the file again with "w", which empties every file.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from tempfile import TemporaryFile

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_spare: list[tuple[int, int]] = []
"""Empty files that no session uses: to make two costs more than a short run."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare.clear)  # a file is shared with the process that was forked


class Descriptors:
    """Keeps what is written to the process's standard output and error: `open` and `close` around each run."""

    __slots__ = ("_files", "_led", "_lock", "_saved", "_stay")

    def __init__(self, *, stay: bool = False) -> None:
        """Keep nothing yet; with `stay`, both lead into memory also between two runs."""
        self._files: tuple[int, int] | None = None
        self._saved: tuple[int, ...] | None = None
        self._stay = stay
        self._led = False
        self._lock = threading.Lock()
        """Two threads must not shorten a file at once: the second would lengthen it."""

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
            _empty(file)
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
        if not _size(out) and not _size(err):
            return None
        with self._lock:
            return _taken(out, most), _taken(err, most)

    def shorten(self, most: int) -> None:
        """Drop what was written beyond so many bytes, except for one that shows it."""
        for file in self._files or ():
            with self._lock, suppress(OSError):
                if _size(file) > 16 * most:
                    os.ftruncate(file, _begin(file) + most + 1)


def lead_away() -> None:
    """Lead both to nowhere until the process ends: what a plugin's objects print while Python ends is of no run."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, its reader has gone, or it is closed
            stream.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _file() -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("output")
    else:
        with TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    if fcntl is not None:
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


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


def _taken(file: int, most: int) -> bytes:
    """Return what a file has, at most so many bytes, and empty it."""
    parts: list[bytes] = []
    at = _begin(file)
    while most > 0 and (data := os.pread(file, most, at)):  # until nothing more comes from another process
        parts.append(data)
        at += len(data)
        most -= len(data)
    _empty(file)
    return b"".join(parts).lstrip(b"\0")


def _size(file: int) -> int:
    return os.lseek(file, 0, os.SEEK_END)  # fstat takes three times as long; where a file appends, nothing is moved


def _begin(file: int) -> int:
    """Return where the data begins: after a hole, if a file that was opened again has written behind the end."""
    try:
        return os.lseek(file, 0, os.SEEK_DATA)
    except (AttributeError, OSError):  # the system does not know holes, or there is nothing
        return 0


def _empty(file: int) -> None:
    if _size(file):
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)  # where it cannot append


def _flush() -> None:
    try:
        sys.__stdout__.flush()  # type: ignore[union-attr] # None is an AttributeError
        sys.__stderr__.flush()  # type: ignore[union-attr] # as above
    except (AttributeError, OSError, ValueError):  # there is none, its reader has gone, or it is closed
        return
