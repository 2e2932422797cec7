"""A month compared with a file."""

from __future__ import annotations

import json

import pytest

MAIN = """\
from datetime import datetime
from src.ext.sdk import job

@job("count", schedule="0 6 * * *")
def count(ctx):
    ctx.files.upload(f"{datetime.now():%d}.txt", "x") if datetime.now().day == 3 else None
    ctx.emit("counted", {"key": ctx.secrets.get("KEY")})
    return {"status": "success", "weekend": datetime.now().weekday() >= 5, "key": ctx.secrets.get("KEY")}

@job("rest", schedule="0 0 1 7 *")
def rest(ctx): ...
"""
WORLD = "def setup(world):\n    world.secrets['KEY'] = 'hush-hush'\n    world.allow = ['secret-leaked']\n"
TEST = "def test_it(sbh_simulate):\n    sbh_simulate('5d').assert_matches('kept/month.json')\n"
MONTH = """\
{
 "plugin": "greeter",
 "start": "2026-01-01T00:00:00+00:00",
 "end": "2026-01-06T00:00:00+00:00",
 "tz": "UTC",
 "jobs": {
  "count": [
   {"at": "2026-01-01T06:00+00:00", "runs": 2, "verdict": "ok", "value": {WEEKDAY}, "emits": {"counted": 1}},
   {"at": "2026-01-03T06:00+00:00", "runs": 1, "verdict": "ok", "value": {WEEKEND}, "emits": {"counted": 1}, \
"files": ["uploaded 03.txt"]},
   {"at": "2026-01-04T06:00+00:00", "runs": 1, "verdict": "ok", "value": {WEEKEND}, "emits": {"counted": 1}},
   {"at": "2026-01-05T06:00+00:00", "runs": 1, "verdict": "ok", "value": {WEEKDAY}, "emits": {"counted": 1}}
  ],
  "rest": []
 }
}
"""
VALUE = '"status": "success", "weekend": false, "key": "‹secret:KEY›"'
MONTH = MONTH.replace("WEEKDAY", VALUE).replace("WEEKEND", VALUE.replace("false", "true"))


@pytest.fixture
def counting(repository):
    """Return a repository with a job whose runs are equal except at weekends."""
    repository.plugin(MAIN, **{"world.py": WORLD})
    return repository


def test_a_snapshot_is_small_and_holds_no_secret(counting):
    """`--sbh-update` writes a line for each series of equal runs, and the test passes from then on."""
    counting.tested(TEST, "--sbh-update")
    file = counting.path / "tests/kept/month.json"
    assert file.read_text() == MONTH
    assert json.loads(MONTH)["jobs"]["count"][0]["runs"] == 2
    counting.tested(TEST)


def test_values_can_be_left_out(counting):
    """The values may be random; the rest is still compared."""
    counting.tested(TEST.replace("month.json'", "month.json', values=False"), "--sbh-update")
    assert "value" not in (counting.path / "tests/kept/month.json").read_text()


def test_a_snapshot_that_is_not_there(counting):
    """It is not written without `--sbh-update`."""
    result = counting.tested(TEST, failed=1)
    result.stdout.fnmatch_lines(
        ["there is no snapshot 'kept/month.json' yet: create it with pytest --sbh-update, and review it"]
    )
    assert not (counting.path / "tests/kept").exists()


def test_a_month_that_differs(counting, kept):
    """The message shows the lines that differ, and how to update the file."""
    counting.tested(TEST, "--sbh-update")
    counting.plugin(MAIN.replace('"counted"', '"told"').replace("0 6 * * *", "0 6 * * 1-5"), **{"world.py": WORLD})
    kept("snapshot", counting.shown(counting.tested(TEST, failed=1)))


def test_a_long_difference_is_cut(counting):
    """At most thirty lines are shown."""
    counting.tested(TEST, "--sbh-update")
    counting.plugin(MAIN.replace("weekday() >= 5", "day"), **{"world.py": WORLD})
    result = counting.tested(TEST.replace("5d", "60d"), failed=1)
    result.stdout.fnmatch_lines(["… and 44 more lines"])


def test_a_failure_in_a_snapshot_counts_as_checked(counting):
    """The snapshot shows the failure to the person who reviews it."""
    counting.plugin(MAIN, **{"world.py": "def setup(world): world.db.create('none')\n"})
    counting.tested(TEST, "--sbh-update")
    assert (
        '"verdict": "faulty", "why": "secret-missing: secret \'KEY\' is not set'
        in (counting.path / "tests/kept/month.json").read_text()
    )


TWO = """\
import pytest
from sbh_jobkit import Plugin

def quiet(plugin):
    return plugin.edited((plugin.root / "main.py").read_text().replace('ctx.emit("counted"', 'ctx.emit("noted"'))

def test_same(sbh_simulate):
    sbh_simulate("3d").assert_same_effects(sbh_simulate("3d"))

def test_other(sbh_simulate, sbh_plugin):
    sbh_simulate("3d", plugin=quiet(sbh_plugin)).assert_same_effects(sbh_simulate("3d"), ignoring="file")

def test_ignored(sbh_simulate, sbh_plugin):
    other = sbh_simulate("3d", plugin=quiet(sbh_plugin))
    sbh_simulate("3d").assert_same_effects(other, ignoring=["counted", "noted"])
"""


def test_two_simulations_of_a_test_start_in_the_same_world(counting):
    """The second does not meet what the first has left, and a difference names the effects."""
    result = counting.tested(TWO, passed=2, failed=1)
    assert "the simulations differ: 3 effects lost, 3 effects added" in "\n".join(result.outlines)
