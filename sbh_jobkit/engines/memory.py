"""The memory of one run, watched from outside.

A limit on address space does not work: `import pandas` maps far more than it uses, and a job can swallow a MemoryError.
So resident memory counts, above what the process had at the start, and the kernel's limit is only a wall far behind it.
Where a control group is delegated (`cgroup`), the kernel keeps a second limit a little above this one.
"""

from __future__ import annotations

import os
import resource
from time import perf_counter
from typing import Self

from sbh_jobkit.machine.processes import descendants, peak, proportional, resident

_MB = 1 << 20
_WALL = 16 << 30
"""Bytes of address space that a run may map above the start; none of it need be touched."""
_FASTEST = 4_000.0
"""MB a second that a process can fill: how soon to look again follows from it."""
_SOONEST, _LATEST = 0.002, 0.05
_SHARE = 4
"""How many times longer than a look the pause after it is, at least."""


class Memory:
    """The resident memory of all processes below this one, of which `pid` is the first."""

    def __init__(self, pid: int, limit_mb: float, before: int = 0) -> None:
        """Begin to count here, and let the kernel forget the most that the process has used so far.

        `before` are the bytes that it had a little earlier: they count where it has ended already.
        """
        self.limit_mb = limit_mb
        self._pid = pid
        self.is_reset = _forget_peak(pid)
        """Whether the kernel has forgotten it."""
        self._resident = resident(pid) or before
        self._measured: dict[int, tuple[int, int]] = {}
        self._cost, self._looked = 0.0, perf_counter()
        self.used_mb = self._most_mb = 0.0

    def look(self) -> bool:
        """Return whether the limit is passed now."""
        begin = perf_counter()
        sizes = {pid: resident(pid) for pid in descendants()}
        used = sum(sizes.values()) - self._resident
        if len(sizes) > 1 and self._passes(used):
            used = self._shared(sizes)
        self.used_mb = max(0, used) / _MB
        self._most_mb = max(self._most_mb, self.used_mb)
        self._looked = perf_counter()
        self._cost = self._looked - begin
        return self._passes(used)

    def grown_since(self, earlier: Self) -> float:
        """Return by how many megabytes the first process has more than when an earlier count began."""
        return (resident(self._pid) - earlier._resident) / _MB

    def most(self, kilobytes: int | None = None) -> float:
        """Return the most megabytes in use; the kernel's own figure of the first process sees what no look saw.

        It comes with the end of the process; while it lives, it is read.
        """
        if kilobytes is None:
            kilobytes = peak(self._pid)
        alone = (kilobytes * 1024 - self._resident) / _MB
        return round(max(0.0, alone, self._most_mb), 3)

    def _passes(self, used: int) -> bool:
        return used > self.limit_mb * _MB

    def _shared(self, sizes: dict[int, int]) -> int:
        """Return what several processes use: pages that forked processes share are divided among them.

        The kernel takes long to find that out. So it is asked once for each process, and what a process has grown
        since then is added; before the limit counts as passed, it is asked again.
        """
        if not self._measured.keys() <= sizes.keys():  # what an ended process shared belongs to the others now
            self._measured = {}
        for again in (False, True):
            for pid, size in sizes.items():
                if again or pid not in self._measured:
                    self._measured[pid] = proportional(pid), size
            parts = (self._measured[pid][0] + max(0, size - self._measured[pid][1]) for pid, size in sizes.items())
            used = sum(parts) - proportional(os.getpid())  # forked from the same process, and it has not grown
            if not self._passes(used):
                break
        return used

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self.seconds <= 0

    @property
    def seconds(self) -> float:
        """When to look again: before the rest of the limit can be filled, but not all the time at many processes."""
        left = (self.limit_mb - self.used_mb) / _FASTEST
        pause = max(min(max(left, _SOONEST), _LATEST), self._cost * _SHARE)
        return max(0.0, self._looked + pause - perf_counter())


def _forget_peak(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123  as in processes.py
            file.write("5")
    except OSError:  # the process has ended, or the kernel keeps no such file
        return False
    return True


def build_wall() -> None:
    """Limit the address space of this process and its children, far beyond any memory limit; write no core dumps."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  as in processes.py
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wall = now + _WALL if hard == resource.RLIM_INFINITY else min(now + _WALL, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wall, wall))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("1000")  # where the whole machine runs out of memory, the kernel ends the job first
