"""The thread that watches runs gets its turn beside them."""

import threading
from pathlib import Path
from time import perf_counter

from sbh_jobkit import simulate
from sbh_jobkit.machine.watchdog import WATCHER

_MOST = 1000
"""A second; it looks ten times, and would be woken thousands of times."""
CODE = """from src.ext.sdk import job


@job("tick", schedule="* * * * *")
def tick(ctx):
    pass
"""


def switches():
    """Return how often the watching thread has begun to wait for something."""
    (watcher,) = (thread for thread in threading.enumerate() if thread.name == WATCHER)
    lines = Path(f"/proc/self/task/{watcher.native_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_it_does_not_wait_for_the_interpreter_in_vain(tmp_path):
    """Each run wakes a thread that waits for it, which costs an eighth of a simulation."""
    (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    (tmp_path / "main.py").write_text(CODE)
    simulate(tmp_path, duration="1h")
    before, began = switches(), perf_counter()
    simulate(tmp_path, duration="7d")
    assert switches() - before < _MOST * (perf_counter() - began)
