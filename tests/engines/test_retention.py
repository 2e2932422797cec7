"""How long the store keeps runs: output goes first, then runs, and the last run of a job never."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sbh_jobkit.engines import planner
from sbh_jobkit.engines.jobs import job_rows
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.retention import prune
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.run.run import Event, Outcome, Run, RunError
from sbh_jobkit.schedule.schedule import Schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORK, OTHER = (
    PlannedJob(tenant="acme", plugin="shop", job=name, schedule=Schedule("0 9 * * *")) for name in ("work", "other")
)
DAY = timedelta(days=1)
LOUD = {
    "stdout": "out\n",
    "stderr": "err\n",
    "logs": ("a",),
    "events": (Event(type="sold", payload={"n": 1}, at=NOW),),
    "error": RunError(type="KeyError", message="'tea'"),
    "value": 5,
    "outcome": Outcome.CRASHED,
}


@pytest.fixture
def lived(store):
    """Return a function that writes the runs of a job, so many days ago."""
    with store.write() as connection:
        planner.plan(connection, [WORK, OTHER], NOW.timestamp())

    def live(days, job=WORK, *, started=True, state=State.ENDED, **facts):
        rows = []
        for age in days:
            at = NOW - age * DAY
            run = Run(
                tenant="acme",
                plugin="shop",
                job=job.job,
                fire_time=at,
                started_at=at,
                **{"duration": timedelta(0), "outcome": Outcome.OK} | facts,
            )
            moment = round(at.timestamp() * 1e6)
            ended = {"finished_at": moment, "outcome": run.outcome if started else "missed"}
            begun = {"started_at": moment, "record": json.dumps(run.to_dict())} if started else {}
            key = {"tenant": "acme", "plugin": "shop", "job": job.job, "fire_time": moment}
            rows.append({**key, "state": state, "planned_at": moment, **ended, **begun})
        with store.write() as connection:
            for row in rows:
                connection.execute(job_run.insert().values(row))

    return live


@pytest.fixture
def pruned(store):
    """Return a function that removes what is too old, and returns how often it was called until all was done."""

    def work(job=WORK, **settings):
        for number in range(1, 20):
            with store.write() as connection:
                if not prune(connection, job, HistorySettings(**settings), NOW.timestamp()):
                    return number
        return None

    return work


def ages(store, job=WORK):
    """Return how many days old the runs of a job are, the oldest first."""
    with store.read() as connection:
        found = connection.execute(job_run.select().where(job.is_in(job_run)).order_by(job_run.c.fire_time))
        return [round((NOW.timestamp() - row.fire_time / 1e6) / 86_400) for row in found]


def counted(store):
    """Return `runs` of the table plugin_jobs, by job."""
    with store.read() as connection:
        return {row["name"]: row["runs"] for row in job_rows(connection, "acme", NOW.timestamp())}


CASES = {
    "young": ([1, 2, 3], {}, [3, 2, 1]),
    "too old": ([1, 50, 89, 91, 200], {}, [89, 50, 1]),
    "fewer days": ([1, 2, 3, 4, 5], {"days": 2.5}, [2, 1]),
    "too many": ([1, 2, 3, 4, 5], {"runs": 3}, [3, 2, 1]),
    "exactly as many": ([1, 2, 3], {"runs": 3}, [3, 2, 1]),
    "both": ([1, 2, 3, 4, 5], {"runs": 4, "days": 3.5}, [3, 2, 1]),
    "only the last": ([1, 2, 3], {"runs": 1}, [1]),
    "all too old": ([300, 200, 100], {}, [100]),
    "none": ([], {}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_old_runs_go(store, lived, pruned, case):
    """By days and by number; other jobs' runs stay, and `runs` goes on counting."""
    days, settings, left = CASES[case]
    lived(days)
    lived([400, 300, 5], OTHER)
    assert pruned(**settings) == 1
    assert ages(store) == left
    assert ages(store, OTHER) == [400, 300, 5]
    assert counted(store) == {"work": len(days), "other": 3}


def test_the_last_run_stays_behind_newer_instants_that_did_not_start(store, lived, pruned):
    """A job that is always missed still shows how it ran last."""
    lived([300, 200])
    lived([100, 3, 2, 1], started=False)
    pruned(runs=2)
    assert ages(store) == [200, 2, 1]
    with store.read() as connection:
        shown = job_rows(connection, "acme", NOW.timestamp())[1]
    assert (shown["last_run_at"], shown["runs"]) == ((NOW - 200 * DAY).isoformat(), 2)


@pytest.mark.parametrize("state", [State.DUE, State.WAITING, State.CLAIMED, State.RUNNING])
def test_what_has_not_ended_stays(store, lived, pruned, state):
    """However old it is."""
    lived([200], state=state)
    lived([1])
    pruned(runs=1)
    assert ages(store) == [200, 1]


def test_output_goes_before_the_run(store, lived, pruned):
    """After two weeks only how it ended is left, also of the last run."""
    lived([13, 15], **LOUD)
    pruned()
    with store.read() as connection:
        rows = connection.execute(job_run.select().order_by(job_run.c.fire_time)).all()
    old, young = (json.loads(row.record) for row in rows)
    assert [row.is_cut for row in rows] == [True, False]
    assert (young["stdout"], young["logs"], len(young["events"])) == ("out\n", ["a"], 1)
    lost = {"stdout", "stderr", "logs", "events"}
    assert {name for name, value in old.items() if value != young[name]} == lost | {"fire_time", "started_at"}
    assert [old[name] for name in ("stdout", "stderr", "logs", "events")] == ["", "", [], []]
    assert (old["error"]["message"], old["value"], old["outcome"]) == ("'tea'", 5, "crashed")


def test_output_is_cut_once(store, lived, pruned):
    """A row that was cut is not written again."""
    lived([15, 16])
    pruned()
    with store.write() as connection:
        connection.execute(job_run.update().values(record='{"stdout": "by hand"}'))
    pruned()
    with store.read() as connection:
        assert {row.record for row in connection.execute(job_run.select())} == {'{"stdout": "by hand"}'}


def test_a_late_report_goes_with_the_output(store, lived, pruned):
    """It stands beside the record, and is as long."""
    lived([15, 13])
    with store.write() as connection:
        connection.execute(job_run.update().values(note="{}"))
    pruned()
    with store.read() as connection:
        assert [row.note for row in connection.execute(job_run.select().order_by(job_run.c.fire_time))] == [None, "{}"]


def test_much_goes_in_short_transactions(store, lived, pruned):
    """Five hundred rows at a time, until all is done; nothing is counted twice."""
    lived([100 + number / 24 for number in range(1_100)])
    lived([1])
    assert pruned() == 3
    assert ages(store) == [1]
    assert counted(store)["work"] == 1_101
