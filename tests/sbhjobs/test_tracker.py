"""No test passes while one of its jobs failed unchecked."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_sbhjobs.tracker import TrackedRun, WatchedRun
from sbh_jobkit import Outcome, Run

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
PLAIN = {"tenant": "acme", "plugin": "p", "fire_time": AT, "started_at": AT, "duration": timedelta(0)}
RUN = Run(job="greet", outcome=Outcome.OK, value="hello", **PLAIN)

MAIN = """\
from src.ext.sdk import job

@job("fetch", schedule="0 6 * * *")
def fetch(ctx):
    ctx.secrets.get("API_KEY")
    return {"status": "success", "rows": 0}

@job("crash", schedule="0 7 * * *")
def crash(ctx):
    raise KeyError("coffee")

@job("both", schedule="0 8 * * *")
def both(ctx):
    ctx.secrets.get("API_KEY")
    return {"status": "error", "error": "no rows"}

@job("fine", schedule="0 9 * * *")
def fine(ctx):
    return 1

@job("flaky", schedule="0 10 * * *")
def flaky(ctx):
    from datetime import datetime

    return {"status": "success" if datetime.now().minute else "error"}
"""
RETRIED = 'runs = sbh_simulate("1d", jobs="flaky", policy=__import__("sbh_jobkit").Policy(retry=1)).runs; '


@pytest.fixture
def jobs(repository):
    """Return a repository with jobs that fail in several ways."""
    repository.plugin(MAIN)
    return repository


UNCHECKED = {
    "a fault of a run that the test ignores": 'sbh_run("fetch", at="2026-01-05T06:00")',
    "a fault behind a value": 'assert sbh_run("fetch").value["rows"] == 0',
    "a fault behind an outcome": 'assert sbh_run("fetch").outcome == "ok"',
    "a fault behind what is printed": 'print(sbh_run("fetch"))',
    "a crash": 'sbh_run("crash")',
    "a crash behind its output": 'assert sbh_run("crash").stdout == ""',
    "a fault of a run whose failure was checked": 'assert sbh_run("both").value["error"] == "no rows"',
    "a month whose runs are only counted": 'assert len(sbh_simulate("2d", jobs="crash").runs) == 2',
    "one run of two": 'assert not sbh_run("crash").ok; sbh_run("crash")',
    "a first attempt, of a fire time of which only the value is read": RETRIED + "assert runs[-1].value",
    "a call of the test's own": 'assert sbh_ctx.secrets.get("API_KEY") is None',
}
CHECKED = {
    "ok is read": 'assert not sbh_run("fetch").ok',
    "the verdict is read": 'assert sbh_run("fetch").verdict == "faulty"',
    "the faults are read": 'assert [fault.kind for fault in sbh_run("fetch").faults] == ["secret-missing"]',
    "the summary is read": 'assert "API_KEY" in sbh_run("fetch").summary',
    "everything is read": 'assert sbh_run("both").to_dict()["ok"] is False',
    "it is compared whole": 'assert sbh_run("fetch") == sbh_run("fetch")',
    "the error is read": 'assert sbh_run("crash").error.type == "KeyError"',
    "the failing value is read": 'run = sbh_run("both"); assert run.value and run.faults',
    "the month's failures are read": 'assert len(sbh_simulate("2d", jobs="crash").failures) == 2',
    "the month is asked whether it is ok": 'assert not sbh_simulate("2d").ok',
    "of each fire time, the last attempt is read": RETRIED + "assert runs[-1].ok",
    "nothing failed": 'assert sbh_run("fine").value == 1',
}
TEST = "def test_it(sbh_run, sbh_simulate, sbh_ctx, sbh_world):\n    {0}\n"


@pytest.mark.parametrize("case", UNCHECKED)
def test_an_unchecked_failure_fails_the_test(case, jobs):
    """Both for faults that the job swallowed and for errors that it raised."""
    jobs.tested(TEST.format(UNCHECKED[case]), failed=1)


@pytest.mark.parametrize("case", CHECKED)
def test_a_checked_failure_is_left_to_the_test(case, jobs):
    """A test that reads the result of a run decides itself whether it passes."""
    jobs.tested(TEST.format(CHECKED[case]))


def test_a_fault_that_is_allowed(jobs):
    """`sbh_allow` on the test, its class or its module allows that kind, and the run is ok."""
    jobs.tested(
        """
import pytest
pytestmark = pytest.mark.sbh_allow("network")

@pytest.mark.sbh_allow("secret-missing")
class TestIt:
    def test_run(self, sbh_run):
        assert sbh_run("fetch").value["rows"] == 0 and sbh_run("fetch").ok

    @pytest.mark.sbh_allow("real-file")
    def test_call(self, sbh_ctx, sbh_world):
        sbh_ctx.secrets.get("API_KEY")
        assert sbh_world.allow == {"network", "secret-missing", "real-file"}
""",
        passed=2,
    )


def test_a_fault_that_is_allowed_in_a_custom_world(jobs):
    """Also if a conftest overrides `sbh_world` without reading markers."""
    jobs.write(
        {"conftest.py": "import pytest, sbh_jobkit\n\n@pytest.fixture\ndef sbh_world(): return sbh_jobkit.World()\n"}
    )
    jobs.tested('import pytest\n@pytest.mark.sbh_allow("secret-missing")\ndef test_it(sbh_run): sbh_run("fetch")\n')


def test_the_message_of_an_unchecked_failure(jobs, kept):
    """It names the run, the fault and what to do: assert, or mark the test."""
    jobs.write(
        {
            "test_it.py": """
def test_run(sbh_run):
    sbh_run("fetch", at="2026-01-05T06:00")
    sbh_run("crash", at="2026-01-05T06:00")

def test_call(sbh_ctx):
    sbh_ctx.secrets.get("API_KEY")
"""
        }
    )
    kept("unseen", jobs.screen())


def test_the_message_of_an_unchecked_failure_in_a_simulation(jobs):
    """It names what compares a whole simulation."""
    jobs.write({"test_it.py": 'def test_it(sbh_simulate):\n    sbh_simulate("1d", jobs="crash")\n'})
    assert "if this is expected, compare simulation.failures, or assert on run.ok" in jobs.screen()


def test_a_wrong_name_is_an_error_at_the_line_of_the_test(jobs):
    """With the nearest right one, as everywhere."""
    jobs.write({"test_it.py": 'def test_it(sbh_run):\n    assert sbh_run("fine").http_call == ()\n'})
    screen = jobs.screen()
    assert "AttributeError: a run has no 'http_call'; did you mean 'http_calls'?" in screen
    assert "tracker.py" not in screen


def test_a_failing_test_shows_what_it_ran(jobs, kept):
    """The runs of a test that fails itself are shown below it, with their output."""
    jobs.write({"test_it.py": 'def test_it(sbh_run):\n    assert sbh_run("both", at="2026-01-05").ok\n'})
    lines = jobs.screen().splitlines()
    start = next(number for number, line in enumerate(lines) if "Captured runs call" in line)
    kept("shown", "\n".join(lines[start:]) + "\n")


def test_many_runs_are_cut(jobs):
    """At most five are shown, and of a simulation only failed ones."""
    test = "def test_it(sbh_simulate):\n    assert sbh_simulate('4d', jobs=['crash', 'both', 'fine']).ok\n"
    lines = jobs.tested(test, failed=1).outlines
    shown = [line.split("  ")[0] for line in lines if line.endswith("took 0 s")]
    assert shown == ["crash", "both", "crash", "both", "crash"]
    assert "… and 3 more" in lines


def test_a_call_that_went_wrong_is_shown_with_a_failing_test(jobs):
    """Also if there is no line to paste."""
    lines = jobs.tested("def test_it(sbh_ctx):\n    assert sbh_ctx.files.upload('a.txt', 7)\n", failed=1).outlines
    (shown,) = [line for line in lines if line.startswith("ctx.files.upload")]
    assert shown.startswith("ctx.files.upload: tests/test_it.py:2: ")
    assert shown.endswith(" [file-type]")


def test_what_runs_after_the_test_counts(jobs):
    """A failed run in the teardown of a fixture is an error of the teardown."""
    jobs.tested(
        """
import pytest

@pytest.fixture
def clean(sbh_run):
    yield
    sbh_run("crash")

def test_it(clean): ...
""",
        passed=1,
        errors=1,
    )


def test_what_runs_before_the_test_counts(jobs):
    """A failed run in the setup of a fixture counts for the test."""
    jobs.tested(
        "import pytest\n\n@pytest.fixture\ndef given(sbh_run): sbh_run('crash')\n\ndef test_it(given): ...\n", failed=1
    )


def test_a_test_that_fails_anyway_fails_once(jobs):
    """A failed test, a skipped test and a broken fixture get no second error."""
    test = """
import pytest

@pytest.fixture
def broken(sbh_run):
    sbh_run("crash")
    raise OSError

def test_fails(sbh_run): assert sbh_run("crash").stdout
def test_skips(sbh_run): sbh_run("crash"); pytest.skip("enough")
def test_breaks(broken): ...
@pytest.mark.xfail(strict=True)
def test_is_meant_to(sbh_run): sbh_run("crash")
"""
    jobs.tested(test, failed=1, skipped=1, errors=1, xfailed=1)


@pytest.fixture
def tracked():
    """Return the run and what was read of it."""
    return TrackedRun(RUN, in_simulation=False)


def test_it_is_the_run(tracked):
    """It equals the run in type, value, repr and copies."""
    watched = WatchedRun(tracked)
    assert isinstance(watched, Run)
    assert (watched == RUN, RUN.__eq__(watched)) == (True, True)
    assert watched != replace(RUN, value="bye")
    assert hash(watched) == hash(RUN)
    assert repr(watched) == "<Run greet 2026-01-05 06:00 UTC: ok>"
    assert asdict(watched) == asdict(RUN)
    assert type(replace(watched, job="other")) is Run
    assert (copy.copy(watched), pickle.loads(pickle.dumps(watched))) == (RUN, RUN)  # noqa: S301  its own


def test_it_notes_what_is_read(tracked):
    """Each attribute that was read is recorded; a repr is not."""
    watched = WatchedRun(tracked)
    assert (repr(watched), tracked.names) == (repr(RUN), set())
    assert (watched.ok, watched.stdout) == (True, "")
    assert tracked.names == {"ok", "stdout"}


def test_it_cannot_be_changed(tracked):
    """It is frozen like the run."""
    with pytest.raises(AttributeError):
        WatchedRun(tracked).job = "other"
