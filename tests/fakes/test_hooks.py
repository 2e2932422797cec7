"""Events that a plugin's own hooks hear: a simulation does not call them, and says so."""

import pytest

from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.report.terminal.runs import run_lines
from sbh_jobkit.simulation.once import run_job

MAIN = """
from src.ext.sdk import hook, job, llm_filter

@hook("report.generated")
def on_report(ctx, event_data):
    raise RuntimeError("never called")

@hook("files.uploaded")
def on_file(ctx, event_data): ...

@llm_filter("done")
def on_done(ctx, data): ...

@job("work", schedule="0 9 * * *")
def work(ctx):
    {}
"""
HEARD = "the event 'report.generated' is heard by on_report (main.py:4), which a simulation does not call"


@pytest.fixture
def ran(tmp_path):
    """Run the job with a body in a new world."""

    def run(body):
        (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
        (tmp_path / "main.py").write_text(MAIN.format(body))
        return run_job(Plugin.load(tmp_path).jobs["work"], World(), at="2026-01-05T09:00")

    return run


@pytest.mark.parametrize(
    ("body", "notes"),
    [
        ("ctx.emit('report.generated', {})", [HEARD]),
        ("[ctx.emit('report.generated', {'n': n}) for n in range(3)]", [HEARD]),
        ("ctx.emit('other', {}); ctx.emit('report.generated', {}); raise KeyError('a')", [HEARD]),
        ("ctx.emit('report', {})", []),
        ("ctx.emit('done', {})", []),
        (
            "ctx.emit('report.generated', {1, 2})",
            ["payload of 'report.generated': Object of type set is not JSON serializable"],
        ),
        ("ctx.files.upload('a.txt', 'x')", []),
    ],
)
def test_an_event_that_a_hook_hears(ran, body, notes):
    """It is noted once, with the place of the hook."""
    assert [fault.message for fault in ran(body).faults] == notes


def test_the_note_fails_no_run(ran):
    """The run is ok, and its text has the note."""
    run = ran("ctx.emit('report.generated', {}); return 1")
    assert (run.ok, run.verdict, [fault.kind for fault in run.faults]) == (True, "ok", ["hook-not-called"])
    assert f"  note: {HEARD}" in list(run_lines(run))
