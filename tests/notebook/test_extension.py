"""The completion that the extension adds."""

from __future__ import annotations

import pytest

JOBS = """
from src.ext.sdk import job

@job("fetch", schedule="0 6 * * *")
def fetch(ctx): return 1

@job("tidy up")
def tidy(ctx): return 1
"""
OFFERED = [
    ("%run_job fe", ["fetch"]),
    ("%run_job ", ["'tidy up'", "fetch"]),
    ("run = %run_job fe", ["fetch"]),
    ("%cron_preview f", ["fetch"]),
    ("%simulate 30d --job ", ["'tidy up'", "fetch"]),
    ("%simulate --job=fe", ["fetch"]),
    ("%run_job fetch --", ["--at", "--on", "--target", "--tenant", "--token-file", "--tz", "--world"]),
    ("%cron_preview fetch --f", ["--for", "--from"]),
    ("%run_job fetch --tz Europe/Pari", ["Europe/Paris"]),
    ("%cron_preview 0 9 * * 1 --tz America/Argentina/Bu", ["America/Argentina/Buenos_Aires"]),
    ("%simulate --target ", ["guide", "host"]),
]


@pytest.mark.parametrize(("line", "offered"), OFFERED, ids=[line for line, _ in OFFERED])
def test_what_is_offered(notebook, line, offered):
    """Names of jobs, options, zones and targets, and nothing else."""
    notebook.run(JOBS)
    assert sorted(notebook.completed(line)) == sorted(offered)


def test_other_lines_are_completed_as_before(notebook):
    """Code outside of magics, and option values without choices, are left to IPython."""
    notebook.run(JOBS)
    assert "fetch" in notebook.completed("fet")
    assert "fetch" not in notebook.completed("%run_job fetch --at fe")


def test_a_job_with_an_error_is_no_reason_to_fail(notebook):
    """Completion offers nothing; the magic itself reports the error."""
    notebook.run(JOBS)
    notebook.run("fetch._plugin_job_schedule = '61 * * * *'")
    assert "fetch" not in notebook.completed("%run_job fe")
