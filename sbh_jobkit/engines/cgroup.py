"""A control group for one run, in which the kernel keeps the memory limit too; only where one is delegated.

Delegated means that this process may make groups: below its own group (version 1), or beside it, where the parent
hands the memory controller down (version 2, as systemd arranges it by `Delegate=memory` and `DelegateSubgroup=`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

_MB = 1 << 20
_NAME = "sbh-run-"
_ROOM = 1.25
"""The kernel's limit, as a multiple of the run's: what is looked at from outside names the limit that was passed."""


class Files(NamedTuple):
    """The files of one version of control groups."""

    limit: str
    events: str
    used: str


class Place(NamedTuple):
    """Where groups may be made."""

    folder: Path
    files: Files


V1 = Files("memory.limit_in_bytes", "memory.oom_control", "memory.usage_in_bytes")
V2 = Files("memory.max", "memory.events", "memory.current")


class Group:
    """The group of one run."""

    def __init__(self, folder: Path, files: Files) -> None:
        """Use a folder that was made."""
        self._folder = folder
        self._files = files

    @classmethod
    def create(cls, pid: int, place: Place | None) -> Self | None:
        """Make a group that has the number of this process, and put another process into it; None where none can be."""
        if place is None:
            return None
        folder = place.folder / f"{_NAME}{os.getpid()}"
        try:
            folder.mkdir()
            (folder / "cgroup.procs").write_text(f"{pid}", encoding="ascii")
        except OSError:  # another one delegates less than it seemed, or the process has ended: the watch is enough
            with suppress(OSError):
                folder.rmdir()
            return None
        return cls(folder, place.files)

    def limit(self, memory_mb: float) -> None:
        """Let the kernel end a process of the group when all together use more than this, beyond now, and some room."""
        with suppress(OSError):  # a limit below what is used already: the watch ends the run
            used = int((self._folder / self._files.used).read_text(encoding="ascii"))
            most = used + int(memory_mb * _ROOM * _MB)
            (self._folder / self._files.limit).write_text(f"{most}", encoding="ascii")

    @property
    def has_killed(self) -> bool:
        """Whether the kernel has ended a process of the group for its memory."""
        try:
            text = (self._folder / self._files.events).read_text(encoding="ascii")
        except OSError:
            return False
        counts = dict(line.split() for line in text.splitlines())
        return int(counts.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        """Remove the group, when all its processes have ended."""
        with suppress(OSError):
            self._folder.rmdir()


def remove_left(place: Place | None, pid: int | None = None) -> None:
    """Remove the group that a supervisor has left, or by default those of all that have ended."""
    if place is None:
        return
    for folder in place.folder.glob(f"{_NAME}{pid or '*'}"):
        number = folder.name.removeprefix(_NAME)
        if pid is not None or not Path("/proc", number).exists():
            with suppress(OSError):
                folder.rmdir()


@cache
def find_place() -> Place | None:
    """Return where this process may make groups that limit memory; None where nothing is delegated."""
    own = Path("/proc/self/cgroup").read_text(encoding="ascii")
    return read_place(own, Path("/proc/self/mounts").read_text(encoding="utf-8"))


def read_place(own: str, mounts: str) -> Place | None:
    """Return the place, given what /proc says of this process's groups and of what is mounted where."""
    groups = [line.split(":", 2) for line in own.splitlines()]
    for _, mount, kind, options, *_ in (line.split() for line in mounts.splitlines()):
        for number, controllers, path in groups:
            if kind == "cgroup" and "memory" in options.split(",") and "memory" in controllers.split(","):
                found = Place(_inside(mount, path), V1)
            elif kind == "cgroup2" and number == "0":
                found = Place(_inside(mount, path).parent, V2)
            else:
                continue
            if _is_delegated(found):
                return found
    return None


def _inside(mount: str, path: str) -> Path:
    """Return the folder of a group; in a container the mount may show it as its root."""
    folder = Path(mount, path.lstrip("/"))
    return folder if folder.is_dir() else Path(mount)


def _is_delegated(place: Place) -> bool:
    if not os.access(place.folder, os.W_OK) or not (place.folder / "cgroup.procs").exists():
        return False
    if place.files is V1:
        return True
    handed_down = place.folder / "cgroup.subtree_control"
    return handed_down.exists() and "memory" in handed_down.read_text(encoding="ascii").split()
