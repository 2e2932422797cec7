"""Which process a worker is, so that others of its machine know at once when it has ended."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from socket import gethostname

from sbh_jobkit.machine.processes import status

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SPACE = Path("/proc/self/ns/pid")
_STARTED = 19
"""Where /proc/PID/stat has the start of the process, after its name."""


def identify(pid: int | None = None) -> str:
    """Return the name of a worker: machine, boot, process, and when that began."""
    pid = pid or os.getpid()
    return f"{_machine()}:{pid}:{_began(pid)}"


def has_ended(worker: str) -> bool:
    """Whether a worker was a process of this machine, and is not there any more; False for those of others."""
    host, boot, pid, began = (worker.rsplit(":", 3) + [""] * 3)[:4]
    here, this_boot = _machine().rsplit(":", 1)
    if host != here or not pid.isdecimal():
        return False
    return boot != this_boot or _began(int(pid)) != began


def describe(worker: str) -> str:
    """Return which process a worker is, as its operator looks for it."""
    machine, _, pid, _ = (worker.rsplit(":", 3) + [""] * 3)[:4]
    return f"process {pid} on {machine.partition('/')[0]}"


def _began(pid: int) -> str:
    found = status(pid)
    return found[_STARTED] if len(found) > _STARTED and found[0] != "Z" else "ended"


@cache
def _machine() -> str:
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else "unknown"
    # containers may share a host name and a boot, and each counts its processes itself
    space = f"{_SPACE.readlink()}".strip("pid:[]") if _SPACE.is_symlink() else "unknown"
    return f"{gethostname()}/{space}:{boot}"
