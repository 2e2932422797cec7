"""Folders of plugins: which files belong to one, what names its content, and who uses it.

Several processes may use a folder. Each locks what it uses, and what nobody uses can be removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.engines.instants import now
from sbh_jobkit.errors import JobkitError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES, MOST_FILES = 100 << 20, 10_000
"""The largest folder that is copied."""
_LEFT_OUT = {"__pycache__", "node_modules"}
YOUNG = 60.0
"""Seconds for which a folder is spared that nobody has locked: it may just be made."""


class CannotCopy(JobkitError):  # noqa: N818  what is the matter, not an error of the program
    """A plugin's folder that is too large, or cannot be read."""


def require_folder(path: Path, option: str) -> None:
    """Raise SettingsError for what is not a folder, and cannot become one; the option names another one."""
    found = next((each for each in (path, *path.parents) if os.path.lexists(each)), path)
    if not found.is_dir():
        where = "" if found == path else f", since {str(found)!r} is not one"
        msg = f"{str(path)!r} is not a folder{where}; name a folder with {option}"
        raise SettingsError(msg)


def plugin_files(root: Path, belongs: Callable[[Path], bool] = lambda _: True) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder by their relative names, except for hidden ones, and what Python and node make.

    `belongs` leaves out more files and folders. It ends soon after the limit, since links may go round in circles.
    """
    found = 0
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        folders[:] = [each for each in folders if each not in _LEFT_OUT and each[0] != "." and belongs(here / each)]
        for name in names:
            path = here / name
            if name[0] != "." and not name.endswith(".pyc") and belongs(path) and path.is_file():
                found += 1
                yield path.relative_to(root).as_posix(), path
        if found > MOST_FILES:
            return


def require_small(source: Path, size: int, number: int) -> None:
    """Raise CannotCopy for more bytes, or more files, than a plugin's folder may have."""
    files = f"{MOST_FILES:,} files"
    if number <= MOST_FILES and size <= MOST_BYTES:
        return
    most = files if number > MOST_FILES else f"{MOST_BYTES >> 20} MB or {files}"
    msg = f"{source}: the plugin's folder has more than {most}, so it cannot be copied; move what is not the plugin's"
    msg += " out of it"
    raise CannotCopy(msg)


def digest_entry(name: str, data: bytes) -> bytes:
    """Return what one file adds to the digest of its folder."""
    return b"%d %d " % (len(name.encode()), len(data)) + name.encode() + data


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
