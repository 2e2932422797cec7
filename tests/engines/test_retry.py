"""Further attempts on rows: each is a row of the same fire time, written when the one before has ended."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from sbh_jobkit.engines import backfill, cancelling, claims, installations, maintenance, pauses, planner
from sbh_jobkit.engines.history import Going, Wanted, page_of, read_ended, read_going, read_one
from sbh_jobkit.engines.pauses import Scope
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.retention import prune
from sbh_jobkit.engines.schema import State, job_run, plugin
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Policy, Window
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86_400
KEY = ("acme", "shop", "work")
SETTINGS = {"retry": 2, "backoff": "1m"}


def work(**policy):
    """Make a job that is due each hour."""
    policy = Policy(**SETTINGS | policy)
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=Schedule("0 * * * *"), policy=policy)


def claim(attempt=1, fire=NINE, worker="w"):
    """Make the claim of an attempt."""
    return claims.Claim(tenant="acme", plugin="shop", job="work", fire=fire, worker=worker, attempt=attempt)


def ended(outcome, attempt=1, fire=NINE, **more):
    """Make the run of an attempt."""
    at = datetime.fromtimestamp(fire, UTC)
    facts = {"tenant": "acme", "plugin": "shop", "job": "work", "fire_time": at, "started_at": at}
    return Run(**facts, duration=timedelta(seconds=1), outcome=outcome, attempt=attempt, **more)


@pytest.fixture
def run(core):
    """Return a function that starts an attempt, and ends it a second later."""

    def through(job, outcome, attempt=1, at=NINE, fire=NINE, **more):
        if attempt == 1:
            core.do(planner.plan, [job], fire - 1)
            core.do(planner.plan, [job], fire)
        decided = core.dispatch(job, at)
        assert core.do(claims.start, claim(attempt, fire), at), decided
        if outcome is not None:
            assert core.do(claims.finish, claim(attempt, fire), ended(outcome, attempt, fire, **more), at + 1)
        return decided

    return through


OUTCOMES = {
    Outcome.FAILED: True,
    Outcome.CRASHED: True,
    Outcome.TIMED_OUT: True,
    Outcome.OUT_OF_MEMORY: False,
    Outcome.CANCELLED: False,
    Outcome.OK: False,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_which_runs_are_tried_again(core, run, outcome):
    """The next attempt is a row that waits; it is there once the run has ended, and never before."""
    run(work(), outcome)
    rows = [(NINE * 1e6, 1, "ended", None)]
    if OUTCOMES[outcome]:
        rows.append((NINE * 1e6, 2, "retry", (NINE + 61) * 1e6))
    assert core.rows("fire_time", "attempt", "state", "not_before") == rows


def test_attempts_wait_twice_as_long_and_end(core, run):
    """Each is decided when its time has come and not before; the last one that fails is the end."""
    job, at, seen = work(), NINE, []
    for attempt, wait in ((1, 60), (2, 120), (3, None)):
        seen += run(job, Outcome.CRASHED, attempt, at)
        assert core.dispatch(job, at + 1 + (wait or HOUR) - 1) == []
        at += 1 + (wait or 0)
    assert seen == [("start", None), ("start", "attempt 2 of 3"), ("start", "attempt 3 of 3")]
    assert core.rows("attempt", "outcome") == [(1, "crashed"), (2, "crashed"), (3, "crashed")]


def test_a_lost_run_is_tried_again(core, run):
    """Its scheduler has died, and the one that settles its row writes the next attempt, whatever it serves itself."""
    run(work(), None)
    lost = core.do(maintenance.bury_dead, "other", NINE + 100)
    assert lost == [claim()]
    assert core.rows("attempt", "state", "outcome", "not_before") == [
        (1, "ended", "lost", None),
        (2, "retry", None, (NINE + 160) * 1e6),
    ]
    assert core.do(maintenance.bury_dead, "other", NINE + 101) == []


def test_a_run_whose_thread_failed_is_tried_again(core, run):
    """As one that its worker lost."""
    run(work(), None)
    assert core.do(claims.lose, claim(), NINE + 5, why="its worker could not follow it")
    assert not core.do(claims.lose, claim(), NINE + 6, why="again")
    assert core.rows("attempt", "state") == [(1, "ended"), (2, "retry")]


def test_a_late_report_changes_nothing(core, run):
    """A worker that was taken for dead reports a failure: the attempt that follows is there already, once."""
    run(work(), None)
    core.do(maintenance.bury_dead, "other", NINE + 100)
    assert not core.do(claims.finish, claim(), ended(Outcome.CRASHED), NINE + 200)
    assert core.rows("attempt", "state", "not_before") == [(1, "ended", None), (2, "retry", (NINE + 160) * 1e6)]


def test_a_run_by_hand_is_not_tried_again(core):
    """A person waits for its answer."""
    fire = core.ask(work(), NINE + 5)
    assert core.dispatch(work(), NINE + 5) == [("start", "by hand (ann)")]
    core.do(claims.start, claim(fire=fire), NINE + 5)
    core.do(claims.finish, claim(fire=fire), ended(Outcome.CRASHED, fire=fire), NINE + 6)
    assert core.rows("attempt", "state") == [(1, "ended")]


def test_a_claim_that_is_given_back_is_decided_again(core, run):
    """An attempt whose processes died before it began has started nothing."""
    job = work()
    run(job, Outcome.FAILED)
    assert core.dispatch(job, NINE + 61) == [("start", "attempt 2 of 3")]
    assert core.do(claims.release, claim(2))
    assert core.rows("attempt", "state") == [(1, "ended"), (2, "retry")]
    assert core.dispatch(job, NINE + 62) == [("start", "attempt 2 of 3")]


def test_it_waits_for_a_slot(core, run):
    """And stays as it is until then."""
    job = work()
    run(job, Outcome.FAILED)
    assert core.dispatch(job, NINE + 61, slots=0) == []
    assert core.rows("attempt", "state") == [(1, "ended"), (2, "retry")]
    assert core.dispatch(job, NINE + 61) == [("start", "attempt 2 of 3")]


def test_a_policy_that_has_changed(core, run):
    """An attempt that was promised comes; how many follow is for the policy of today."""
    run(work(), Outcome.FAILED)
    assert core.dispatch(work(retry=0), NINE + 61) == [("start", "attempt 2 of 2")]
    core.do(claims.start, claim(2), NINE + 61)
    core.do(claims.finish, claim(2), ended(Outcome.FAILED, 2), NINE + 62)
    assert core.rows("attempt", "state") == [(1, "ended"), (2, "ended")]


def test_an_attempt_that_waits_is_cancelled(core, run):
    """By the fire time alone, since only one attempt at it can be open; nothing follows it."""
    run(work(), Outcome.FAILED)
    assert core.do(cancelling.cancel, KEY, NINE, "bob", NINE + 5) is State.RETRY
    assert core.rows("attempt", "outcome", "reason") == [
        (1, "failed", None),
        (2, "cancelled", "cancelled by bob, before it started"),
    ]
    assert core.do(cancelling.cancel, KEY, NINE, "bob", NINE + 6) is State.ENDED
    assert core.dispatch(work(), NINE + 61) == []


def test_an_attempt_that_runs_is_cancelled(core, run):
    """A run that was to be cancelled is not tried again, however it ended."""
    job = work()
    run(job, Outcome.FAILED)
    run(job, None, 2, NINE + 61)
    assert core.do(cancelling.cancel, KEY, NINE, "bob", NINE + 62) is State.RUNNING
    assert core.do(cancelling.wishes, "w") == [(claim(2), "bob")]
    core.do(claims.finish, claim(2), ended(Outcome.CRASHED, 2), NINE + 63)
    assert core.rows("attempt", "outcome") == [(1, "failed"), (2, "crashed")]


STOPS = {
    "paused": lambda core: core.do(pauses.begin, Scope(plugin="shop"), "ann", NINE + 30),
    "disabled": lambda core: core.do(installations.disable, "acme", "shop", "ann", NINE + 30),
}


@pytest.mark.parametrize("how", STOPS)
def test_nothing_is_tried_again_in_a_pause(core, run, how):
    """It ends as skipped when its time comes; so it does where the plugin is disabled."""
    job = work()
    core.do(lambda connection: connection.execute(plugin.insert().values(**PLUGIN)))
    run(job, Outcome.FAILED)
    STOPS[how](core)
    ((action, reason),) = core.dispatch(job, NINE + 61)
    assert (action, how in reason) == ("skip", True)
    assert core.rows("attempt", "outcome") == [(1, "failed"), (2, "skipped")]


PLUGIN = {"tenant": "acme", "plugin": "shop", "path": "/shop", "created_at": 0}


def test_what_waits_is_looked_at_when_its_time_has_come(core, run):
    """A look at the store names the job then, and not before."""
    run(work(), Outcome.FAILED)
    assert core.do(maintenance.look, "w", NINE + 60) == []
    assert core.do(maintenance.look, "w", NINE + 61) == [KEY]


def test_begin_now_forgets_attempts(core, run):
    """As all that was due before."""
    run(work(), Outcome.FAILED)
    core.do(maintenance.forget_undecided, [work()], NINE + 500)
    assert core.rows("attempt", "outcome") == [(1, "failed"), (2, "missed")]


def test_a_job_that_is_gone(core, run):
    """Its attempt ends as missed."""
    run(work(), Outcome.FAILED)
    other = PlannedJob(tenant="acme", plugin="shop", job="other", schedule=Schedule("0 * * * *"))
    core.do(maintenance.retire, [other], NINE + 5)
    assert core.rows("attempt", "outcome") == [(1, "failed"), (2, "missed")]


def test_history_has_each_attempt(core, run):
    """Newest first, one by one by number, and a page never ends between two attempts at one fire time."""
    job = work()
    for fire in (NINE, NINE + HOUR):
        run(job, Outcome.CRASHED, fire=fire, at=fire)
        run(job, Outcome.OK, 2, fire + 61, fire, reason="attempt 2 of 3")
    run(job, Outcome.FAILED, fire=NINE + 2 * HOUR, at=NINE + 2 * HOUR)
    with core.store.read() as connection:
        wanted = Wanted(job="work")
        assert [(row.run.fire_time.hour, row.run.attempt) for row in read_ended(connection, wanted, page=2)] == [
            (11, 1),
            (10, 2),
            (10, 1),
            (9, 2),
            (9, 1),
        ]
        page, more = page_of(read_ended(connection, wanted), 2)
        assert ([(row.run.fire_time.hour, row.run.attempt) for row in page], more) == (
            [(11, 1), (10, 2), (10, 1)],
            True,
        )
        assert page_of(read_ended(connection, wanted), 4)[1] is False
        assert read_one(connection, KEY, NINE).run.attempt == 2
        assert read_one(connection, KEY, NINE, 1).run.outcome == "crashed"
        assert read_one(connection, KEY, NINE, 3) is None
        going = read_one(connection, KEY, NINE + 2 * HOUR)
        assert isinstance(going, Going)
        assert read_going(connection, wanted) == [going]
        assert (going.attempt, going.reason) == (2, "attempt 2, from 2026-01-05 11:01:01 UTC on")


def test_output_is_removed_by_attempt(core, run):
    """Each row keeps its own record."""
    job = work()
    run(job, Outcome.CRASHED, stdout="first")
    run(job, Outcome.OK, 2, NINE + 61, stdout="second")
    settings = HistorySettings(days=90, output_days=14)
    core.do(prune, job, settings, NINE + 30 * DAY)
    with core.store.read() as connection:
        found = list(read_ended(connection, Wanted()))
    assert [(each.run.attempt, each.run.outcome, each.run.stdout) for each in found] == [
        (2, "ok", ""),
        (1, "crashed", ""),
    ]


def fill(core, job, now):
    """Ask for the hour from nine on, and decide."""
    found = core.do(backfill.ask, KEY, Window(start=NINE, end=NINE + HOUR), "ann", now)
    return (found.asked, found.begun, found.planned), core.dispatch(job, now)


def test_a_backfill_leaves_attempts_alone(core, run):
    """A fire time of which one attempt has begun never starts again; one that waits comes anyway."""
    job = work()
    run(job, Outcome.FAILED)
    assert fill(core, job, NINE + HOUR) == ((0, 1, 0), [("start", "attempt 2 of 3")])


def test_a_backfill_after_attempts_that_could_not_begin(core, run):
    """Their plugin could not be loaded: the fire time starts as if there had been none, and is tried again, too."""
    job = work(retry=1)
    for attempt, at in ((1, NINE), (2, NINE + 61)):
        run(job, None, attempt, at)
        broken = Run(**{**as_given(ended(Outcome.CRASHED, attempt)), "started_at": None})
        core.do(claims.finish, claim(attempt), broken, at + 1)
    numbers, decided = fill(core, job, NINE + HOUR)
    assert (numbers, decided) == ((1, 0, 0), [("start", "backfill (ann)")])
    core.do(claims.start, claim(), NINE + HOUR)
    core.do(claims.finish, claim(), ended(Outcome.FAILED), NINE + HOUR + 1)
    assert core.rows("attempt", "state", "backfilled_by") == [(1, "ended", "ann"), (2, "retry", "ann")]


def as_given(run):
    """Return the fields of a run that the test set."""
    names = ("tenant", "plugin", "job", "fire_time", "duration", "outcome", "attempt")
    return {name: getattr(run, name) for name in names}


def test_a_month_of_failures_has_each_attempt_once(core, run):
    """However often a scheduler dies in between."""
    job, workers = work(retry=1, backoff="10m"), count()
    for hour in range(24):
        fire = NINE + hour * HOUR
        run(job, None, fire=fire, at=fire)
        core.do(maintenance.bury_dead, f"next-{next(workers)}", fire + 40)
        core.dispatch(job, fire + 700)
        core.do(claims.start, claim(2, fire), fire + 700)
        core.do(claims.finish, claim(2, fire), ended(Outcome.OK, 2, fire), fire + 701)
    rows = core.rows("fire_time", "attempt", "outcome")
    fires = [round((NINE + hour * HOUR) * 1e6) for hour in range(24)]
    assert sorted(rows) == [(fire, n, how) for fire in fires for n, how in ((1, "lost"), (2, "ok"))]
    with core.store.read() as connection:
        assert connection.execute(job_run.select().where(job_run.c.state != State.ENDED)).first() is None
