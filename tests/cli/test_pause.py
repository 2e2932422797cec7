"""`pause` and `resume` on a store, as people type them; a pause holds while schedulers come and go."""

import re

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines import heartbeat, planner
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.schedule import Schedule

JOBS = [
    PlannedJob(tenant="acme", plugin="shop", job=name, schedule=Schedule("* * * * *")) for name in ("close", "open")
]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Make a store that a scheduler has served two jobs from, and go there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ann")
    decide(now())


def decide(at):
    """Let a scheduler come, decide on what is due, and go; return jobs, actions and reasons."""
    store = Store.open("sqlite:///jobs.db")
    with store.write() as connection:
        heartbeat.beat(connection, "w", at)
        planner.plan(connection, JOBS, at)
        done = dispatch(connection, JOBS, at, "w", slots=9)
    store.close()
    return [(each.job.job, str(decision.action), decision.reason) for each in done for decision in each.decisions]


def run(capsys, line):
    """Run a command; return its exit code, and what it printed, with its time left out."""
    code = main(line.split())
    out, err = capsys.readouterr()
    return code, re.sub(r"at \d{4}-\d\d-\d\d \d\d:\d\d UTC", "at TIME", out), err


@pytest.mark.usefixtures("served")
def test_a_pause_holds_until_it_is_resumed(capsys):
    """It says who, and what to type; schedulers that come later skip what is due."""
    assert run(capsys, "pause shop close") == (
        0,
        "the job 'close' of shop is paused, by ann at TIME; its fire times end as skipped until sbh-jobkit resume\n",
        "",
    )
    assert run(capsys, "pause shop close") == (0, "the job 'close' of shop is paused, by ann at TIME already\n", "")
    for later in (60, 120):
        actions = {(job, action) for job, action, _ in decide(now() + later)}
        assert ("close", "skip") in actions
        assert ("close", "start") not in actions
        assert {job for job, _ in actions} == {"close", "open"}
    assert run(capsys, "resume shop") == (0, "the job 'close' of shop was paused by ann, and goes on\n", "")
    assert ("close", "start") in {(job, action) for job, action, _ in decide(now() + 180)}


BAD = {
    "pause": "pause got neither a plugin nor --all; write pause PLUGIN [JOB], or pause --all",
    "pause shop --all": "pause got a plugin and --all; write pause PLUGIN [JOB], or pause --all",
    "resume": "resume got neither a plugin nor --all; write resume PLUGIN [JOB], or resume --all",
    "pause shp": "the store has no plugin 'shp'; did you mean 'shop'?",
    "pause shop clos": "the store has no job 'clos'; did you mean 'close'?",
    "pause --all --tenant acne": "the store has no tenant 'acne'; did you mean 'acme'?",
    "pause --all --tenant x": "the store has no tenant 'x'; it has acme",
    "resume shop": "the plugin 'shop' is not paused",
    "pause --all --store sqlite:///none.db": "there is no store 'sqlite:///none.db'; serve makes it, or name another"
    " one with --store",
}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence(line, capsys):
    """With exit code 2, and nothing is paused."""
    assert run(capsys, line) == (2, "", f"sbh-jobkit: error: {BAD[line]}\n")
    assert run(capsys, "resume --all") == (2, "", "sbh-jobkit: error: everything is not paused\n")


@pytest.mark.usefixtures("served")
def test_a_user_without_a_name_may_pause(capsys, monkeypatch):
    """As in some containers."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 5)
    assert run(capsys, "pause --all")[1].startswith("everything is paused, by somebody on the command line at TIME")
