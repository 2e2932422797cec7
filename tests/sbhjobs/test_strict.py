"""`--sbh-strict`: observations fail the test of their job."""

from __future__ import annotations

MAIN = """\
from src.ext.sdk import job

@job("words", schedule="0 6 * * *")
def words(ctx):
    return {"status": "failed"}

@job("calm", schedule="0 7 * * *")
def calm(ctx): ...
"""


def test_observations_fail_only_where_somebody_is_strict(repository):
    """By option or by ini setting; the failure names the value, its count and the right word."""
    repository.plugin(MAIN)
    repository.run("--sbh-simulate=3d").assert_outcomes(passed=2)
    result = repository.run("--sbh-simulate=3d", "--sbh-strict")
    result.assert_outcomes(passed=1, failed=1)
    text = " ".join("\n".join(result.outlines).split())
    assert "words: returned the status 'failed', which the platform takes for success; its word is 'error'" in text
    assert "3 times, the first on Thu 2026-01-01 06:00 UTC" in text
    repository.write({"pytest.ini": "[pytest]\nsbh_strict = true\n"})
    repository.run("--sbh-simulate=3d").assert_outcomes(passed=1, failed=1)
