"""Processes of this machine, as Linux shows them: whose child each is, and an end to all of them."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PATIENT = 20
"""How many rounds of killing children are enough, unless they fork faster than they are found."""
_PROC = Path("/proc")
_has_lists = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""Whether the kernel keeps lists of children; most do."""


@cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process; processes that are forked later have it at no cost."""
    return ctypes.CDLL(None)


def die_with_parent() -> None:
    """Let the kernel kill this process when the process that forked it ends."""
    libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become_subreaper() -> None:
    """Become the parent of every process below this one whose own parent has ended."""
    libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int | None = None) -> list[int]:
    """Return the children of a process, by default of this one; none if it has ended."""
    pid = pid or os.getpid()
    return list(_listed(pid) if _has_lists else scanned(pid))


def descendants(pid: int | None = None) -> list[int]:
    """Return children, their children, and so on."""
    found, new = [], children(pid)
    while new:
        found += new
        new = [child for parent in new for child in children(parent)]
    return found


def _listed(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  pathlib costs as much as the reading
            yield from map(int, _text(f"/proc/{pid}/task/{thread}/children").split())


def scanned(pid: int) -> Iterator[int]:
    """Yield the children of a process, on a kernel that keeps no lists of them."""
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and status(int(folder.name))[1:2] == [f"{pid}"]:
            yield int(folder.name)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, and does nothing until another one lets it go on."""
    return status(pid)[:1] == ["T"]


def status(pid: int) -> list[str]:
    """Return state letter, parent and more of a process; empty if it has ended."""
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def resident(pid: int) -> int:
    """Return the resident bytes of a process, those that it shares with others included; 0 if it has ended."""
    numbers = _text(f"/proc/{pid}/statm").split()
    return int(numbers[1]) * os.sysconf("SC_PAGE_SIZE") if numbers else 0


def peak(pid: int) -> int:
    """Return the most resident kilobytes of a process so far, or since it was reset; 0 if it has ended."""
    _, _, rest = _text(f"/proc/{pid}/status").partition("VmHWM:")
    return int(rest.split(maxsplit=1)[0]) if rest else 0


def proportional(pid: int) -> int:
    """Return the resident bytes of a process, each page divided by the number of processes that share it."""
    for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def end_children(keep: Collection[int] = ()) -> None:
    """Kill all descendants and wait for their end; children in `keep` are spared, with theirs.

    A killed process leaves its children to this one if it is a subreaper, so each round reaches one level further
    down. Only children of our own are killed: their numbers cannot belong to another process before we wait for them.
    """
    rounds = 0
    while own := [pid for pid in children() if pid not in keep]:
        rounds += 1
        if rounds > _PATIENT:  # they fork as fast as we kill: a stopped process does not
            _signal([pid for child in own for pid in descendants(child)], signal.SIGSTOP)
        _signal(own, signal.SIGKILL)
        for pid in own:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  pathlib costs as much as the reading
            return file.read()
    except OSError:
        return ""
