"""Runs by hand and cancelled ones, on rows: each has its own fire time, needs a slot, and starts at most once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.engines import cancelling, claims, heartbeat, installations, maintenance, planner
from sbh_jobkit.engines.asking import AlreadyRunning, PluginDisabled
from sbh_jobkit.engines.jobs import job_rows
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import State
from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
KEY = ("acme", "shop", "work")


def work(expression="0 * * * *", **policy):
    """Make a job, manual only where it has no expression."""
    schedule = Schedule(expression) if expression else ManualOnly(ZoneInfo("Europe/Berlin"))
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=schedule, policy=Policy(**policy))


def claim(fire, worker="w"):
    """Make the claim of a row of that job."""
    return claims.Claim(tenant="acme", plugin="shop", job="work", fire=fire, worker=worker)


def test_a_run_by_hand_has_its_own_fire_time(core):
    """It is no fire time of the schedule, even at the same second, and both have a row."""
    job = work(max_instances=2)
    core.do(planner.plan, [job], NINE - 1)
    fire = core.ask(job, NINE)
    assert core.rows("fire_time", "asked_by") == [(round(NINE * 1e6) - 1, "ann"), (round(NINE * 1e6), None)]
    assert fire == NINE - 1e-6
    assert core.dispatch(job, NINE + 0.5) == [("start", "by hand (ann)"), ("start", None)]


def test_two_asked_at_one_instant_are_two_runs(core):
    """Each gets an instant of its own."""
    job = work("", max_instances=2)
    assert core.ask(job, NINE + 0.5) != core.ask(job, NINE + 0.5)
    assert core.dispatch(job, NINE + 0.5) == [("start", "by hand (ann)")] * 2


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_runs_than_the_policy_allows(core, most):
    """What is asked for, claimed or running counts; a run that has ended does not."""
    job = work("", max_instances=most)
    fires = [core.ask(job, NINE + number) for number in range(most)]
    for look in (False, True):
        if look:
            core.dispatch(job, NINE + 3)
        with pytest.raises(AlreadyRunning) as refused:
            core.ask(job, NINE + 4)
        runs = "a run of it goes on" if most == 1 else "2 runs of it go on"
        assert str(refused.value) == (
            f"the job 'work' is already running: {runs}, and max_instances is {most}; wait, or cancel it"
        )
    core.do(cancelling.cancel, KEY, fires[0], "bob", NINE + 5)
    core.do(claims.release, claim(fires[0]))
    core.do(cancelling.settle, NINE + 5)
    assert core.ask(job, NINE + 6) > fires[-1]


def test_it_waits_for_a_slot_and_says_so(core):
    """A run by hand needs a slot like any other, and does not take the place of one that waits by its policy."""
    job = work("")
    core.ask(job, NINE + 0.5)
    assert core.dispatch(job, NINE + 1, slots=0) == []
    assert core.do(maintenance.look, "w", NINE + 2) == [KEY]
    assert core.dispatch(job, NINE + 5.5) == [("start", "by hand (ann); started 5s late: no slot was free")]


def test_a_scheduled_run_meets_one_by_hand(core):
    """The policy counts it as any other run."""
    job = work()
    core.ask(job, NINE + 0.5)
    core.dispatch(job, NINE + 0.6)
    core.do(planner.plan, [job], NINE + 3600)
    assert core.dispatch(job, NINE + 3600) == [
        ("skip", "skipped: the run of 09:00 was still running (max_instances=1)"),
    ]


def test_nobody_is_surprised_after_a_time_without_a_scheduler(core):
    """What was asked for before it was down does not start hours later; the row says why."""
    job = work("")
    core.ask(job, NINE + 1.5)
    core.do(heartbeat.beat, "w", NINE + 10)
    core.do(heartbeat.beat, "x", NINE + 7200)
    reason = "missed: asked for by hand (ann), and the scheduler was down 10:00:10–12:00:00"
    assert core.dispatch(job, NINE + 7200, worker="x") == [("miss", reason)]
    assert core.rows("state", "outcome", "reason") == [("ended", "missed", reason)]


def test_a_claimed_one_of_a_dead_scheduler_is_taken_by_another(core):
    """Nothing of it has started; one that has started is lost, and never starts again."""
    job = work("", max_instances=2)
    core.do(heartbeat.beat, "x", NINE)
    first, second = core.ask(job, NINE + 1), core.ask(job, NINE + 2)
    core.dispatch(job, NINE + 3)
    core.do(claims.start, claim(first), NINE + 3)
    core.do(claims.bury, {"x"}, NINE + 4, why="its scheduler died while it ran")
    assert core.dispatch(job, NINE + 4, worker="x") == [
        ("start", "by hand (ann); started 2s late: no slot was free"),
    ]
    assert core.rows("fire_time", "state", "outcome", "worker") == [
        (round(first * 1e6), "ended", "lost", "w"),
        (round(second * 1e6), "claimed", None, "x"),
    ]


def test_a_job_without_a_schedule_is_known(core):
    """The table `plugin_jobs` has it, with nothing for its schedule and its next run."""
    core.ask(work(""), NINE + 1)
    (row,) = core.do(job_rows, "acme", NINE)
    assert (row["name"], row["schedule_cron"], row["next_run_at"], row["status"]) == ("work", None, None, "idle")
    with pytest.raises(ScheduleError, match="the job has no schedule, so it is manual only"):
        ManualOnly(ZoneInfo("UTC")).next(datetime.now(UTC))  # noqa: TID251  any time


CANCELLED = {"due": [], "claimed": ["claim"], "running": ["claim", "start"]}


@pytest.mark.parametrize("state", CANCELLED)
def test_a_run_is_cancelled_by_its_row(core, state):
    """What has not started ends at once, or when its worker gives it back; a running one is its worker's to end."""
    job = work("")
    fire = core.ask(job, NINE + 1)
    if "claim" in CANCELLED[state]:
        core.dispatch(job, NINE + 1.5)
    if "start" in CANCELLED[state]:
        core.do(claims.start, claim(fire), NINE + 2)
    assert core.do(cancelling.cancel, KEY, fire, "bob", NINE + 3) == State(state)
    wishes = core.do(cancelling.wishes, "w")
    assert wishes == ([(claim(fire), "bob")] if state == "running" else [])
    if state == "claimed":
        assert core.do(claims.start, claim(fire), NINE + 3) is False
        core.do(claims.release, claim(fire))
        assert core.dispatch(job, NINE + 4) == []
        assert core.do(maintenance.look, "w", NINE + 5) == []
    ended = ("ended", "cancelled", "cancelled by bob, before it started")
    assert core.rows("state", "outcome", "reason") == [
        ended if state != "running" else ("running", None, "by hand (ann)"),
    ]


def test_what_is_not_there_cannot_be_cancelled(core):
    """And one that has ended stays as it ended."""
    assert core.do(cancelling.cancel, KEY, NINE, "bob", NINE) is None
    fire = core.ask(work(""), NINE + 1)
    for _ in range(2):
        core.do(cancelling.cancel, KEY, fire, "bob", NINE + 2)
    assert core.do(cancelling.cancel, KEY, fire, "eve", NINE + 9) is State.ENDED
    assert core.rows("reason", "finished_at") == [
        ("cancelled by bob, before it started", round((NINE + 2) * 1e6)),
    ]


def test_no_job_of_a_disabled_plugin_starts(core):
    """Its fire times end as skipped, with who and when; a run by hand is refused; others go on."""
    job = work()
    core.do(planner.plan, [job], NINE - 1)
    core.do(installations.install, "acme", "shop", "/plugins/shop", NINE)
    core.do(planner.plan, [job], NINE)
    assert core.do(installations.disable, "acme", "shop", "bob", NINE) is True
    core.do(installations.disable, "acme", "shop", "eve", NINE + 60)
    core.do(installations.install, "acme", "shop", "/plugins/shop-2", NINE + 60, uploaded=True)
    reason = "skipped: the plugin is disabled, by bob at 2026-01-05 09:00 UTC"
    assert core.dispatch(job, NINE + 61) == [("skip", reason)]
    assert core.rows("state", "outcome", "reason") == [("ended", "skipped", reason)]
    with pytest.raises(PluginDisabled) as refused:
        core.ask(job, NINE + 62)
    assert str(refused.value) == ("the plugin 'shop' is disabled, by bob at 2026-01-05 09:00 UTC; enable it first")
    (found,) = core.do(installations.read, "acme")
    assert (found.path, found.is_uploaded, found.enabled) == ("/plugins/shop-2", True, False)
    assert core.do(installations.enable, "acme", "shop") is True
    core.ask(job, NINE + 63)
    assert core.dispatch(job, NINE + 63) == [("start", "by hand (ann)")]
    assert core.do(installations.enable, "acme", "none") is False
    assert core.do(installations.disable, "acme", "none", "bob", NINE) is False
    assert core.do(installations.read, "other") == []
