"""What a run changes of the whole process is restored after it, and observed."""

import logging
import os
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, simulate

MAIN = """\
import datetime, logging, os, time
from src.ext.sdk import job

@job("first", schedule="0 6 * * *")
def first(ctx):
    {0}

@job("second", schedule="0 7 * * *")
def second(ctx):
    logging.getLogger("later").info("heard")
    return [str(datetime.datetime.now()), os.getcwd()]
"""
FOLDER, ZONE, LOGGING = "the working folder", "the time zone (TZ)", "logging"
CHANGES = {
    "os.chdir('/')": [FOLDER],
    "os.fchdir(os.open('/', os.O_RDONLY))": [FOLDER],
    "os.chdir('..'); os.chdir('/tmp')": [FOLDER],
    "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()": [ZONE],
    "os.putenv('TZ', 'Asia/Tokyo'); time.tzset()": [ZONE],
    "os.environ.update(TZ='America/Lima', LANG='C'); time.tzset()": [ZONE],
    "logging.disable()": [LOGGING],
    "logging.getLogger().setLevel('ERROR')": [LOGGING],
    "os.chdir('/'); logging.disable()": [FOLDER, LOGGING],
    "os.environ['OTHER_TZ'] = 'x'": [],
    "os.getcwd()": [],
}


@pytest.fixture
def plugin(tmp_path):
    """Return a function that makes a plugin whose first job runs a line."""

    def make(line, head=""):
        (tmp_path / "plugin.json").write_text('{"slug": "state", "name": "State", "timezone": "Europe/Paris"}')
        (tmp_path / "main.py").write_text(head + MAIN.format(line))
        return Plugin.load(tmp_path)

    return make


def outside():
    """Return the same state, where nothing simulates."""
    return Path.cwd(), os.environ.get("TZ"), logging.root.level, logging.root.manager.disable


@pytest.mark.parametrize("line", CHANGES)
def test_what_a_run_changes_ends_with_it(plugin, line):
    """The next run sees its own time and the folder of before, and its log is kept."""
    before = outside()
    month = simulate(plugin(line), duration="1d")
    second = month.runs[1]
    assert second.value == ["2026-01-01 07:00:00", str(before[0])]
    assert second.logs == ("INFO later: heard",)
    assert outside() == before
    seen = [(each.job, each.message) for each in month.observations if each.kind == "process-state"]
    assert seen == [
        ("first", f"changes {what} of the whole process, which other runs may share") for what in CHANGES[line]
    ]


def test_an_import_that_changes_the_folder_says_so(plugin):
    """The folder stays as it was, so that a path means the same before and after."""
    before = outside()
    loaded = plugin("pass", head="import os; os.chdir('/')\n")
    assert loaded.warnings == ("main.py:1: changes the working folder of the whole process when it is imported",)
    assert outside() == before


def test_a_folder_that_is_gone_is_left(plugin, tmp_path, monkeypatch):
    """There is nothing to go back to, and the run is what it was."""
    (tmp_path / "gone").mkdir()
    loaded = plugin("os.chdir('/')")
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert simulate(loaded, duration="1d", jobs=["first"]).ok
