"""`sbh-jobkit simulate --strict`: observations fail."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.cli.main import FAILED, OK, main

MAIN = """\
from src.ext.sdk import job

@job("words", schedule="0 6 * * *")
def words(ctx):
    return {"status": "failed"}
"""
LINES = """\
observations (nothing failed, but this is probably not meant):
  words: returned the status 'failed', which the platform takes for success; its
    word is 'error' [status-unknown]
    3 times, the first on Thu 2026-01-01 06:00 UTC; return {"status": "error",
      "error": "…"} where a job fails; the platform takes anything else for
      success

"""


@pytest.fixture(autouse=True)
def plugin(tmp_path, monkeypatch):
    """Stand in the folder of a plugin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')


def test_observations_are_shown_and_fail_only_under_strict(capsys):
    """The last line counts them then."""
    assert main(["simulate", ".", "--for", "3d"]) == OK
    assert capsys.readouterr().out.endswith(f"{LINES}3 runs, all as expected\n")
    assert main(["simulate", ".", "--for", "3d", "--strict"]) == FAILED
    assert capsys.readouterr().out.endswith(f"{LINES}3 runs, all as expected, but 1 observation\n")


def test_observations_as_json(capsys):
    """With kind, place, count and first time."""
    assert main(["simulate", ".", "--for", "3d", "--strict", "--json"]) == FAILED
    (found,) = json.loads(capsys.readouterr().out)["observations"]
    assert (found["kind"], found["job"], found["count"]) == ("status-unknown", "words", 3)
