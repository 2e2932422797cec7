"""Tasks that a job hands to a thread of its module just before it returns, and threads that nothing ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sbh_jobkit import World, simulate

WORKER = """def serve(take):
    for task in iter(take, None): task()
"""
START = "threading.Thread(target=serve, args=({},), daemon=True).start()"
TAKE = "def take():\n    with changed: return changed.wait_for(lambda: tasks and tasks.pop())\n" + START.format("take")
HANDED_OVER = {
    "a pool": (
        "from concurrent.futures import ThreadPoolExecutor; import time; pool = ThreadPoolExecutor(2)",
        "pool.submit({})",
    ),
    "a pool of multiprocessing": (
        "from multiprocessing.pool import ThreadPool; import time; pool = ThreadPool(2)",
        "pool.apply_async({})",
    ),
    "its map": (
        "from multiprocessing.pool import ThreadPool; import time; pool = ThreadPool(2)",
        "pool.map_async(lambda do: do(), [{}])",
    ),
    "a worker with a queue": (
        f"import queue, threading, time; tasks = queue.Queue()\n{WORKER}{START.format('tasks.get')}",
        "tasks.put({})",
    ),
    "a list and a condition": (
        f"import threading, time; tasks, changed = [], threading.Condition()\n{WORKER}{TAKE}",
        "(changed.acquire(), tasks.append({}), changed.notify(), changed.release())",
    ),
}


@pytest.fixture
def simulated(loaded):
    """Simulate days of a plugin, and end afterwards what waits for tasks in it."""
    names = {}

    def run(top, body, world, days):
        plugin = loaded(body, top=top)
        names.update(plugin.jobs["work"].function.__globals__)
        return simulate(plugin, world, duration=f"{days}d").runs

    yield run
    if "pool" in names:
        pool = names["pool"]
        (pool.terminate if hasattr(pool, "terminate") else pool.shutdown)()
    elif "changed" not in names:
        names["tasks"].put(None)


SLEEPS, ASKS = "(lambda: time.sleep(3600))", "(lambda: ctx.http.get('https://api.example.com/'))"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("top", "hand_over"), HANDED_OVER.values(), ids=HANDED_OVER)
def test_a_task_that_goes_on_is_reported(simulated, top, hand_over):
    """A thread that has not begun yet with what it was handed does not count as one without work."""
    (run,) = simulated(top, hand_over.format(SLEEPS), World(), 1)
    assert [fault.kind for fault in run.faults if fault.kind != "context-kept"] == ["thread-left"]


@pytest.mark.parametrize("name", ["a pool", "a pool of multiprocessing", "a worker with a queue"])
def test_a_task_that_ends_soon_belongs_to_its_run(simulated, name):
    """What it asks for is asked in the run that handed it over, in each of them."""
    top, hand_over = HANDED_OVER[name]
    world = World()
    world.http.get("https://api.example.com/").respond(200)
    runs = simulated(top, hand_over.format(ASKS), world, 9)
    assert [(len(run.http_calls), run.faults) for run in runs] == [(1, ())] * 9


STUCK = {
    "a lock": "lock = threading.Lock(); lock.acquire(); threading.Thread(target=lock.acquire).start()",
    "a queue in C": "threading.Thread(target=queue.SimpleQueue().get).start()",
    "a lock in a pool": (
        "lock = threading.Lock(); lock.acquire()\nconcurrent.futures.ThreadPoolExecutor(1).submit(lock.acquire)"
    ),
    "a pipe": "threading.Thread(target=os.read, args=(os.pipe()[0], 1)).start()",
}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python 3.13 keeps in C whom it waits for")
@pytest.mark.parametrize("body", STUCK.values(), ids=STUCK)
def test_the_process_ends_all_the_same(loaded, body):
    """A thread that cannot be ended is a fault of its run, and nothing waits for it when the process ends."""
    plugin = loaded(body, top="import concurrent.futures, os, queue, threading")
    command = [sys.executable, "-m", "sbh_jobkit", "simulate", str(plugin.root), "--for", "1d"]
    work = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (work.returncode, work.stderr, "[thread-left]" in " ".join(work.stdout.split())) == (1, "", True)
