"""Backfills on rows: each fire time once, under its own time, and none that has begun before."""

import json
from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import (
    backfill,
    cancelling,
    claims,
    dispatcher,
    heartbeat,
    installations,
    maintenance,
    pauses,
    planner,
)
from sbh_jobkit.engines.backfill import BackfillRefused
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.pauses import Scope
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.retention import prune
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Policy, Window
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86_400
KEY = ("acme", "shop", "work")


def work(expression="0 * * * *", tz="UTC", **policy):
    """Make a job."""
    schedule = Schedule(expression, tz) if expression else ManualOnly(zone(tz))
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=schedule, policy=Policy(**policy))


def claim(fire, worker="w"):
    """Make the claim of a row of that job."""
    return claims.Claim(tenant="acme", plugin="shop", job="work", fire=fire, worker=worker)


def run_of(fire, outcome=Outcome.OK, *, began=True):
    """Make the run of a fire time."""
    at = datetime.fromtimestamp(fire, UTC)
    names = {"tenant": "acme", "plugin": "shop", "job": "work", "fire_time": at}
    return Run(**names, started_at=at if began else None, duration=at - at, outcome=outcome)


def ask(core, start, end, now=NINE, who="ann"):
    """Ask for a range of hours before nine o'clock."""
    return core.do(backfill.ask, KEY, Window(start=NINE + start * HOUR, end=NINE + end * HOUR), who, now)


def finish(core, fire, now, **how):
    """Start and end a claimed run."""
    core.do(claims.start, claim(fire), now)
    core.do(claims.finish, claim(fire), run_of(fire, **how), now)


def drain(core, job, now):
    """Let everything that is asked for run, one after the other; return fire times in hours, and reasons."""
    found = []
    while True:
        (done,) = core.do(dispatcher.dispatch, [job], now, "w", slots=4)
        if not done.decisions:
            return found
        for decision in done.decisions:
            found.append(((decision.fire - NINE) / HOUR, decision.reason))
            finish(core, decision.fire, now)


def test_each_fire_time_of_a_range_runs_once(core):
    """The oldest first, under its own time, with who asked; asked for again, nothing is left to do."""
    job = work()
    core.do(planner.plan, [job], NINE)
    found = ask(core, -3, 0)
    assert found.sentence == "3 fire times: 3 will run"
    assert drain(core, job, NINE + 1) == [(-3, "backfill (ann)"), (-2, "backfill (ann)"), (-1, "backfill (ann)")]
    assert core.rows("state", "outcome", "backfilled_by") == [("ended", "ok", "ann")] * 3
    assert ask(core, -3, 0).sentence == "3 fire times: 0 will run, 3 ran before, or run now"
    assert drain(core, job, NINE + 2) == []


def test_what_has_never_started_runs(core):
    """It was skipped, or its plugin could not be loaded; what has begun is left, whatever came of it."""
    job = work(max_instances=9)
    core.do(planner.plan, [job], NINE - 6 * HOUR - 1)
    core.do(pauses.begin, Scope(), "ann", NINE - 6 * HOUR - 1)
    core.do(planner.plan, [job], NINE - 6 * HOUR)
    core.dispatch(job, NINE - 6 * HOUR)
    core.do(pauses.end, Scope(), "ann", NINE - 6 * HOUR + 1)
    core.do(planner.plan, [job], NINE - HOUR)
    core.dispatch(job, NINE - HOUR, slots=9)
    finish(core, NINE - 5 * HOUR, NINE, outcome=Outcome.CRASHED, began=False)
    finish(core, NINE - 4 * HOUR, NINE, outcome=Outcome.CRASHED)
    core.do(claims.start, claim(NINE - 3 * HOUR), NINE)
    core.do(claims.lose, claim(NINE - 3 * HOUR), NINE, why="its scheduler died while it ran")
    core.do(claims.start, claim(NINE - 2 * HOUR), NINE)
    assert ask(core, -7, 0).sentence == "7 fire times: 3 will run, 3 ran before, or run now, 1 will run anyway"
    before = "skipped: everything is paused, by ann at 2026-01-05 02:59 UTC"
    assert core.rows("fire_time", "state", "reason", "started_at", "record")[:3] == [
        (round((NINE - 7 * HOUR) * 1e6), "backfill", "backfill (ann)", None, None),
        (round((NINE - 6 * HOUR) * 1e6), "backfill", f"backfill (ann); before that {before}", None, None),
        (round((NINE - 5 * HOUR) * 1e6), "backfill", "backfill (ann)", None, None),
    ]


def test_a_crash_without_a_record_has_begun(core):
    """Nobody can know that it has not, so it does not run again."""
    job = work()
    core.do(planner.plan, [job], NINE - HOUR - 1)
    core.do(planner.plan, [job], NINE - HOUR)
    core.dispatch(job, NINE - HOUR)
    finish(core, NINE - HOUR, NINE - HOUR, outcome=Outcome.CRASHED, began=False)
    core.do(lambda connection: connection.execute(job_run.update().values(record=None)))
    assert ask(core, -1, 0).sentence == "1 fire time: 0 will run, 1 ran before, or run now"


TOO_MANY = (
    "the job 'work' of shop has more than 10,000 fire times in this range; take it in parts, the first of which may end"
    " at 2026-01-03T23:40Z"
)
REFUSED = {
    "no schedule": (
        "",
        -3,
        0,
        "the job 'work' of shop has no schedule, so it has no fire times to run again; run it by hand",
    ),
    "empty": (
        "0 * * * *",
        -3,
        -3,
        "the range ends at 2026-01-05T06:00Z, which is not after its start, 2026-01-05T06:00Z",
    ),
    "the future": (
        "0 * * * *",
        -3,
        2,
        "the range ends 2h from now, at 2026-01-05T11:00Z; a backfill takes the past only",
    ),
    "too many": (
        "* * * * *",
        -200,
        0,
        TOO_MANY,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(core, case):
    """With one sentence, and no row is written."""
    expression, start, end, sentence = REFUSED[case]
    core.do(planner.plan, [work(expression)], NINE)
    with pytest.raises(BackfillRefused) as refused:
        ask(core, start, end)
    assert str(refused.value) == sentence
    assert core.rows("state") == []


def test_an_unknown_job_is_refused(core):
    """Since nobody knows its schedule."""
    with pytest.raises(BackfillRefused) as refused:
        ask(core, -3, 0)
    assert str(refused.value) == (
        "no scheduler has served the job 'work' of shop at acme from this store yet; serve it first"
    )


def test_ten_thousand_fire_times_are_taken(core):
    """As many as are promised, and looking for the next one stays fast."""
    job = work("* * * * *")
    core.do(planner.plan, [job], NINE)
    found = core.do(backfill.ask, KEY, Window(start=NINE - 10_000 * 60, end=NINE), "ann", NINE)
    assert found.sentence == "10,000 fire times: 10,000 will run"
    assert core.dispatch(job, NINE + 1) == [("start", "backfill (ann)")]


def test_days_with_a_change_of_clocks(core):
    """Fire times are those of the schedule in its zone."""
    job = work("30 2 * * *", tz="Europe/Berlin")
    core.do(planner.plan, [job], NINE)
    october = datetime(2025, 10, 25, tzinfo=UTC).timestamp()
    core.do(backfill.ask, KEY, Window(start=october, end=october + 3 * DAY), "ann", NINE)
    fires = [datetime.fromtimestamp(fire / 1e6, zone("Europe/Berlin")) for (fire,) in core.rows("fire_time")]
    assert [f"{fire:%d %H:%M %Z}" for fire in fires] == ["25 02:30 CEST", "26 02:30 CEST", "27 02:30 CET"]


def test_what_is_due_now_goes_ahead_and_is_not_skipped(core):
    """It meets a run of the backfill, waits for its end, and starts before the next one."""
    job = work()
    core.do(planner.plan, [job], NINE - 1)
    ask(core, -3, 0)
    assert core.dispatch(job, NINE - 0.5) == [("start", "backfill (ann)")]
    core.do(planner.plan, [job], NINE)
    assert core.dispatch(job, NINE) == []
    finish(core, NINE - 3 * HOUR, NINE + 5)
    assert core.dispatch(job, NINE + 5) == [("start", "started 5s late: no slot was free")]
    assert core.dispatch(job, NINE + 6) == []
    finish(core, NINE, NINE + 9)
    assert core.dispatch(job, NINE + 9) == [("start", "backfill (ann)")]


def test_the_policy_and_the_slots_hold(core):
    """As many at a time as both allow."""
    job = work(max_instances=3)
    core.do(planner.plan, [job], NINE - 1)
    ask(core, -9, 0)
    assert len(core.dispatch(job, NINE - 1, slots=2)) == 2
    assert len(core.dispatch(job, NINE - 1, slots=2)) == 1
    assert core.dispatch(job, NINE - 1, slots=2) == []


def test_a_backfill_waits_while_its_job_is_paused_or_disabled(core):
    """And goes on after that."""
    job = work()
    core.do(planner.plan, [job], NINE)
    ask(core, -2, 0)
    core.do(pauses.begin, Scope(plugin="shop"), "bob", NINE)
    assert core.dispatch(job, NINE + 1) == []
    core.do(pauses.end, Scope(plugin="shop"), "bob", NINE + 2)
    core.do(installations.install, "acme", "shop", "/plugins/shop", NINE)
    core.do(installations.disable, "acme", "shop", "bob", NINE)
    assert core.dispatch(job, NINE + 3) == []
    core.do(installations.enable, "acme", "shop")
    assert core.dispatch(job, NINE + 4) == [("start", "backfill (ann)")]


def test_a_dead_scheduler_gives_it_back(core):
    """What was only claimed is still to be backfilled; what had started is lost."""
    job = work(max_instances=2)
    core.do(planner.plan, [job], NINE)
    ask(core, -3, 0)
    core.dispatch(job, NINE + 1)
    core.do(claims.start, claim(NINE - 3 * HOUR), NINE + 1)
    core.do(claims.bury, {"x"}, NINE + 100, why="its scheduler died while it ran")
    assert core.rows("state") == [("ended",), ("backfill",), ("backfill",)]
    core.do(heartbeat.beat, "w", NINE + 100)
    assert core.do(maintenance.look, "w", NINE + 100) == [KEY]
    assert drain(core, job, NINE + 100) == [(-2, "backfill (ann)"), (-1, "backfill (ann)")]


def test_an_end_to_a_backfill(core):
    """What has not started ends as cancelled; it can be asked for again."""
    job = work()
    core.do(planner.plan, [job], NINE)
    ask(core, -3, 0)
    core.dispatch(job, NINE + 1)
    assert core.do(backfill.cancel, KEY, "bob", NINE + 2) == 2
    core.do(cancelling.settle, NINE + 2)
    cancelled = ("ended", "cancelled by bob, before it started")
    assert core.rows("state", "reason") == [("claimed", "backfill (ann)"), cancelled, cancelled]
    core.do(claims.release, claim(NINE - 3 * HOUR))
    assert ask(core, -3, 0, who="eve").sentence == "3 fire times: 2 will run, 1 will run anyway"
    assert len(drain(core, job, NINE + 3)) == 3


def test_one_fire_time_of_a_backfill_is_cancelled(core):
    """By its row, as any run that waits."""
    core.do(planner.plan, [work()], NINE)
    ask(core, -2, 0)
    assert core.do(cancelling.cancel, KEY, NINE - HOUR, "bob", NINE) == State.BACKFILL
    assert core.rows("state") == [("backfill",), ("ended",)]


def test_a_job_that_is_gone_has_no_backfill(core):
    """Its rows end as missed."""
    core.do(planner.plan, [work()], NINE)
    ask(core, -2, 0)
    other = PlannedJob(tenant="acme", plugin="shop", job="other", schedule=Schedule("0 * * * *"))
    core.do(maintenance.retire, [other], NINE)
    assert core.rows("outcome", "reason") == [("missed", "missed: the plugin does not have this job any more")] * 2


def test_history_that_was_removed_is_not_run_again(core):
    """Nobody can know any more what ran; rows of a backfill are kept as long as if they were due when they ran."""
    job, kept = work("0 0 * * *"), HistorySettings(days=5)
    core.do(planner.plan, [job], NINE - 20 * DAY)
    core.do(planner.plan, [job], NINE - 15 * DAY)
    for row in core.rows("fire_time"):
        core.do(
            lambda connection, fire=row[0]: connection.execute(
                job_run.update()
                .where(job_run.c.fire_time == fire)
                .values(
                    state=State.ENDED,
                    outcome="ok",
                    started_at=fire,
                    finished_at=fire,
                    record=json.dumps(run_of(fire / 1e6).to_dict()),
                )
            )
        )
    core.do(backfill.ask, KEY, Window(start=NINE - 12 * DAY, end=NINE - 10 * DAY), "ann", NINE)
    drain(core, job, NINE)
    core.do(prune, job, HistorySettings(days=5, output_days=5), NINE)
    assert core.rows("is_cut") == [(False,), (False,)]
    with pytest.raises(BackfillRefused) as refused:
        core.do(backfill.ask, KEY, Window(start=NINE - 20 * DAY, end=NINE), "ann", NINE)
    assert str(refused.value) == (
        "the history of the job 'work' of shop up to 2025-12-21T00:00Z has been removed, so what ran then cannot be"
        " known; begin after that, or keep more in [history]"
    )
    removed = datetime(2025, 12, 21, tzinfo=UTC).timestamp()  # the last fire time of which nothing is known
    with pytest.raises(BackfillRefused):
        core.do(backfill.ask, KEY, Window(start=removed, end=NINE - 10 * DAY), "ann", NINE)
    again = core.do(backfill.ask, KEY, Window(start=NINE - 14 * DAY, end=NINE - 10 * DAY), "ann", NINE)
    assert again.sentence == "4 fire times: 2 will run, 2 ran before, or run now"
    core.do(backfill.cancel, KEY, "ann", NINE)
    core.do(prune, job, kept, NINE + 6 * DAY)
    assert len(core.rows("state")) == 1
