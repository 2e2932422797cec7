"""The thread that watches runs gets its turn beside them."""

import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter

import pytest

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


COMMAND = """import sys
from sbh_jobkit.cli.main import main
from sbh_jobkit.machine import importing, watchdog

watchdog._GRACE = importing.SECONDS = 0.5
sys.exit(main())
"""
STUCK = {
    "any": "any(itertools.repeat(0))",
    "sum": "sum(range(10**14))",
    "deque": "collections.deque(itertools.count(), 0)",
    "in": "'x' in itertools.repeat('y')",
}


def command(folder, job, module="", days="1d"):
    """Simulate a plugin as a command with little patience; return how it ended."""
    (folder / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    head = f"import collections, itertools, time\n{module}\n"
    (folder / "main.py").write_text(head + CODE.replace("* * * * *", "0 6 * * *").replace("pass", job))
    words = [sys.executable, "-c", COMMAND, "simulate", str(folder), "--for", days, "--time-limit", "0.5"]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("what", STUCK)
def test_a_call_that_never_lets_go_ends_the_command(tmp_path, what):
    """With the line of the plugin, also where the run has captured the standard error."""
    done = command(tmp_path, STUCK[what])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Timeout (")
    assert f'File "{tmp_path}/main.py", line 8 in tick' in done.stderr


def test_one_at_import_does_so_too(tmp_path):
    """The limit of the import counts."""
    done = command(tmp_path, "pass", STUCK["any"])
    assert (done.returncode, done.stdout) == (1, "")
    assert f'File "{tmp_path}/main.py", line 2 in <module>' in done.stderr


def test_runs_put_the_end_off(tmp_path):
    """A command that goes on for longer than any of its runs may is not ended, nor is it when all of them are over."""
    busy = "until = time.perf_counter() + 0.2\n    while time.perf_counter() < until: pass"
    done = command(tmp_path, busy, days="20d")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("20 runs, all as expected\n")
