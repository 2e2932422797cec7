"""The core on rows: planned once, claimed once, started at most once, and what becomes of the rows of dead workers."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from sbh_jobkit.engines import claims, heartbeat
from sbh_jobkit.engines.dispatcher import count_going, dispatch
from sbh_jobkit.engines.planner import MAX_GAP, PlannedJob, plan
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.errors import StoreError
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


@pytest.mark.parametrize(
    ("jump", "way"), [(MAX_GAP + 4 * HOUR, "forward by 40 days"), (-2 * MAX_GAP, "back by 80 days")]
)
@pytest.mark.usefixtures("planned")
def test_a_clock_that_jumped_plans_nothing(store, rows, jump, way):
    """A wrong clock would write years of rows."""
    with pytest.raises(StoreError) as refused:
        plan(store, work(), NINE + jump, HOUR)
    assert str(refused.value).startswith(f"shop/work: the clock has jumped {way} since the last plan")
    assert len(rows("fire_time")) == 3


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
def test_a_run_goes_through_its_states(store, rows):
    """Claimed, running, ended; and its record is the run, as everywhere."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "w", slots=1)
    assert count_going(store, "w") == 1
    assert claims.start(store, claim(fire), fire)
    assert claims.finish(store, claim(fire), done(fire), fire + 1)
    ((state, outcome, started, finished, record, note), *_) = rows(
        "state", "outcome", "started_at", "finished_at", "record", "note"
    )
    assert (state, outcome, finished - started, note) == ("ended", "ok", 1_000_000, None)
    assert json.loads(record)["fire_time"] == "2026-01-05T10:00:00+00:00"
    assert count_going(store, "w") == 0


@pytest.mark.usefixtures("planned")
def test_what_was_only_claimed_is_due_again(store, rows):
    """A death before the job's code started has started nothing."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "dead", slots=1)
    assert claims.bury(store, ["alive"], fire + 9, why="its worker died") == []
    assert rows("state", "worker")[0] == ("due", None)
    assert not claims.start(store, claim(fire, "dead"), fire + 10)


@pytest.mark.usefixtures("planned")
def test_what_was_running_is_lost(store, rows):
    """It may have done its work, so it never starts again."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "dead", slots=1)
    claims.start(store, claim(fire, "dead"), fire)
    assert claims.bury(store, ["alive"], fire + 9, why="its worker died") == [claim(fire, "dead")]
    assert rows("state", "outcome", "reason")[0] == ("ended", "lost", "lost: its worker died")
    assert dispatch(store, work(), fire + 10, "alive", slots=1) == []


@pytest.mark.usefixtures("planned")
def test_a_late_report_is_kept_as_a_note(store, rows):
    """A worker that comes back finds its row decided, and what it says stands beside it."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "paused", slots=1)
    claims.start(store, claim(fire, "paused"), fire)
    claims.bury(store, [], fire + 9, why="its worker died")
    assert not claims.finish(store, claim(fire, "paused"), done(fire), fire + 20)
    ((outcome, record, note), *_) = rows("outcome", "record", "note")
    assert (outcome, record, json.loads(note)["outcome"]) == ("lost", None, "ok")


@pytest.mark.usefixtures("planned")
def test_a_claim_can_be_given_back(store, rows):
    """As where the plugin cannot be loaded: another worker may have more luck."""
    fire = NINE + HOUR
    dispatch(store, work(), fire, "w", slots=1)
    assert claims.release(store, claim(fire))
    assert not claims.release(store, claim(fire))
    assert rows("state")[0] == ("due",)


def test_downtime_is_when_no_scheduler_was_alive(store):
    """Two that overlap leave no gap; after both have died there is one, up to the next start."""
    for name, first, last in (("a", 0, 30), ("b", 20, 60), ("c", 90, 100)):
        heartbeat.beat(store, name, NINE + first * MINUTE)
        heartbeat.beat(store, name, NINE + last * MINUTE)
    with store.read() as connection:
        window = heartbeat.downtime(connection, NINE, NINE + 2 * HOUR)
        assert (window.start, window.end) == (NINE + 60 * MINUTE, NINE + 90 * MINUTE)
        assert heartbeat.downtime(connection, NINE + 95 * MINUTE, NINE + 2 * HOUR) is None
    heartbeat.forget(store, NINE + 3 * HOUR)
    with store.read() as connection:
        assert heartbeat.downtime(connection, NINE, NINE + 2 * HOUR) is None


def test_a_clock_that_goes_back_moves_no_heartbeat_back(store):
    """The latest sign of life counts."""
    heartbeat.beat(store, "a", NINE)
    heartbeat.beat(store, "a", NINE + HOUR)
    heartbeat.beat(store, "a", NINE + MINUTE)
    heartbeat.beat(store, "b", NINE + 2 * HOUR)
    with store.read() as connection:
        assert heartbeat.downtime(connection, NINE, NINE + 3 * HOUR).start == NINE + HOUR


CLAIMING = """
import sys
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
for _ in range(15):
    now += 60
    plan(store, job, now, 0)
    for each in dispatch(store, job, now, worker, slots=1):
        if each.action == "start":
            claim = claims.Claim(tenant="t", plugin="p", job="j", fire=each.fire, worker=worker)
            started += claims.start(store, claim, now)
print(started)
"""


def test_many_processes_claim_each_row_once(url, store):
    """Eight processes plan and claim at once: no error, and each row is started by one of them."""
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
    assert sum(int(count) for count, _ in ended) == states.count(State.RUNNING) == 15


@pytest.mark.usefixtures("planned")
def test_the_mark_is_one_row(store):
    """However often a job is planned, it has one mark."""
    with store.read() as connection:
        assert len(connection.execute(job_mark.select()).all()) == 1
