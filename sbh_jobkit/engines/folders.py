"""Folders of plugins that several processes may use: each locks what it uses, and what nobody uses can be removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from sbh_jobkit.engines.instants import now

if TYPE_CHECKING:
    from pathlib import Path

YOUNG = 60.0
"""Seconds for which a folder is spared that nobody has locked: it may just be made."""


class FolderLocks:
    """The folders that this process uses."""

    def __init__(self) -> None:
        """Use none."""
        self._locks: list[tuple[Path, int]] = []
        self._changing = threading.Lock()

    def lock(self, folder: Path) -> None:
        """Use a folder; raises FileNotFoundError."""
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        with self._changing:
            self._locks.append((folder, lock))

    def release(self, folder: Path) -> None:
        """Use a folder no more, however often it was locked."""
        with self._changing:  # a descriptor that two threads close may meanwhile be somebody else's
            mine = [lock for path, lock in self._locks if path == folder]
            self._locks = [(path, lock) for path, lock in self._locks if path != folder]
        for lock in mine:
            os.close(lock)

    def close(self) -> None:
        """Use nothing any more."""
        for folder in {path for path, _ in self._locks}:
            self.release(folder)


def remove_unused(folder: Path) -> None:
    """Remove a folder that no process uses, unless it is young."""
    with suppress(OSError):  # somebody uses it, or removes it, too
        if now() - folder.stat().st_mtime < YOUNG:
            return
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
