"""Time calls and print the table.

Machines are noisy, so the two sides of a comparison run alternately, five times, and the median ratio is shown.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

from sbh_jobkit.machine.processes import children, status

ROOT = Path(__file__).parents[1]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ROUNDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(work) -> float:
    """Time one call."""
    before = perf_counter()
    work()
    return perf_counter() - before


def ratio(ours, theirs, *, scale: float = 1.0) -> tuple[float, float]:
    """Return the median of theirs / ours, where theirs did `scale` times less work, and our median seconds."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    return median(b * scale / a for a, b in pairs), median(a for a, _ in pairs)


def drain(iterator) -> None:
    """Consume an iterator."""
    for _ in iterator:
        pass


def row(name: str, figure: str, promise: str) -> None:
    """Print one line of the table."""
    print(f"{name:<58} {figure:>14}  {promise}", flush=True)


def cpu(*pids: int) -> float:
    """Return the seconds that processes of this machine have computed, with their children that have ended."""
    return sum(int(each) for pid in pids for each in status(pid)[11:15]) / _TICKS


def own_cpu(pid: int) -> float:
    """Return the seconds that a process of this machine has computed itself, without its children."""
    return sum(int(each) for each in status(pid)[11:13]) / _TICKS


def server_cpu(pid: int) -> float:
    """Return the seconds that a PostgreSQL of this machine has computed, all its processes; `pid` is that of one."""
    server = int(status(pid)[1])
    return cpu(server, *children(server))
