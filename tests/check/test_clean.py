"""No false alarms: plugins without a mistake have no error and no warning, whatever they look like."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from test_pairs import HEAD, whole

from sbh_jobkit.check.check import check, check_all
from sbh_jobkit.check.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
PLUGINS = tomllib.loads((Path(__file__).parent / "clean" / "plugins.toml").read_text())["plugins"]


@pytest.mark.parametrize("text", PLUGINS.values(), ids=PLUGINS)
def test_clean_plugins(tmp_path, text):
    """None of them has an error or a warning."""
    (tmp_path / "main.py").write_text(whole(text))
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    assert check(tmp_path) == []


def test_there_are_enough_of_them():
    """Thirty, each with a job."""
    assert len(PLUGINS) >= 30
    assert all("@job" in whole(text) for text in PLUGINS.values())
    assert HEAD.startswith("from src.ext.sdk import job")


def test_the_examples_are_clean():
    """Neither have the examples."""
    assert [each.findings for each in check_all([EXAMPLES], Settings())] == [()] * 5
