"""How today's host runs a job: what it waits for, and how it counts an end."""

from datetime import timedelta

import pytest

from sbh_jobkit import World
from sbh_jobkit.run.run import RunError

MAIN = 'import asyncio, sys, time\nfrom src.ext.sdk import job\n\n@job("work")\n{0}def work(ctx):\n    {1}\n'


@pytest.fixture
def ran(tmp_path):
    """Run a job whose body is line 6 of main.py, on today's host unless a world is given."""
    from sbh_jobkit import Plugin, run_job

    def run(body, world=None, *, begin=""):
        (tmp_path / "main.py").write_text(MAIN.format(begin, body), encoding="utf-8")
        (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}', encoding="utf-8")
        tenant = world if world is not None else World(target="host")
        return run_job(Plugin.load(tmp_path).jobs["work"], tenant, at="2026-01-05T09:00")

    return run


def faults(run):
    """Return kind and place of each fault."""
    return [(fault.kind, fault.place) for fault in run.faults]


def test_five_seconds(ran):
    """A run that takes longer is given up where it stands, and the fault names the line."""
    run = ran("time.sleep(4); time.sleep(4)")
    reason = "timed out: the limit is 5 s, passed at main.py:6"
    assert (run.outcome, run.reason, run.duration) == ("timed_out", reason, timedelta(seconds=5))
    (fault,) = run.faults
    assert fault.line == "main.py:6: today's host only waits 5 s for a run, not 30, but the run continues [D12]"


@pytest.mark.parametrize(
    "body",
    [
        "asyncio.run(asyncio.sleep(6))",
        "exec('try: time.sleep(6)\\nexcept BaseException: pass')",
    ],
)
def test_five_seconds_however_they_pass(ran, body):
    """An event loop waits no longer, and a job that swallows the limit is not spared."""
    run = ran(body)
    assert (run.outcome, [fault.kind for fault in run.faults]) == ("timed_out", ["D12"])


def test_five_seconds_of_real_time(ran):
    """An endless loop is given up, too."""
    run = ran("while True: pass")
    assert (run.outcome, faults(run)) == ("timed_out", [("D12", "main.py:6")])


def test_a_run_within_five_seconds_is_no_divergence(ran):
    """A run within five seconds has no divergence."""
    run = ran("time.sleep(5); return 1")
    assert (run.outcome, run.value, run.faults) == ("ok", 1, ())


def test_a_world_that_waits_less_ends_the_run_itself(ran):
    """A limit of the author's own below the host's is what ends the run, on either target."""
    run = ran("time.sleep(4)", World(target="host", time_limit=3))
    reason = "timed out: the limit is 3 s, passed at main.py:6"
    assert (run.outcome, run.reason, run.faults) == ("timed_out", reason, ())


def test_the_guide_waits_longer(ran):
    """The same run is fine by the guide."""
    assert ran("time.sleep(8)", World()).ok


def test_memory_has_no_limit(ran):
    """A run over the guide's memory limit is ok on the host, and has a fault."""
    run = ran("raise MemoryError", World(target="host"))
    assert (run.outcome, faults(run)) == ("out_of_memory", [("D13", "main.py:6")])
    assert run.faults[0].message == "today's host has no memory limit for a run; the limit here is 100 MB"


@pytest.mark.parametrize("body", ["print('ran'); return 1", "await asyncio.sleep(9)"])
def test_a_coroutine_is_its_own_result(ran, body):
    """An async job returns at once, none of its code runs, and nothing complains of a coroutine left behind."""
    run = ran(body, begin="async ")
    assert (run.outcome, run.verdict, run.value, run.stdout) == ("ok", "faulty", "<coroutine object work>", "")
    (fault,) = run.faults
    assert fault.line == (
        "main.py:4: today's host does not await jobs: the result is a coroutine, and its code never runs [D33]"
    )


def test_a_coroutine_that_is_allowed(ran):
    """A world can allow the divergence."""
    assert ran("return 1", World(target="host", allow=["D33"]), begin="async ").ok


def test_a_job_that_awaits_by_itself_is_the_same(ran):
    """The advice holds: asyncio.run in a plain function runs on either target."""
    body = "return asyncio.run(asyncio.sleep(2, 'slept'))"
    on_host, by_guide = ran(body), ran(body, World())
    assert (on_host, on_host.value, on_host.ok) == (by_guide, "slept", True)


@pytest.mark.parametrize(
    ("body", "code"), [("sys.exit()", "None"), ("sys.exit(3)", "3"), ("sys.exit('no key')", "no key")]
)
def test_an_exit_is_a_success(ran, body, code):
    """Whatever its code, an exit is a run that went well to the host, and faulty to the kit."""
    run = ran(body)
    assert (run.outcome, run.verdict, run.error, run.value) == ("ok", "faulty", None, None)
    (fault,) = run.faults
    assert (
        fault.line == f"main.py:6: today's host counts sys.exit as a success; the job ended with exit code {code} [D36]"
    )


def test_a_crash_is_a_crash(ran):
    """What raises anything else has failed on either target."""
    run = ran("raise KeyError('tea')")
    assert (run.outcome, run.faults) == ("crashed", ())
    assert (run.error, run.value) == (ran("raise KeyError('tea')", World()).error, None)
    assert isinstance(run.error, RunError)


def test_a_returned_error_is_a_failure(ran):
    """The convention of returned errors holds on either target."""
    run = ran("return {'status': 'error', 'error': 'no beans'}")
    assert (run.outcome, run.error.message, run.faults) == ("failed", "no beans", ())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{1}", "Object of type set is not JSON serializable"),
        ("ctx.llm.run('Hello')", "Object of type SimpleNamespace is not JSON serializable"),
        ("{'status': 'error', 'error': KeyError('a')}", "Object of type KeyError is not JSON serializable"),
        ("float('inf')", "JSON cannot write NaN or Infinity"),
    ],
)
def test_a_value_that_is_not_json_fails_run_now(ran, value, problem):
    """D41: the run has the divergence, and not the guide's fault beside it."""
    world = World(target="host", allow=["D40"])
    world.llm.reply("Hi")
    faults_ = [fault for fault in ran(f"return {value}", world).faults if not fault.allowed]
    message = f"today's host fails to answer run-now with a value that is not JSON: {problem}"
    assert [(fault.kind, fault.message) for fault in faults_] == [("D41", message)]


def test_a_coroutine_is_told_once(ran):
    """D33 says it all: that the coroutine is not JSON is no news."""
    run = ran("async def later(): return 1\n    return later()")
    assert [fault.kind for fault in run.faults] == ["D33"]
