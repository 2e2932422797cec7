"""The runs in a store, read: the values that simulations have, newest first, also while more of them end."""

import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from sbh_jobkit.engines import claims, dispatcher, planner
from sbh_jobkit.engines.history import Going, Wanted, known_plugins, read_ended, read_going, read_verdicts
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.run.run import Event, Fault, FileChange, HttpCall, LlmCall, Outcome, Run, RunError
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 1, 5, 9, tzinfo=BERLIN)
HOUR = timedelta(hours=1)


def job(name="work", tenant="acme", plugin="shop", **policy):
    """Make a job that is due each hour."""
    schedule = Schedule("0 * * * *", BERLIN)
    return PlannedJob(tenant=tenant, plugin=plugin, job=name, schedule=schedule, policy=Policy(**policy))


def run_of(work, fire, **more):
    """Make the run of a job."""
    facts = {"tenant": work.tenant, "plugin": work.plugin, "job": work.job, "fire_time": fire, "started_at": fire}
    return Run(**facts | {"duration": timedelta(seconds=1), "outcome": Outcome.OK} | more)


def claim_of(work, fire, worker="w"):
    """Make the claim of a row."""
    names = {"tenant": work.tenant, "plugin": work.plugin, "job": work.job}
    return claims.Claim(fire=fire.timestamp(), worker=worker, **names)


@pytest.fixture
def lived(store):
    """Return a function that lets a job have a run at an hour, which ends as given, or not at all."""

    def live(work, fire, run=None, *, begun=True):
        with store.write() as connection:
            planner.plan(connection, [work], (fire - HOUR / 2).timestamp())
            planner.plan(connection, [work], fire.timestamp())
            dispatcher.dispatch(connection, [work], fire.timestamp(), "w", slots=9)
            claim = claim_of(work, fire)
            if begun:
                assert claims.start(connection, claim, fire.timestamp())
            if run is not None:
                assert claims.finish(connection, claim, run, (fire + timedelta(seconds=2)).timestamp())

    return live


def read(store, **wanted):
    """Return what has ended."""
    with store.read() as connection:
        return list(read_ended(connection, Wanted(**wanted)))


FULL = {
    "outcome": Outcome.CRASHED,
    "reason": "started 5m late: no slot was free",
    "value": {"rows": [1, None, "ä"]},
    "error": RunError(type="KeyError", message="'tea'", place="main.py:7", traceback="  main.py:7 in work\n"),
    "stdout": "out\n",
    "stderr": "err\n",
    "logs": ("a", "b"),
    "events": (Event(type="sold", payload={"n": 1}, at=NINE),),
    "http_calls": (HttpCall(method="GET", url="https://a.example/", status=200, matched=True, at=NINE, seconds=0.5),),
    "llm_calls": (LlmCall(prompt="p", model="m", text="t", tokens=3, at=NINE),),
    "files": (FileChange(action="upload", key="a.csv", size=9),),
    "rows_read": 12,
    "faults": (Fault(member="ctx.http", kind="blocked", message="a socket", place="main.py:8"),),
}


def test_a_run_comes_back_as_it_was(store, lived):
    """Everything that a report shows is there, with times in the zone of the schedule."""
    run = run_of(job(), NINE, **FULL)
    lived(job(), NINE, run)
    (recorded,) = read(store)
    assert recorded.run == run
    assert recorded.run.fire_time.isoformat() == "2026-01-05T09:00:00+01:00"
    assert (recorded.finished_at, recorded.late_report) == (NINE + timedelta(seconds=2), None)
    assert recorded.finished_at.tzinfo == BERLIN


def test_due_instants_that_did_not_start_have_their_reason(store, lived):
    """They are runs, too, as in a simulation."""
    lived(job(), NINE)
    with store.write() as connection:
        planner.plan(connection, [job()], (NINE + HOUR).timestamp())
        dispatcher.dispatch(connection, [job()], (NINE + HOUR).timestamp(), "w", slots=9)
    (recorded,) = read(store)
    reason = "skipped: the run of 09:00 was still running (max_instances=1)"
    skipped = {"started_at": None, "duration": timedelta(0), "outcome": Outcome.SKIPPED, "reason": reason}
    assert recorded.run == run_of(job(), NINE + HOUR, **skipped)


def test_a_lost_run_lasted_until_its_scheduler_was_missed(store, lived):
    """What its worker reports later stands beside it."""
    lived(job(), NINE)
    ended, run = NINE + timedelta(seconds=40), run_of(job(), NINE, stdout="done")
    with store.write() as connection:
        claims.bury(connection, [], ended.timestamp(), why="its scheduler died while it ran")
        claims.finish(connection, claim_of(job(), NINE), run, ended.timestamp() + 5)
    (recorded,) = read(store)
    lost = {"outcome": Outcome.LOST, "duration": timedelta(seconds=40)}
    assert recorded.run == run_of(job(), NINE, reason="lost: its scheduler died while it ran", **lost)
    assert recorded.late_report == run


def test_the_newest_come_first(store, lived):
    """Whatever the order in which they ended; a time bounds them."""
    for hours in (2, 0, 1):
        fire = NINE + hours * HOUR
        work = job(f"job{hours}")
        lived(work, fire, run_of(work, fire))
    assert [each.run.job for each in read(store)] == ["job2", "job1", "job0"]
    with store.read() as connection:
        before = read_ended(connection, Wanted(), before=(NINE + 2 * HOUR).timestamp())
        assert [each.run.job for each in before] == ["job1", "job0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["acme/shop/work", "acme/shop/other", "acme/bank/work", "beta/shop/work"]),
        ({"tenant": "beta"}, ["beta/shop/work"]),
        ({"plugin": "bank"}, ["acme/bank/work"]),
        ({"job": "work"}, ["acme/shop/work", "acme/bank/work", "beta/shop/work"]),
        ({"tenant": "acme", "plugin": "shop", "job": "other"}, ["acme/shop/other"]),
        ({"job": "none"}, []),
    ],
)
def test_only_what_is_wanted_is_read(store, lived, wanted, found):
    """By tenant, plugin and job."""
    for name in ("acme/shop/work", "acme/shop/other", "acme/bank/work", "beta/shop/work"):
        tenant, plugin, work = name.split("/")
        given = job(work, tenant, plugin)
        lived(given, NINE, run_of(given, NINE))
    runs = [each.run for each in read(store, **wanted)]
    assert sorted(f"{run.tenant}/{run.plugin}/{run.job}" for run in runs) == sorted(found)


FAULT = Fault(member="ctx.http", kind="blocked", message="a socket")
VERDICTS = [
    ("ok", {"value": {"verdict": "faulty", "ok": False}, "stdout": '"verdict": "faulty", "ok": false, '}),
    ("faulty", {"faults": (FAULT,)}),
    ("crashed", {"outcome": Outcome.CRASHED, "faults": (FAULT,)}),
]


def test_verdicts_are_read_without_records(store, lived):
    """They are those of the runs, from a time on, oldest first; what a job itself writes is not mistaken for one."""
    for hours, (_, more) in enumerate(VERDICTS):
        lived(job(), NINE + hours * HOUR, run_of(job(), NINE + hours * HOUR, **more))
    with store.read() as connection:
        found = read_verdicts(connection, Wanted(job="work"), NINE.timestamp())
        later = read_verdicts(connection, Wanted(), (NINE + HOUR / 2).timestamp())
    assert found == [(NINE + hours * HOUR, verdict) for hours, (verdict, _) in enumerate(VERDICTS)]
    assert [verdict for _, verdict in found] == [each.run.verdict for each in reversed(read(store))]
    assert later == found[1:]


def add_rows(store, first, count):
    """Write rows that have ended, an hour apart."""
    with store.write() as connection:
        rows = [
            {
                "tenant": "acme",
                "plugin": "shop",
                "job": "many",
                "state": State.ENDED,
                "outcome": "missed",
                "fire_time": hour * 3_600_000_000,
                "planned_at": 0,
                "finished_at": 0,
                "reason": f"{hour}",
            }
            for hour in range(first, first + count)
        ]
        connection.execute(job_run.insert(), rows)


def test_what_ends_while_history_is_read_repeats_nothing(url, store):
    """Several hundred runs are read page by page, and each is seen once."""
    add_rows(store, 0, 450)
    other = Store.open(url)
    with store.read() as connection:
        reading = read_ended(connection, Wanted())
        seen = [next(reading).run.reason]
        add_rows(other, 450, 30)
        seen += [each.run.reason for each in reading]
    other.close()
    assert seen == [str(number) for number in reversed(range(450))]


def test_runs_of_one_instant_are_all_seen(store):
    """Also where a page ends among them."""
    works = [job(f"job{number:03}") for number in range(205)]
    with store.write() as connection:
        for at in (NINE - HOUR / 2, NINE):
            planner.plan(connection, works, at.timestamp())
        ended = {"state": State.ENDED, "outcome": "missed", "finished_at": 0}
        connection.execute(update(job_run).values(**ended))
    seen = [each.run.job for each in read(store)]
    assert seen == sorted((work.job for work in works), reverse=True)


def test_what_goes_on_and_what_waits_is_shown_apart(store, lived):
    """Claimed, running and waiting, the oldest first; what is only due is not shown."""
    queued = job("queued", overlap="queue_one")
    lived(queued, NINE)
    lived(job("claimed"), NINE + HOUR, begun=False)
    with store.write() as connection:
        for at in (NINE, NINE + HOUR):
            planner.plan(connection, [queued, job("due")], at.timestamp())
        dispatcher.dispatch(connection, [queued], (NINE + HOUR).timestamp(), "w", slots=9)
    with store.read() as connection:
        going = read_going(connection, Wanted())
        assert read_going(connection, Wanted(job="claimed")) == [each for each in going if each.state is State.CLAIMED]
    reason = "the run of 09:00 was still running"
    same = {"tenant": "acme", "plugin": "shop"}
    assert [each for each in going if each.job == "queued"] == [
        Going(**same, job="queued", fire_time=NINE, state=State.RUNNING, started_at=NINE, reason=None),
        Going(**same, job="queued", fire_time=NINE + HOUR, state=State.WAITING, started_at=None, reason=reason),
    ]
    assert [each.job for each in going].count("queued") == len(going) - 1


def test_the_store_knows_which_plugins_it_has_served(store, lived):
    """So a name that is none of them can be answered with the nearest."""
    for work in (job("b"), job("a"), job("a", "beta"), job("c", "acme", "bank")):
        lived(work, NINE, run_of(work, NINE))
    with store.read() as connection:
        assert known_plugins(connection) == {"bank": ["c"], "shop": ["a", "b"]}


def test_runs_without_a_mark_are_shown_in_utc(store):
    """Such as those of a job whose mark somebody removed."""
    add_rows(store, 10, 1)
    with store.write() as connection:
        connection.execute(job_mark.delete())
    (recorded,) = read(store)
    assert recorded.run.fire_time.isoformat() == "1970-01-01T10:00:00+00:00"


def test_reading_history_loads_no_plugin_and_no_fake(sqlite_url):
    """It is a command beside a server."""
    Store.open(sqlite_url).close()
    code = """
import sys
from sbh_jobkit.engines.history import Wanted, read_ended
from sbh_jobkit.engines.store import Store
with Store.open(sys.argv[1]).read() as connection:
    print(list(read_ended(connection, Wanted())))
print([name for name in sys.modules if name.startswith(("sbh_jobkit.fakes", "sbh_plugins", "time_machine", "respx"))])
"""
    done = subprocess.run([sys.executable, "-c", code, sqlite_url], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


ODD = {
    "NUL": ("a\0b", r"a\x00b"),
    "a name that is not UTF-8": ("op-\udce9.csv", r"op-\udce9.csv"),
    "one half alone": ("\ud83d", r"\ud83d"),
    "both halves, the second first": ("\udc00\ud800", r"\udc00\ud800"),
    "the ends of the range": ("\udfff \ud800", r"\udfff \ud800"),
    "what every database stores": ("ä\U0001f600\n\x01", "ä\U0001f600\n\x01"),
}


@pytest.mark.parametrize("what", ODD)
def test_a_run_with_an_odd_text_is_kept(store, lived, what):
    """As it was, but for the reason, which is a column of its own: there it stands as Python writes it."""
    text, written = ODD[what]
    error = RunError(type="ValueError", message=text, place=text, traceback=text)
    run = run_of(job(), NINE, error=error, reason=text, value={text: [text]}, stdout=text, outcome=Outcome.CRASHED)
    lived(job(), NINE, run)
    with store.read() as connection:
        (found,) = read_ended(connection, Wanted())
        assert connection.execute(select(job_run.c.reason)).scalars().first() == written
    assert found.run == run


@pytest.mark.parametrize("what", [what for what, (text, written) in ODD.items() if text != written])
def test_an_odd_text_names_nothing(store, lived, what):
    """Neither a tenant, nor a plugin, nor a job; PostgreSQL would not even take the question."""
    lived(job(), NINE, run_of(job(), NINE))
    for name in ("tenant", "plugin", "job"):
        with store.read() as connection:
            assert [*read_ended(connection, Wanted(**{name: ODD[what][0]}))] == []
            assert read_going(connection, Wanted(**{name: ODD[what][0]})) == []
