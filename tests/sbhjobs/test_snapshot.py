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
  "count": {
   "runs": "2026-01-01T06:00+00:00 1440*4",
   "verdict": "ok*5",
   "value.status": "success*5",
   "value.weekend": "false*2 true*2 false",
   "value.key": "‹secret:KEY›*5",
   "event counted": "1*5",
   "file uploaded #.txt": "0*2 1 0*2",
   "content of event counted": "2687 2687 2687 2687 2687",
   "content of file uploaded #.txt": "b7ca"
  },
  "rest": {}
 }
}
"""


@pytest.fixture
def counting(repository):
    """Return a repository with a job whose runs are equal except at weekends."""
    repository.plugin(MAIN, **{"world.py": WORLD})
    return repository


def test_a_snapshot_is_small_and_holds_no_secret(counting):
    """`--sbh-update` writes a line for each thing, and the test passes from then on."""
    counting.tested(TEST, "--sbh-update")
    file = counting.path / "tests/kept/month.json"
    assert file.read_text() == MONTH
    counting.tested(TEST)
    file.write_text(json.dumps(json.loads(MONTH), indent=4))  # a tool for JSON may write it in its own way
    counting.tested(TEST)


def test_values_can_be_left_out(counting):
    """The values may be random; the rest is still compared."""
    counting.tested(TEST.replace("month.json'", "month.json', values=False"), "--sbh-update")
    text = (counting.path / "tests/kept/month.json").read_text()
    assert [word in text for word in ("value.", "content of", "event counted")] == [False, False, True]


def test_a_snapshot_that_is_not_there(counting):
    """It is not written without `--sbh-update`."""
    result = counting.tested(TEST, failed=1)
    result.stdout.fnmatch_lines(
        ["there is no snapshot 'kept/month.json' yet: create it with pytest --sbh-update, and review it"]
    )
    assert not (counting.path / "tests/kept").exists()


def test_a_month_that_differs(counting, kept):
    """The message names the runs, the things and both values, and how to update the file."""
    counting.tested(TEST, "--sbh-update")
    counting.plugin(MAIN.replace('"counted"', '"told"').replace("0 6 * * *", "0 6 * * 1-5"), **{"world.py": WORLD})
    kept("snapshot", counting.shown(counting.tested(TEST, failed=1)))


def test_a_long_difference_is_cut(counting):
    """At most thirty lines are shown."""
    many = "return {f'field {n}': 1 for n in range(40)} | {"
    counting.plugin(MAIN.replace("return {", many), **{"world.py": WORLD})
    counting.tested(TEST, "--sbh-update")
    counting.plugin(MAIN.replace("return {", many.replace(": 1", ": n")), **{"world.py": WORLD})
    result = counting.tested(TEST, failed=1)
    result.stdout.fnmatch_lines(["… and 9 more lines"])


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", MONTH.replace("1440*4", "1440*3"), MONTH.replace("false*2", "false*x"),
        MONTH.replace("ok*5", "= verdicts"), MONTH.replace('"ok*5"', "5"), MONTH.replace("false*2 ", "false*2,"),
        '{"plugin": "greeter", "start": "", "end": "", "tz": "UTC", "jobs": {"count": [{"at": "", "runs": 2}]}}',
    ],
    ids=["empty", "a list", "nothing", "runs", "a number", "a name", "no text", "a comma", "an older version"],
)  # fmt: skip
def test_a_file_that_is_no_snapshot(counting, text):
    """One sentence says what to do."""
    (counting.path / "tests/kept").mkdir(parents=True)
    (counting.path / "tests/kept/month.json").write_text(text)
    result = counting.tested(TEST, failed=1)
    result.stdout.fnmatch_lines(
        [
            "'kept/month.json' is not a snapshot of this version: write it with pytest --sbh-update, and review it",
        ]
    )


def test_a_failure_in_a_snapshot_counts_as_checked(counting):
    """The snapshot shows the failure to the person who reviews it."""
    counting.plugin(MAIN, **{"world.py": "def setup(world): world.db.create('none')\n"})
    counting.tested(TEST, "--sbh-update")
    assert (
        '"verdict": "faulty*5",\n   "why": "\\"secret-missing: secret \'KEY\' is not set'
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
