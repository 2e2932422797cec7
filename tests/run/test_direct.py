"""Jobs on the machine's own clock, in this process: values, logs, and a time limit that names the line."""

import logging
import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.outcome import CallResult
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.run.session import Limits

MAIN = """
import asyncio, logging, time
from src.ext.sdk import job


@job("value")
def value(ctx):
    logging.getLogger("shop").info("seen")
    return {"n": 1}


@job("failed")
def failed(ctx):
    return {"status": "error", "error": "no tea"}


@job("crashed")
def crashed(ctx):
    raise KeyError("tea")


@job("interrupted")
def interrupted(ctx):
    raise KeyboardInterrupt


@job("coroutine")
async def coroutine(ctx):
    await asyncio.sleep(0)
    return "awaited"


@job("slow")
def slow(ctx):
    time.sleep(10)


@job("stubborn")
def stubborn(ctx):
    try:
        time.sleep(10)
    except BaseException:
        return "swallowed"


@job("nested")
async def nested(ctx):
    async def deeper():
        await asyncio.sleep(10)
    await asyncio.gather(deeper(), asyncio.sleep(10))


@job("busy")
async def busy(ctx):
    while True:
        await asyncio.sleep(0)


@job("full")
def full(ctx):
    raise MemoryError
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """Load a plugin with one job for each way to end."""
    folder = tmp_path_factory.mktemp("direct")
    (folder / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    (folder / "main.py").write_text(MAIN)
    return Plugin.load(folder)


def called(plugin, name, sandbox=None, rules=None, seconds=5.0):
    """Call one of its jobs."""
    recorder = Recorder(lambda: Redactor({}))
    session = SimpleNamespace(
        context=None, limits=Limits(seconds=seconds), rules=rules, recorder=recorder, redactor=lambda: Redactor({})
    )
    return (sandbox or DirectSandbox()).call(plugin.jobs[name], session)


ENDS = {
    "value": ("ok", {"n": 1}, None),
    "failed": ("failed", {"status": "error", "error": "no tea"}, None),
    "crashed": ("crashed", None, "main.py:19"),
    "coroutine": ("ok", "awaited", None),
    "full": ("out_of_memory", None, "main.py:61"),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_a_call_ends(name, plugin):
    """A value, an error that is returned, one that is raised, a coroutine: as in a simulation."""
    result = called(plugin, name).result
    assert (result.outcome, result.value, result.place) == ENDS[name]


LATE = {"slow": (35,), "stubborn": (41,), "nested": (49, 50), "busy": (55, 56)}


@pytest.mark.parametrize("name", LATE)
def test_a_time_limit_names_the_line(name, plugin):
    """Also where the job swallows the exception, or awaits; and the alarm is silent afterwards."""
    begin = time.perf_counter()
    call = called(plugin, name, seconds=0.1)
    assert call.result.outcome is Outcome.TIMED_OUT
    assert call.result.reason in {f"timed out: the limit is 0.1 s, passed at main.py:{line}" for line in LATE[name]}
    assert 0.1 <= call.duration.total_seconds() < 5
    assert time.perf_counter() - begin < 5
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_place_is_written_to_a_descriptor(plugin):
    """So a process outside knows it even if this one is killed."""
    reads, writes = os.pipe()
    called(plugin, "slow", DirectSandbox(trace=writes), seconds=0.1)
    os.close(writes)
    with os.fdopen(reads) as written:
        lines = written.read().splitlines()
    assert "passed at main.py:35" in lines
    assert any(line.endswith('main.py", line 35 in slow') for line in lines)


def test_output_is_what_was_logged(plugin):
    """Log lines are kept and handed on as they come; prints go where they go."""
    seen, root = [], logging.getLogger()
    before = root.level, root.handlers
    call = called(plugin, "value", DirectSandbox(logged=seen.append))
    assert (call.output, seen) == (("", "", ("INFO shop: seen",)), ["INFO shop: seen"])
    assert (root.level, root.handlers) == before


def test_an_interrupt_goes_through(plugin):
    """Ctrl-C is for who calls."""
    with pytest.raises(KeyboardInterrupt):
        called(plugin, "interrupted")


def test_rules_amend_the_result(plugin):
    """A tenant may leave a coroutine alone, take extra time, and count the result in its own way."""
    dropped = []
    rules = SimpleNamespace(
        awaits=False,
        drop=lambda coroutine: dropped.append(coroutine.close()) or "dropped",
        delay=lambda: dropped.append("delayed"),
        amend=lambda result, memory_passed: CallResult(outcome=Outcome.FAILED, value=(result.value, memory_passed)),
    )
    assert called(plugin, "coroutine", rules=rules).result.value == ("dropped", False)
    assert dropped == [None, "delayed"]


def test_another_thread_has_no_alarm(plugin):
    """Signals reach the main thread only, so elsewhere a job runs without a time limit."""
    found = []
    thread = threading.Thread(target=lambda: found.append(called(plugin, "value", seconds=0.001).result.outcome))
    thread.start()
    thread.join(10)
    assert found == ["ok"]


def test_a_loop_that_runs_a_callback_is_not_broken(plugin):
    """Raised in a callback the exception would be lost in the event loop, so its tasks are cancelled."""
    plugin = plugin.edited(
        MAIN.replace("    await asyncio.sleep(0)\n    return", "    await turning()\n    return") + TURNING
    )
    call = called(plugin, "coroutine", seconds=0.1)
    assert call.result.outcome is Outcome.TIMED_OUT


TURNING = """

async def turning():
    loop = asyncio.get_running_loop()
    def again():
        time.sleep(0.05)
        loop.call_soon(again)
    again()
    while True:
        await asyncio.sleep(0.001)
"""
