"""`pytest --pdb` stops in the plugin's code, and `--trace` steps through a test as always."""

from __future__ import annotations

import os
import re
import sys

import pexpect
import pytest

pytestmark = pytest.mark.usefixtures("measured")

MAIN = """\
from src.ext.sdk import job
from helpers import divide

LIMIT = 7


@job("bill", schedule="0 9 * * *")
def bill(ctx):
    amount = 41
    return divide(amount)


@job("ask", schedule="0 9 * * *")
def ask(ctx):
    key = ctx.secrets.get("KEY")
    return {"status": "success"}


@job("say", schedule="0 9 * * *")
def say(ctx):
    return {"status": "error", "message": "no"}


@job("wait", schedule="0 9 * * *")
def wait(ctx):
    import time
    step = 3
    time.sleep(90)


@job("parse", schedule="0 9 * * *")
def parse(ctx):
    import json
    text = "{"
    return json.loads(text)


@job("later", schedule="0 9 * * *")
async def later(ctx):
    import asyncio
    word = "soon"
    await asyncio.sleep(1)
    raise ValueError(word)


@job("upload", schedule="0 9 * * *")
def upload(ctx):
    name = "a.txt"
    ctx.files.upload(name, b"x")
"""
HELPERS = "def divide(amount):\n    by = 0\n    return amount / by\n"
TESTS = """\
import pytest
from sbh_jobkit import Plugin, World, run_job


def test_unchecked(sbh_run):
    sbh_run("bill", at="2026-01-01T09:00")


def test_unchecked_fault(sbh_run):
    sbh_run("ask", at="2026-01-01T09:00")


def test_asserted(sbh_run):
    run = sbh_run("bill", at="2026-01-01T09:00")
    assert run.ok, run.summary


def test_run_job():
    run = run_job(Plugin.load(".").jobs["bill"], World(), at="2026-01-01T09:00")
    assert run.ok


def test_of_itself(sbh_run):
    run = sbh_run("bill", at="2026-01-01T09:00")
    assert run.outcome == "crashed"
    {}["mine"]


def test_without_a_run():
    mine = 1
    assert mine == 2


def test_month(sbh_simulate):
    assert sbh_simulate("2d", jobs=["bill"]).failures == []
"""


@pytest.fixture
def debugged(tmp_path):
    """Return a function that starts pytest in a terminal, with a plugin whose jobs fail in several ways."""
    (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop", "permissions": ["db.read"]}')
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "test_shop.py").write_text(TESTS)
    children = []

    def start(*words):
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", *words]
        own = {**os.environ, "TERM": "dumb"}
        child = pexpect.spawn(
            sys.executable, command, cwd=str(tmp_path), env=own, encoding="utf-8", timeout=60, echo=False
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def ask(child, *commands):
    """Return what pdb answers to commands, once it has stopped."""
    child.expect_exact("(Pdb) ")
    answers = []
    for each in commands:
        child.sendline(each)
        child.expect_exact("(Pdb) ")
        answers.append(re.sub(r"\x1b\[[\d;?]*\w", "", child.before).strip())
    return answers


def current(where):
    """Return the frame in which pdb stands."""
    return re.findall(r"^> (.*)", where, re.MULTILINE)[-1]


SIMULATED = {
    "raised in a helper": ("bill", "divide()", "by", "0"),
    "raised in the standard library": ("parse", "parse()", "text", "'{'"),
    "raised after waiting": ("later", "later()", "word", "'soon'"),
    "raised by the kit": ("upload", "upload()", "name", "'a.txt'"),
    "out of time": ("wait", "wait()", "step", "3"),
    "a fault": ("ask", "main.py(15)<module>()", "LIMIT", "7"),
    "returned as failed": ("say", "main.py(19)<module>()", "LIMIT", "7"),
}


@pytest.mark.parametrize(("job", "place", "name", "value"), SIMULATED.values(), ids=SIMULATED)
def test_a_failing_simulation_stops_in_the_plugin(debugged, job, place, name, value):
    """In the frame that raised, with its names; a run that raised nothing stops at its line, with the module's."""
    child = debugged("--pdb", "--sbh-simulate=2d", "plugin.json", "-k", job)
    where, shown = ask(child, "where", f"p {name}")
    assert place in current(where)
    assert shown == value


IN_TESTS = {
    "nobody checked it": ("test_unchecked", "divide()", "p by", "0"),
    "nobody checked its fault": ("test_unchecked_fault", "main.py(15)<module>()", "p LIMIT", "7"),
    "an assertion": ("test_asserted", "divide()", "p amount", "41"),
    "an assertion on run_job": ("test_run_job", "divide()", "p by", "0"),
    "a simulation": ("test_month", "divide()", "p by", "0"),
    "an error of the test": ("test_of_itself", "test_of_itself()", "p run.job", "'bill'"),
    "a test without a run": ("test_without_a_run", "test_without_a_run()", "p mine", "1"),
}


@pytest.mark.parametrize(("test", "place", "command", "value"), IN_TESTS.values(), ids=IN_TESTS)
def test_a_failing_test_stops_in_the_plugin(debugged, test, place, command, value):
    """If a run that raised is the reason; an error of the test itself stops in the test."""
    child = debugged("--pdb", f"test_shop.py::{test}")
    where, shown = ask(child, "where", command)
    assert place in current(where)
    assert shown == value


def test_up_leads_from_the_plugin_to_the_test(debugged):
    """The frames of the test stand above those of the plugin."""
    child = debugged("--pdb", "test_shop.py::test_asserted")
    answers = ask(child, "up", "up", "p run.job")
    assert ["main.py(10)bill()" in answers[0], "test_shop.py(15)test_asserted()" in answers[1]] == [True, True]
    assert answers[2] == "'bill'"


def test_each_failing_test_stops_in_its_own_run(debugged):
    """What an earlier test has raised is not taken for the reason of a later one."""
    child = debugged("--pdb", "test_shop.py", "-k", "asserted or without")
    (first,) = ask(child, "where")
    child.sendline("continue")
    (second,) = ask(child, "where")
    assert ["divide()" in current(first), "test_without_a_run()" in current(second)] == [True, True]


def test_the_failure_is_shown_as_without_a_debugger(debugged):
    """The report above the prompt is the same text."""
    child = debugged("--pdb", "--sbh-simulate=2d", "plugin.json", "-k", "bill")
    child.expect_exact("(Pdb) ")
    assert "main.py:7, 0 9 * * *: 2 of 2 runs failed" in child.before
    child.sendline("quit")
    child.expect(pexpect.EOF)
    assert "1 failed" in child.before


@pytest.mark.parametrize(
    ("words", "place"),
    [(("test_shop.py::test_asserted",), "test_shop.py"), (("--sbh-simulate=2d", "plugin.json", "-k", "bill"), "")],
)
def test_trace_steps_through_a_test(debugged, words, place):
    """It stops at the first line of the test, and the test goes on to its end."""
    child = debugged("--trace", *words)
    (where,) = ask(child, "where")
    assert place in where
    child.sendline("continue")
    child.expect(pexpect.EOF)
    assert "1 failed" in child.before


def test_nothing_is_kept_without_a_debugger():
    """A traceback keeps alive what a job's frames hold, so it is dropped."""
    from src.ext.sdk import job

    from sbh_jobkit import Plugin, World, run_job
    from sbh_jobkit.run import tracebacks

    @job("fail")
    def fail(_):
        raise ValueError

    before = tracebacks.latest()
    assert run_job(Plugin.load({"fail": fail}).jobs["fail"], World()).outcome == "crashed"
    assert tracebacks.latest() is before


def test_the_last_are_kept():
    """At most so many."""
    from src.ext.sdk import job

    from sbh_jobkit import Plugin, World, run_job
    from sbh_jobkit.run import tracebacks

    @job("fail")
    def fail(_):
        raise ValueError

    failing = Plugin.load({"fail": fail}).jobs["fail"]
    tracebacks.keep(2)
    try:
        runs = [run_job(failing, World(), at=f"2026-01-0{day}") for day in (1, 2, 3)]
        found = [tracebacks.find("fail", run.started_at.timestamp()) for run in runs]
        assert [each and type(each.error) for each in found] == [None, ValueError, ValueError]
        assert found[2].traceback.tb_frame.f_code.co_name == "fail"
    finally:
        tracebacks.keep(0)
    assert tracebacks.latest() is None
