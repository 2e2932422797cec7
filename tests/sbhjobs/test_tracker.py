"""No test passes while a job of its own failed unseen."""

from __future__ import annotations

import pytest

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
"""


@pytest.fixture
def jobs(repository):
    """Stand beside jobs that fail in several ways."""
    repository.plugin(MAIN)
    return repository


UNSEEN = {
    "a fault, for all the test knows": 'sbh_run("fetch", at="2026-01-05T06:00")',
    "a fault behind a value": 'assert sbh_run("fetch").value["rows"] == 0',
    "a fault behind an outcome": 'assert sbh_run("fetch").outcome == "ok"',
    "a fault behind what is printed": 'print(sbh_run("fetch"))',
    "a crash": 'sbh_run("crash")',
    "a crash behind its output": 'assert sbh_run("crash").stdout == ""',
    "a fault of a run that failed in sight": 'assert sbh_run("both").value["error"] == "no rows"',
    "a month whose runs are only counted": 'assert len(sbh_simulate("2d", jobs="crash").runs) == 2',
    "one run of two": 'assert not sbh_run("crash").ok; sbh_run("crash")',
    "a call of the test's own": 'assert sbh_ctx.secrets.get("API_KEY") is None',
}
SEEN = {
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
    "nothing failed": 'assert sbh_run("fine").value == 1',
}
TEST = "def test_it(sbh_run, sbh_simulate, sbh_ctx, sbh_world):\n    {0}\n"


@pytest.mark.parametrize("case", UNSEEN)
def test_what_is_not_looked_at_fails_the_test(case, jobs):
    """Whatever the job swallowed or raised."""
    jobs.tested(TEST.format(UNSEEN[case]), failed=1)


@pytest.mark.parametrize("case", SEEN)
def test_what_is_looked_at_is_the_tests_own_business(case, jobs):
    """A test that reads how a run went has decided."""
    jobs.tested(TEST.format(SEEN[case]))


def test_a_fault_that_is_allowed(jobs):
    """`sbh_allow` on the test, its class or its module lets that kind pass, and the run is ok."""
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


def test_a_fault_that_is_allowed_in_a_world_of_ones_own(jobs):
    """Also where a conftest's world knows nothing of markers."""
    jobs.write(
        {"conftest.py": "import pytest, sbh_jobkit\n\n@pytest.fixture\ndef sbh_world(): return sbh_jobkit.World()\n"}
    )
    jobs.tested('import pytest\n@pytest.mark.sbh_allow("secret-missing")\ndef test_it(sbh_run): sbh_run("fetch")\n')


def test_the_reproach(jobs, kept):
    """The test's failure names the run, the fault and the marker, and what else one can do."""
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


def test_a_failing_test_shows_what_it_ran(jobs, kept):
    """Where a test fails of itself, its runs are shown beside it, with their output."""
    jobs.write({"test_it.py": 'def test_it(sbh_run):\n    assert sbh_run("both", at="2026-01-05").ok\n'})
    lines = jobs.screen().splitlines()
    start = next(number for number, line in enumerate(lines) if "Captured runs call" in line)
    kept("shown", "\n".join(lines[start:]) + "\n")


def test_many_runs_are_cut(jobs):
    """Five of them are enough to see, and of a simulation only those that failed."""
    test = "def test_it(sbh_simulate):\n    assert sbh_simulate('4d', jobs=['crash', 'both', 'fine']).ok\n"
    lines = jobs.tested(test, failed=1).outlines
    shown = [line.split("  ")[0] for line in lines if line.endswith("took 0 s")]
    assert shown == ["crash", "both", "crash", "both", "crash"]
    assert "… and 3 more" in lines


def test_a_call_that_went_wrong_is_shown_with_a_failing_test(jobs):
    """Also where the test fails of itself, and where there is nothing to paste."""
    lines = jobs.tested("def test_it(sbh_ctx):\n    assert sbh_ctx.files.upload('a.txt', 7)\n", failed=1).outlines
    (told,) = [line for line in lines if line.startswith("ctx.files.upload")]
    assert told.startswith("ctx.files.upload: tests/test_it.py:2: ")
    assert told.endswith(" [file-type]")


def test_what_runs_after_the_test_counts(jobs):
    """A fixture that runs a job at its end is an error of the test's end."""
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
    """A fixture that runs a job at its start is the test's, too."""
    jobs.tested(
        "import pytest\n\n@pytest.fixture\ndef given(sbh_run): sbh_run('crash')\n\ndef test_it(given): ...\n", failed=1
    )


def test_a_test_that_fails_anyway_fails_once(jobs):
    """No error comes on top of a failure, a skip, or a fixture that broke."""
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
