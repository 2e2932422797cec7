"""A scheduler that dies takes its runs with it: they are lost, and what they would have done later is not done."""

import time

import pytest
from src.ext.sdk import job

from sbh_jobkit import FaultPlan, Plugin, Policy, SchedulerCrash, World, simulate

DEAD = "lost: its scheduler died while it ran (fault plan)"


@job("work", schedule="0 * * * *")
def work(ctx):
    """Take twenty seconds between two events."""
    ctx.emit("begun", {})
    time.sleep(20)
    ctx.emit("done", {})


@job("stubborn", schedule="0 * * * *")
def stubborn(ctx):
    """Swallow everything."""
    try:
        time.sleep(20)
    except BaseException:  # noqa: BLE001  as bad plugins do
        ctx.emit("still-there", {})


def month(start, end, job_=work, **more):
    """Simulate five hours with a crash; return what became of each hour."""
    plugin = Plugin.load({"job": job_}, manifest={"slug": "p", "name": "P"})
    plan = FaultPlan(SchedulerCrash(f"2026-01-01T{start}", f"2026-01-01T{end}"))
    return simulate(plugin, World(), start="2026-01-01", duration="5h", faults=plan, **more).runs


def test_a_run_that_goes_on_is_lost():
    """It ends at the instant of the crash; its second event is never sent; the hour after the return is as usual."""
    runs = month("02:00:10", "02:30")
    assert [run.outcome for run in runs] == ["ok", "ok", "lost", "ok", "ok"]
    lost = runs[2]
    assert (lost.reason, lost.duration.total_seconds(), lost.ok) == (DEAD, 10.0, False)
    assert [event.type for event in lost.events] == ["begun"]
    assert lost.injected_faults == ("the scheduler crashed",)
    assert runs[3].events[1].type == "done"


def test_what_is_due_while_it_is_down_is_for_the_policy():
    """As after any downtime."""
    runs = month("02:00:10", "03:10", policy=Policy(catch_up="none"))
    assert [(run.outcome, run.reason) for run in runs[2:4]] == [
        ("lost", DEAD),
        ("missed", "missed: the scheduler was down 02:00:10–03:10 (catch_up=none)"),
    ]


@pytest.mark.parametrize(("start", "end"), [("02:00:20.5", "02:30"), ("02:30", "02:40"), ("06:00", "07:00")])
def test_a_run_that_has_ended_is_not_lost(start, end):
    """Nor one that has not begun."""
    assert {run.outcome for run in month(start, end)} == {"ok"}


def test_nothing_swallows_it():
    """A job that catches everything is lost all the same."""
    assert [run.outcome for run in month("02:00:10", "02:30", job_=stubborn)][2] == "lost"
