"""Beside the pytest plugins that most repositories have: asyncio, xdist, randomly, cov and hypothesis."""

from __future__ import annotations

import pytest

MAIN = """\
from datetime import datetime
from src.ext.sdk import job

@job("report", schedule="0 2 * * 1-5")
async def report(ctx):
    now = datetime.now()
    ctx.files.upload(f"{now:%Y-%m-%d}.txt", "x")
    return {"status": "success", "weekday": now.weekday()}
"""


@pytest.fixture
def reporting(repository):
    """Return a repository with a job that is a coroutine."""
    repository.plugin(MAIN)
    return repository


def test_asyncio(reporting):
    """A coroutine job is awaited by an asynchronous test, and runs and simulates inside one."""
    reporting.tested(
        """
import pytest

@pytest.mark.asyncio
async def test_call(sbh_ctx, sbh_plugin, sbh_clock):
    sbh_clock.move_to("2026-01-07T02:00")
    assert (await sbh_plugin.jobs["report"].function(sbh_ctx))["weekday"] == 2

@pytest.mark.asyncio
async def test_run(sbh_run, sbh_simulate):
    assert len(sbh_simulate("7d").runs) == 5
    assert sbh_run("report", at="2026-01-07T02:00").value["weekday"] == 2

@pytest.mark.asyncio
async def test_unseen(sbh_ctx):
    sbh_ctx.secrets.get("KEY")
""",
        *("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"),
        *("-o", "asyncio_mode=strict"),
        passed=2,
        failed=1,
    )


def test_randomly_and_xdist(reporting):
    """In any order and in several processes every test has its own world."""
    test = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_it(sbh_run, sbh_world, number):
    sbh_world.files.write(f"{number}.txt", "n")
    assert sbh_run("report").ok
    assert len(sbh_world.files) == 2
"""
    for seed in ("1", "2"):
        reporting.tested(test, "-p", "pytest_randomly", f"--randomly-seed={seed}", "--sbh-simulate=7d", passed=9)
    reporting.tested(test, "-p", "xdist.plugin", "-n", "2", "--sbh-simulate=7d", passed=9)


def test_hypothesis(reporting):
    """Fire times are drawn, also across clock changes, and a failing one shrinks to the first."""
    reporting.tested(
        """
from hypothesis import given, settings
from pytest_sbhjobs.strategies import fire_times
from sbh_jobkit import Plugin, World, run_job

plugin = Plugin.load(".")
job = plugin.jobs["report"]

@settings(max_examples=30, database=None, deadline=None)
@given(fire_times(job.schedule, start="2026-03-20", duration="30d"))
def test_weekdays(at):
    assert run_job(job, World(), at=at).value["weekday"] < 5

@settings(max_examples=30, database=None, deadline=None)
@given(fire_times("30 2 * * *", start="2026-03-01"))
def test_shrinks(at):
    assert (at.month, at.day) < (3, 3)
""",
        *("-p", "_hypothesis_pytestplugin"),
        passed=1,
        failed=1,
    ).stdout.fnmatch_lines(["*at=datetime.datetime(2026, 3, 3, 2, 30, tzinfo=zoneinfo.ZoneInfo(key='UTC')),*"])


def test_fire_times_of_a_schedule_that_is_not_due():
    """A range without a fire time raises ScheduleError when the strategy is made."""
    from pytest_sbhjobs.strategies import fire_times
    from sbh_jobkit import ScheduleError

    with pytest.raises(ScheduleError) as raised:
        fire_times("0 0 1 7 *", duration="30d")
    assert str(raised.value) == "schedule '0 0 1 7 *' is not due within 30d from 2026-01-01T00:00:00+00:00"


def test_coverage(reporting):
    """The lines of a plugin that its simulated jobs ran count as covered."""
    result = reporting.pytester.runpytest_subprocess(
        *("-p", "pytest_sbhjobs.plugin", "-p", "pytest_cov", "--sbh-simulate=7d", "--cov=.", "-p", "no:cacheprovider"),
    )
    result.stdout.fnmatch_lines(["main.py * 100%"])
