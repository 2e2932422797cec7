"""What a scheduler does beside its ticks: dead schedulers, jobs that are gone, and what was left undecided."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import claims, dispatcher, heartbeat, maintenance, planner
from sbh_jobkit.engines.heartbeat import LEASE, MAX_GAP
from sbh_jobkit.engines.identity import identify
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import State, job_run, life
from sbh_jobkit.errors import ClockError
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HOUR = 3600
ME = identify()
ELSEWHERE = "other-host/1:boot:77:5"


@pytest.fixture
def dead():
    """Return the name of a scheduler of this machine whose process has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = identify(process.pid)
    process.communicate()
    return name


def work(name="work", tenant="acme", plugin="shop"):
    """Make a job."""
    schedule = Schedule("0 * * * *")
    return PlannedJob(tenant=tenant, plugin=plugin, job=name, schedule=schedule, policy=Policy(overlap="queue_one"))


@pytest.fixture
def claimed(store):
    """Return a function that lets a scheduler claim the row of nine o'clock, and start it."""

    def claim(worker, *, begun, job=None):
        job = job or work()
        with store.write() as connection:
            heartbeat.beat(connection, worker, NINE)
            for at in (NINE - 1, NINE):
                planner.plan(connection, [job], at)
            dispatcher.dispatch(connection, [job], NINE, worker, slots=1)
            if begun:
                names = {"tenant": job.tenant, "plugin": job.plugin, "job": job.job}
                assert claims.start(connection, claims.Claim(**names, fire=NINE, worker=worker), NINE)

    return claim


def look(store, now):
    """Look, as this process."""
    with store.write() as connection:
        return maintenance.look(connection, ME, now)


def rows(store, *names):
    """Return columns of all rows."""
    with store.read() as connection:
        found = connection.execute(job_run.select().order_by(job_run.c.job, job_run.c.fire_time)).all()
        return [tuple(getattr(row, name) for name in names) for row in found]


LOST = ("ended", "lost: its scheduler died while it ran")


def test_a_scheduler_of_this_machine_that_has_died_is_known_at_once(store, claimed, dead):
    """What it ran is lost, within its lease too."""
    claimed(dead, begun=True)
    look(store, NINE + 1)
    assert rows(store, "state", "reason") == [LOST]


def test_what_a_dead_scheduler_had_only_claimed_is_due_again(store, claimed, dead):
    """And its job is looked at at once."""
    claimed(dead, begun=False)
    assert look(store, NINE + 1) == [work().key]
    assert rows(store, "state", "worker") == [("due", None)]


@pytest.mark.parametrize(
    ("after", "state"), [(1, "running"), (LEASE, "running"), (LEASE + 1, "ended"), (LEASE * 9, "ended")]
)
def test_a_scheduler_of_another_machine_has_a_lease(store, claimed, after, state):
    """Without a sign of life for so long it counts as dead."""
    claimed(ELSEWHERE, begun=True)
    look(store, NINE + after)
    assert rows(store, "state") == [(state,)]


def test_a_scheduler_that_gives_signs_of_life_keeps_its_runs(store, claimed):
    """However long they take."""
    claimed(ELSEWHERE, begun=True)
    for after in range(0, 200, 20):
        with store.write() as connection:
            heartbeat.beat(connection, ELSEWHERE, NINE + after)
        look(store, NINE + after + 15)
    assert rows(store, "state") == [("running",)]


def test_ones_own_runs_are_never_buried(store, claimed):
    """Also after a pause that was longer than the lease."""
    claimed(ME, begun=True)
    look(store, NINE + LEASE * 9)
    assert rows(store, "state") == [("running",)]


def test_a_worker_without_a_sign_of_life_is_dead(store, claimed):
    """A row whose scheduler is not in the table of lives belongs to nobody."""
    claimed(ELSEWHERE, begun=True)
    with store.write() as connection:
        connection.execute(life.delete())
    look(store, NINE + 1)
    assert rows(store, "state", "reason") == [LOST]


def test_what_is_left_undecided_is_found(store):
    """Due or waiting, each job once; what lies ahead is not."""
    with store.write() as connection:
        planner.plan(connection, [work("a"), work("b")], NINE - 1)
        planner.plan(connection, [work("a")], NINE - 1, 3 * HOUR)
    assert look(store, NINE - 1) == []
    assert look(store, NINE + HOUR) == [work("a").key]


@pytest.mark.parametrize("jump", [MAX_GAP + 1, -heartbeat.MAX_BACK - 1])
def test_a_clock_that_jumped_changes_nothing(store, claimed, dead, jump):
    """No sign of life, nothing buried, until it is right again."""
    claimed(dead, begun=True)
    with pytest.raises(ClockError):
        look(store, NINE + jump)
    assert rows(store, "state") == [("running",)]
    with store.read() as connection:
        assert [row.worker for row in connection.execute(life.select())] == [dead]
    look(store, NINE + 2)
    assert rows(store, "state", "reason") == [LOST]


def test_rows_of_jobs_that_are_gone_end_as_missed(store, claimed):
    """What is due or waits; what was decided, and what belongs to other plugins and tenants, stays."""
    others = [work("gone", "beta"), work("gone", "acme", "bank"), work("kept")]
    with store.write() as connection:
        planner.plan(connection, [work("gone"), *others], NINE - 1)
        planner.plan(connection, [work("gone"), *others], NINE)
    claimed(ELSEWHERE, begun=True, job=work("gone_running"))
    with store.write() as connection:
        waiting = job_run.update().where(job_run.c.tenant == "acme", job_run.c.job == "gone")
        connection.execute(waiting.values(state=State.WAITING))
        maintenance.retire(connection, [work("kept")], NINE + 5)
    ended = [row for row in rows(store, "tenant", "plugin", "job", "outcome", "reason") if row[3]]
    assert ended == [("acme", "shop", "gone", "missed", "missed: the plugin does not have this job any more")]
    assert sorted(rows(store, "job", "state")) == [
        *[("gone", "due")] * 1,
        *[("gone", "ended")],
        *[("gone", "waiting")],
        ("gone_running", "running"),
        ("kept", "due"),
    ]


def test_a_claim_whose_answer_was_lost_is_given_back(store, claimed):
    """The scheduler has committed it, but knows nothing of it; those that it knows stay, and what runs stays."""
    for name in ("known", "unknown"):
        claimed(ME, begun=False, job=work(name))
    claimed(ME, begun=True, job=work("running"))
    claimed(ELSEWHERE, begun=False, job=work("others"))
    known = claims.Claim(tenant="acme", plugin="shop", job="known", fire=NINE, worker=ME)
    with store.write() as connection:
        assert claims.release_others(connection, ME, [known]) == 1
    assert rows(store, "job", "state", "worker") == [
        ("known", "claimed", ME),
        ("others", "claimed", ELSEWHERE),
        ("running", "running", ME),
        ("unknown", "due", None),
    ]
