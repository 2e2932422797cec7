"""Threads of a plugin: governed while they live, reported when they outlive their run, and parallel in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from sbh_jobkit import World, clock, run_job, simulate

QUEUE = """import queue, threading
tasks, done = queue.Queue(), queue.Queue()
def serve():
    for task in iter(tasks.get, None): done.put(task())
threading.Thread(target=serve, daemon=True).start()
"""
POOLS = {
    "a pool of the module": (
        "from concurrent.futures import ThreadPoolExecutor; pool = ThreadPoolExecutor(2)",
        "pool.submit({}).result()",
    ),
    "a worker with a queue": (QUEUE, "(tasks.put({}), done.get())[1]"),
    "a thread": (
        "import threading",
        "(out := [], t := threading.Thread(target=lambda: out.append({}())), t.start(), t.join())[0][0]",
    ),
    "asyncio": ("import asyncio", "asyncio.run(asyncio.to_thread({}))"),
}
SEES = "(lambda: __import__('datetime').datetime.now().isoformat())"
REACH = """
def reach():
    import socket
    try: socket.create_connection(("192.0.2.7", 80), 0.1)
    except OSError as error: return type(error).__name__
"""


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("top", "call"), POOLS.values(), ids=POOLS)
def test_a_thread_of_an_earlier_simulation_is_governed(loaded, top, call):
    """In the second simulation of a process it sees virtual time and no network, as in the first."""
    world = World(allow=["thread-left"])
    for _ in range(2):
        plugin = loaded(f"return {call.format(SEES)}", top=top)
        for day in ("2026-01-05", "2026-02-05"):
            assert run_job(plugin.jobs["work"], world, at=f"{day}T09:00Z").value == f"{day}T09:00:00"
    plugin = loaded(f"return {call.format('reach')}", top=top + REACH)
    for _ in range(2):
        run = run_job(plugin.jobs["work"], world, at="2026-01-05T09:00Z")
        assert (run.value, [fault.kind for fault in run.faults if not fault.allowed]) == (
            "RealNetworkError",
            ["network"],
        )


LEFT = {
    "a sleeper": "threading.Thread(target=time.sleep, args=(3600,), name='late').start()",
    "a daemon": "threading.Thread(target=time.sleep, args=(3600,), name='late', daemon=True).start()",
    "a timer": "timer = threading.Timer(3600, print); timer.name = 'late'; timer.daemon = True; timer.start()",
    "one that works": (
        "def work():\n    while True: sum(range(1000))\nthreading.Thread(target=work, name='late', daemon=True).start()"
    ),
    "one that waits for a lock": (
        "lock = threading.Lock(); lock.acquire()\n"
        "threading.Thread(target=lock.acquire, name='late', daemon=True).start()"
    ),
    "one of a loop's executor": (
        "import asyncio; from concurrent.futures import ThreadPoolExecutor as P\n"
        "async def main(): asyncio.get_running_loop().run_in_executor(P(thread_name_prefix='late'), time.sleep, 3600)\n"
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()"
    ),
    "one that emits later": (
        "threading.Thread(target=lambda: (time.sleep(3600), ctx.emit('late', {})), name='late').start()"
    ),
    "one of a pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "ThreadPoolExecutor(1, thread_name_prefix='late').submit(time.sleep, 3600)"
    ),
}


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT)
def test_a_thread_that_outlives_its_run_is_told(ran, body):
    """What is still going when the job has returned is a fault, and ends."""
    run = ran(f"{body}\nreturn 1", top="import threading, time")
    (fault,) = run.faults
    assert (fault.kind, fault.message.replace("late_0", "late"), fault.place) == (
        "thread-left",
        "the thread 'late' goes on when the job has ended",
        "main.py:3",
    )
    assert (run.value, run.duration.total_seconds()) == (1, 0)


def test_a_thread_past_threading_is_told_too(ran):
    """One that the module `_thread` starts is like any other, and the next run is none the worse."""
    for _ in range(2):
        run = ran("_thread.start_new_thread(time.sleep, (3600,))\nreturn 1", top="import _thread, time")
        (fault,) = run.faults
        assert (fault.kind, fault.place, run.value, run.outcome) == ("thread-left", "main.py:3", 1, "ok")
    assert ran("pass").ok


HARMLESS = {
    "one that is joined": "t = threading.Thread(target=time.sleep, args=(5,)); t.start(); t.join()",
    "one that finishes soon": "threading.Thread(target=sum, args=(range(100000),)).start()",
    "a pool that has nothing to do": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2); pool.submit(int).result()"
    ),
    "a timer that is cancelled": "t = threading.Timer(60, print); t.start(); t.cancel(); t.join()",
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_others_are_no_fault(ran, body):
    """Threads that are waited for, that finish, and those of a pool that wait for work."""
    run = ran(body, top="import threading, time")
    assert (run.error, run.faults) == (None, ())


def test_what_a_late_thread_does_is_refused(ran, outside):
    """A thread that cannot be ended reaches nothing when its run has ended."""
    path = outside / "late.txt"
    body = f"""
    def late():
        while not over:
            try: time.sleep(0.01)
            except BaseException: pass
        for act in (lambda: open({str(path)!r}, "w"), lambda: socket.create_connection(("192.0.2.7", 80), 0.1)):
            try: act()
            except BaseException as error: threading.current_thread().seen.append(type(error).__name__)
    thread = threading.Thread(target=late, daemon=True)
    thread.over, thread.seen, over = [], [], []
    thread.over = over
    thread.start()
    """
    run = ran(body, top="import socket, threading, time")
    (late,) = [thread for thread in threading.enumerate() if hasattr(thread, "seen")]
    late.over.append(1)
    late.join(5)
    assert [fault.kind for fault in run.faults] == ["thread-left"]
    assert (late.seen, path.exists()) == (["PermissionError", "RealNetworkError"], False)


PARALLEL = {
    "a pool": (
        "",
        "from concurrent.futures import ThreadPoolExecutor as P\nwith P(10) as pool: list(pool.map({}, range(10)))",
    ),
    "threads": (
        "import threading",
        "all = [threading.Thread(None, {}, args=[n]) for n in range(9)]\nfor t in all * 2: t.join() if t.ident else t.start()",  # noqa: E501
    ),
    "asyncio": (
        "import asyncio",
        "async def main(): await asyncio.gather(*(asyncio.to_thread({}, n) for n in range(5)))\nasyncio.run(main())",
    ),
    "a pool of threads": (
        "",
        "from multiprocessing.pool import ThreadPool\nwith ThreadPool(10) as p: p.map({}, range(10))",
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("top", "body"), PARALLEL.values(), ids=PARALLEL)
def test_waiting_in_parallel_is_parallel(loaded, top, body):
    """Ten requests that take twenty seconds each, at a time, take twenty seconds, in the same order in every run."""
    world = World()
    world.http.get(url__startswith="https://api.example.com/").respond(200).after("20s")
    call = "(lambda n: ctx.http.get(f'https://api.example.com/{n}'))"
    runs = simulate(loaded(body.format(call), top=top), world, duration="4d").runs
    assert [run.duration.total_seconds() for run in runs] == [20.0] * 4
    assert len({tuple(sorted(call.url for call in run.http_calls)) for run in runs}) == 1


def test_threads_wake_in_the_order_of_their_times(ran):
    """Each sleeps as long as it says, whichever was started first."""
    body = """
    woken = []
    def nap(seconds):
        time.sleep(seconds)
        woken.append((seconds, time.time() - began))
    began = time.time()
    threads = [threading.Thread(target=nap, args=(seconds,)) for seconds in (9, 3, 6, 3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return woken
    """
    run = ran(body, top="import threading, time")
    assert (run.value, run.duration.total_seconds()) == ([(3, 3.0), (3, 3.0), (6, 6.0), (9, 9.0)], 9.0)


def test_waiting_for_a_thread_that_works_takes_its_time(ran):
    """A loop that looks whether a thread is alive does not use up its limit while the thread works for real."""
    body = """
    def work():
        until = time.perf_counter() + 0.3
        while time.perf_counter() < until: pass
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive(): time.sleep(0.1)
    """
    run = ran(body, top="import threading, time")
    assert (run.outcome, run.duration.total_seconds() < 3) == ("ok", True)


@pytest.mark.parametrize(
    "call", ["subprocess.run(['sleep', '0.3'], timeout=20)", "subprocess.Popen(['sleep', '0.3']).wait(timeout=20)"]
)
def test_another_process_is_waited_for_in_real_time(ran, call):
    """A time-out of a process does not pass in virtual time while it works."""
    began = time.perf_counter()
    run = ran(f"import subprocess; {call}")
    assert (run.outcome, run.duration.total_seconds(), time.perf_counter() - began > 0.25) == ("ok", 0.0, True)


ENDLESS = {
    "a loop": "while True: pass",
    "a loop after an alarm of its own": "import signal; signal.alarm(9)\nwhile True: pass",
    "one after a timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
    "one with a handler of its own": (
        "import signal; signal.signal(signal.SIGALRM, lambda *_: None)\nwhile True:\n    try: sum(range(9))\n"
        "    except Exception: pass"
    ),
    "one that takes every signal away": (
        "import signal; numbers = signal.SIGALRM, *range(signal.SIGRTMIN, signal.SIGRTMAX); "
        "[signal.signal(number, signal.SIG_IGN) for number in numbers]\nwhile True: pass"
    ),
    "one that resets every signal": (
        "import signal; numbers = {*range(1, 65)} & {*signal.valid_signals()} - {signal.SIGKILL, signal.SIGSTOP}; "
        "[signal.signal(number, signal.SIG_DFL) for number in numbers]\nwhile True: pass"
    ),
    "one that blocks every signal": (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass"
    ),
    "an event": "import threading; threading.Event().wait()",
    "an event, without signals": (
        "import signal; [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGALRM, 39)]\n"
        "import threading; threading.Event().wait()"
    ),
    "a condition": "import threading; given = threading.Condition()\nwith given: given.wait()",
    "a semaphore": "import threading; threading.Semaphore(0).acquire()",
    "a barrier": "import threading; threading.Barrier(2).wait()",
    "an empty queue": "import queue; queue.Queue().get()",
    "a full queue": "import queue; full = queue.Queue(1); full.put(1); full.put(2)",
    "a queue that nobody works on": "import queue; todo = queue.Queue(); todo.put(1); todo.join()",
    "a future": "from concurrent.futures import Future; Future().result()",
    "a thread": (
        "import threading; late = threading.Thread(target=threading.Event().wait, daemon=True); late.start()\n"
        "late.join()"
    ),
    "a pool": (
        "import threading; from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(threading.Event().wait).result()"
    ),
    "a task": "import asyncio\nasync def wait(): await asyncio.Event().wait()\nasyncio.run(wait())",
    "a repr": "class Endless:\n    def __repr__(self):\n        while True: pass\nreturn Endless()",
    "an error's text": "class Endless(Exception):\n    def __str__(self):\n        while True: pass\nraise Endless",
    "an endless dict": (
        "class Endless(dict):\n    def items(self):\n        while True: yield 1, 1\nreturn Endless(a=1)"
    ),
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("main", [True, False], ids=["main", "thread"])
def test_the_limit_of_real_time_holds(loaded, body, main):
    """In any thread, after an alarm of the job's own, and while its values are read."""
    if not main and "signal." in body:
        body = body.partition("\n")[2]  # only the main thread may set signals
    job, runs = loaded(body).jobs["work"], []
    work = lambda: runs.append(run_job(job, World(time_limit=0.3), at="2026-01-05T09:00Z"))  # noqa: E731  one line
    began = time.perf_counter()
    if main:
        work()
    else:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
    (run,) = runs
    assert (run.outcome, time.perf_counter() - began < 5) == ("timed_out", True)
    assert run.reason.startswith("timed out: the limit is 0.3 s")


TAKEN = {
    "handlers": "import signal; [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]",
    "the mask": "import signal; signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT})",
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_what_a_run_does_to_signals_ends_with_it(ran, body):
    """Ctrl-C and the others do afterwards what they did before."""
    state = lambda: (  # noqa: E731  one line
        *map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)),
        signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    )
    before = state()
    assert (ran(body).outcome, state()) == ("ok", before)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("SystemExit(0)", "SystemExit"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("GeneratorExit", "GeneratorExit"),
        ("ValueError('no')", "ValueError"),
    ],
)
def test_a_value_that_cannot_be_shown(ran, error, shown):
    """A `__repr__` that raises is shown as that, whatever it raises."""
    run = ran(f"class Bad:\n    def __repr__(self): raise {error}\nreturn Bad()")
    assert (run.outcome, run.value) == ("ok", f"<Bad: its repr raised {shown}>")


IDLE = {
    "an idle pool": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2); pool.submit(int).result()"
    ),
    "an idle worker": QUEUE,
    "one that waits to be told": (
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("top", IDLE.values(), ids=IDLE)
def test_an_idle_thread_is_not_waited_for(loaded, top, monkeypatch):
    """A job that sleeps beside one goes on at once: nothing is watched for a step that cannot come."""
    monkeypatch.setattr(clock, "_STILL", 3600.0)
    plugin = loaded("for _ in range(1000): time.sleep(0.01)", top=f"{top}\nimport time")
    run = run_job(plugin.jobs["work"], World(allow=["thread-left"]), at="2026-01-05T09:00Z")
    assert run.duration.total_seconds() == 10


TRACED = """
import sys, threading
from sbh_jobkit import threads
lock = threading.Lock()
lock.acquire()
waiting = threading.Thread(target=lock.acquire, daemon=True)
waiting.start()
{act}
def called(): return "called"
sys.settrace(lambda *_: None)
print(called())
sys.settrace(None)
"""
ACTS = {
    "one that waits is ended": "threads.end([waiting])",
    "an exception is raised in it": "threads.raise_in(waiting.ident, ValueError)",
    "an exception is taken back": "threads.raise_in(waiting.ident, None)",
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_traced_thread_goes_on_beside_one_that_cannot_end(act):
    """As under coverage: on Python 3.11 the flag of an exception that nobody takes would stop it at its next call."""
    work = subprocess.run(
        [sys.executable, "-c", TRACED.format(act=act)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (work.stdout, work.stderr) == ("called\n", "")
