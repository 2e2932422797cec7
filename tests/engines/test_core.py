"""The core on rows: planned once, claimed once, started at most once, and what becomes of the rows of dead workers."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from sbh_jobkit.engines import claims, dispatcher, heartbeat, planner
from sbh_jobkit.engines.planner import LONGEST_PAST, PlannedJob
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.errors import ClockError
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
MINUTE, HOUR = 60, 3600


def work(expression="0 * * * *", **policy):
    """Make a job."""
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=Schedule(expression), policy=Policy(**policy))


def claim(fire, worker="w"):
    """Make the claim of a row of that job."""
    return claims.Claim(tenant="acme", plugin="shop", job="work", fire=fire, worker=worker)


def done(fire, outcome=Outcome.OK):
    """Make a run."""
    at = datetime.fromtimestamp(fire, UTC)
    facts = {"tenant": "acme", "plugin": "shop", "job": "work", "duration": timedelta(seconds=1)}
    return Run(fire_time=at, started_at=at, outcome=outcome, **facts)


def plan(store, job, now, ahead):
    """Plan one job in a transaction of its own."""
    with store.write() as connection:
        return planner.plan(connection, [job], now, ahead)


def dispatch(store, job, now, worker, slots):
    """Decide on one job in a transaction of its own."""
    with store.write() as connection:
        (done,) = dispatcher.dispatch(connection, [job], now, worker, slots=slots)
    return done.decisions


def settle(store, function, *given, **named):
    """Call a function of `claims` or `heartbeat` in a transaction of its own."""
    with store.write() as connection:
        return function(connection, *given, **named)


@pytest.fixture
def rows(store):
    """Return a function that reads columns of all rows, by fire time."""

    def read(*names):
        columns = [job_run.c[name] for name in names]
        with store.read() as connection:
            query = job_run.select().with_only_columns(*columns).order_by(job_run.c.fire_time)
            return [tuple(row) for row in connection.execute(query)]

    return read


@pytest.fixture
def planned(store):
    """Let a job be known since nine, and plan three hours ahead."""
    plan(store, work(), NINE, 0)
    assert plan(store, work(), NINE + 1, 3 * HOUR) == 3


def hours(rows):
    """Return the hours of fire times."""
    return [datetime.fromtimestamp(fire / 1e6, UTC).hour for (fire,) in rows]


def test_a_new_job_does_not_run_its_past(store, rows):
    """It begins when it is first seen; that instant itself is not due either."""
    assert plan(store, work(), NINE, 2 * HOUR) == 2
    assert hours(rows("fire_time")) == [10, 11]


@pytest.mark.parametrize("before", [0.001, 0.3, 0.5, 0.7, 1])
def test_a_job_that_is_seen_just_before_it_is_due_is_due(store, rows, before):
    """However short before, also where it was looked at again in between; and the instant itself has passed."""
    for now in (NINE - before, NINE - before / 2, NINE + 0.01, NINE + 0.02):
        plan(store, work(), now, 0)
    assert hours(rows("fire_time")) == [9]


@pytest.mark.parametrize("before", [0.001, 0.3, 0.7])
def test_a_schedule_that_changes_just_before_it_is_due(store, rows, before):
    """The new one counts at once."""
    plan(store, work("30 * * * *"), NINE - HOUR, 0)
    plan(store, work("30 * * * *"), NINE - before, 0)
    plan(store, work(), NINE - before / 2, 0)
    plan(store, work(), NINE + 0.01, 0)
    assert hours(rows("fire_time")) == [8, 9]


def test_planning_again_changes_nothing(store, rows):
    """Any number of planners may run at once."""
    for _ in range(3):
        plan(store, work(), NINE, 5 * HOUR)
    assert hours(rows("fire_time")) == [10, 11, 12, 13, 14]
    assert plan(store, work(), NINE + HOUR, 5 * HOUR) == 1


@pytest.mark.usefixtures("planned")
def test_a_changed_schedule_withdraws_what_lies_ahead(store, rows):
    """Instants of the old schedule that are due already stay; later ones go."""
    plan(store, work("30 * * * *"), NINE + HOUR + MINUTE, 2 * HOUR)
    assert rows("fire_time", "state") == [
        (round((NINE + HOUR) * 1e6), "due"),
        (round((NINE + HOUR + 30 * MINUTE) * 1e6), "due"),
        (round((NINE + 2 * HOUR + 30 * MINUTE) * 1e6), "due"),
    ]


JUMPS = {
    heartbeat.MAX_GAP + HOUR: "the clock is 40d 1h after the last sign of life of a scheduler, so nothing is planned;"
    " set the clock, or serve with --begin-now, which forgets what was due since then",
    -2 * HOUR: "the clock has gone back by 2h, so nothing is planned; set the clock, or wait until it is past that",
}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumped_is_refused(store, jump):
    """A wrong clock would write years of rows."""
    settle(store, heartbeat.beat, "a", NINE, lease=3 * HOUR)
    with pytest.raises(ClockError) as refused:
        settle(store, heartbeat.check_clock, NINE + jump)
    assert str(refused.value) == JUMPS[jump]


@pytest.mark.parametrize("jump", [0, heartbeat.MAX_GAP, -heartbeat.MAX_BACK])
def test_a_clock_within_the_bounds_is_taken(store, jump):
    """Schedulers' clocks differ a little, and a scheduler may be down for some weeks."""
    settle(store, heartbeat.check_clock, NINE + jump)
    settle(store, heartbeat.beat, "a", NINE, lease=3 * HOUR)
    settle(store, heartbeat.check_clock, NINE + jump)


def test_a_job_that_was_long_not_served_is_planned_within_bounds(store, rows):
    """It is planned from forty days ago on."""
    plan(store, work("0 0 * * *"), NINE, 0)
    plan(store, work("0 0 * * *"), NINE + 3 * LONGEST_PAST, 0)
    assert len(rows("fire_time")) == 40


@pytest.mark.usefixtures("planned")
def test_a_row_is_claimed_once(store, rows):
    """A second look, of another worker or of the same, finds nothing to start."""
    first, second = (dispatch(store, work(), NINE + HOUR, worker, slots=9) for worker in ("a", "b"))
    assert ([each.action for each in first], second) == (["start"], [])
    assert rows("state", "worker") == [("claimed", "a"), ("due", None), ("due", None)]


@pytest.mark.usefixtures("planned")
def test_nothing_is_claimed_without_a_slot(store, rows):
    """A row for which there is no room is decided later."""
    assert dispatch(store, work(), NINE + HOUR, "a", slots=0) == []
    assert rows("state")[0] == ("due",)
    assert len(dispatch(store, work(), NINE + HOUR + 5, "a", slots=1)) == 1


@pytest.mark.usefixtures("planned")
def test_what_waits_for_a_slot_keeps_its_order(store, rows):
    """With one slot for two missed hours, the second waits behind the first, and its reason says why it was late."""
    job = work(overlap="allow", catch_up="all")
    dispatched = dispatch(store, job, NINE + 2 * HOUR, "w", slots=1)
    assert [(each.fire, each.action) for each in dispatched] == [(NINE + HOUR, "start")]
    assert rows("state", "reason")[:2] == [("claimed", "started 1h late: no slot was free"), ("due", None)]


@pytest.mark.usefixtures("planned")
def test_a_run_goes_through_its_states(store, rows):
    """Claimed, running, ended; and its record is the run, as everywhere."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "w", slots=1)
    assert settle(store, claims.start, claim(fire), fire)
    assert settle(store, claims.finish, claim(fire), done(fire), fire + 1)
    ((state, outcome, started, finished, record, note), *_) = rows(
        "state", "outcome", "started_at", "finished_at", "record", "note"
    )
    assert (state, outcome, finished - started, note) == ("ended", "ok", 1_000_000, None)
    assert json.loads(record)["fire_time"] == "2026-01-05T10:00:00+00:00"


@pytest.mark.usefixtures("planned")
def test_what_was_only_claimed_is_due_again(store, rows):
    """A death before the job's code started has started nothing."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "dead", slots=1)
    assert settle(store, claims.bury, ["alive"], fire + 9, why="its worker died") == []
    assert rows("state", "worker")[0] == ("due", None)
    assert not settle(store, claims.start, claim(fire, "dead"), fire + 10)


@pytest.mark.usefixtures("planned")
def test_what_was_running_is_lost(store, rows):
    """It may have done its work, so it never starts again."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "dead", slots=1)
    settle(store, claims.start, claim(fire, "dead"), fire)
    assert settle(store, claims.bury, ["alive"], fire + 9, why="its worker died") == [claim(fire, "dead")]
    assert rows("state", "outcome", "reason")[0] == ("ended", "lost", "lost: its worker died")
    assert dispatch(store, work(), fire + 10, "alive", slots=1) == []


@pytest.mark.usefixtures("planned")
def test_a_late_report_is_kept_as_a_note(store, rows):
    """A worker that comes back finds its row decided, and what it says stands beside it."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "paused", slots=1)
    settle(store, claims.start, claim(fire, "paused"), fire)
    settle(store, claims.bury, [], fire + 9, why="its worker died")
    assert not settle(store, claims.finish, claim(fire, "paused"), done(fire), fire + 20)
    ((outcome, record, note), *_) = rows("outcome", "record", "note")
    assert (outcome, record, json.loads(note)["outcome"]) == ("lost", None, "ok")


@pytest.mark.usefixtures("planned")
def test_a_claim_can_be_given_back(store, rows):
    """As where the plugin cannot be loaded: another worker may have more luck."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "w", slots=1)
    assert settle(store, claims.release, claim(fire))
    assert not settle(store, claims.release, claim(fire))
    assert rows("state")[0] == ("due",)


def test_downtime_is_when_no_scheduler_was_alive(store):
    """Two that overlap leave no gap; after both have died there is one, up to the next start."""
    for name, first, last in (("a", 0, 30), ("b", 20, 60), ("c", 90, 100)):
        settle(store, heartbeat.beat, name, NINE + first * MINUTE, lease=3 * HOUR)
        settle(store, heartbeat.beat, name, NINE + last * MINUTE, lease=3 * HOUR)
    with store.read() as connection:
        lives = heartbeat.Lives.read(connection)
    window = lives.downtime(NINE, NINE + 2 * HOUR)
    assert (window.start, window.end) == (NINE + 60 * MINUTE, NINE + 90 * MINUTE)
    assert lives.downtime(NINE + 95 * MINUTE, NINE + 2 * HOUR) is None
    settle(store, heartbeat.forget, NINE + 3 * HOUR)
    with store.read() as connection:
        assert heartbeat.Lives.read(connection).downtime(NINE, NINE + 2 * HOUR) is None


def test_a_machine_that_slept_was_down(store):
    """Its scheduler gives a sign of life before and after, and was not alive in between."""
    for second in (0, 20, 40, 4000, 4020):
        settle(store, heartbeat.beat, "a", NINE + second)
    with store.read() as connection:
        window = heartbeat.Lives.read(connection).downtime(NINE, NINE + 2 * HOUR)
    assert (window.start, window.end) == (NINE + 40, NINE + 4000)


def test_a_clock_that_goes_back_moves_no_heartbeat_back(store):
    """The latest sign of life counts."""
    settle(store, heartbeat.beat, "a", NINE, lease=3 * HOUR)
    settle(store, heartbeat.beat, "a", NINE + HOUR, lease=3 * HOUR)
    settle(store, heartbeat.beat, "a", NINE + MINUTE, lease=3 * HOUR)
    settle(store, heartbeat.beat, "b", NINE + 2 * HOUR, lease=3 * HOUR)
    with store.read() as connection:
        assert heartbeat.Lives.read(connection).downtime(NINE, NINE + 3 * HOUR).start == NINE + HOUR


CLAIMING = """
import sys
from time import monotonic
from sbh_jobkit.engines import claims
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.planner import PlannedJob, plan
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule
url, worker, now = sys.argv[1], sys.argv[2], float(sys.argv[3])
policy = Policy(overlap="allow", catch_up="all")
job = PlannedJob(tenant="t", plugin="p", job="j", schedule=Schedule("* * * * *"), policy=policy)
store, started = Store.open(url), 0
until = monotonic() + 10
while monotonic() < until:
    now += 60
    with store.write() as connection:
        plan(connection, [job], now)
        (done,) = dispatch(connection, [job], now, worker, slots=1)
    for each in done.starts:
        claim = claims.Claim(tenant="t", plugin="p", job="j", fire=each.fire, worker=worker)
        with store.write() as connection:
            started += claims.start(connection, claim, now)
print(started)
"""


def test_many_processes_claim_each_row_once(url, store):
    """Eight processes plan and claim for ten seconds: no error, and each row is started by one of them."""
    job = PlannedJob(tenant="t", plugin="p", job="j", schedule=Schedule("* * * * *"))
    plan(store, job, NINE, 0)
    command = [sys.executable, "-c", CLAIMING, url]
    workers = [
        subprocess.Popen([*command, f"w{n}", f"{NINE}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(8)
    ]
    ended = [worker.communicate(timeout=60) for worker in workers]
    assert [error for _, error in ended if error] == []
    with store.read() as connection:
        states = [row.state for row in connection.execute(job_run.select())]
    assert sum(int(count) for count, _ in ended) == states.count(State.RUNNING) == len(states) > 15


@pytest.mark.usefixtures("planned")
def test_the_mark_is_one_row(store):
    """However often a job is planned, it has one mark."""
    with store.read() as connection:
        assert len(connection.execute(job_mark.select()).all()) == 1
