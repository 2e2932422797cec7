"""What the tests of processes that have several runs share."""

import time
from pathlib import Path

from sbh_jobkit.machine.processes import status

LASTING = Path(__file__).parents[2] / "data/lasting"
"""A plugin whose jobs leave something behind, and meet it."""


def pid_of(run):
    """Return the process of a run that went well."""
    assert run.verdict in {"ok", "faulty"}, run.summary
    return run.value["pid"]


def gone(pid, seconds=10.0):
    """Wait until a process has ended."""
    until = time.monotonic() + seconds
    while status(pid)[:1] not in ([], ["Z"]) and time.monotonic() < until:
        time.sleep(0.01)
    return status(pid)[:1] in ([], ["Z"])
