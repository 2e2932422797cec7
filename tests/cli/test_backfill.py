"""`backfill` on a store, as people type it."""

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines import heartbeat, pauses, planner
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.pauses import Scope
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone


def job(name, schedule, tenant="acme"):
    """Make a job."""
    return PlannedJob(tenant=tenant, plugin="shop", job=name, schedule=schedule)


BERLIN = Schedule("0 9 * * *", "Europe/Berlin")
JOBS = [
    job("daily", BERLIN),
    job("by_hand", ManualOnly(zone("UTC"))),
    job("often", Schedule("* * * * *")),
    *(job("both", BERLIN, tenant) for tenant in ("acme", "beta")),
]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Make a store that a scheduler has served jobs from; return it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ann")
    store = Store.open("sqlite:///jobs.db")
    with store.write() as connection:
        planner.plan(connection, JOBS, now())
    yield store
    store.close()


def run(capsys, line):
    """Run a command; return its exit code, and what it printed."""
    return main(line.split()), *capsys.readouterr()


MARCH = "backfill shop daily --from 2026-03-01 --to 2026-04-01"


def test_a_month_is_asked_for(served, capsys):
    """It says how many fire times run, and that no scheduler is alive to run them."""
    asked = "backfill of daily: 31 fire times: 31 will run"
    assert run(capsys, MARCH) == (0, f"{asked}; they wait for a scheduler, since none is alive\n", "")
    assert run(capsys, MARCH)[1] == "backfill of daily: 31 fire times: 0 will run, 31 will run anyway\n"
    with served.write() as connection:
        heartbeat.beat(connection, "w", now())
    assert run(capsys, "backfill shop both --tenant beta --from 2026-03-01 --to 2026-03-02")[1] == (
        "backfill of both: 1 fire time: 1 will run\n"
    )
    assert run(capsys, "backfill shop daily --cancel") == (
        0,
        "backfill of daily: 31 fire times will not run; what has started goes on\n",
        "",
    )


def test_a_pause_is_said(served, capsys):
    """Since nothing starts while it goes on."""
    with served.write() as connection:
        pauses.begin(connection, Scope(job="daily", plugin="shop"), "bob", 1767600000.0)
    assert run(capsys, MARCH)[1] == (
        "backfill of daily: 31 fire times: 31 will run; they wait, since the job 'daily' of shop is paused, by bob at"
        " 2026-01-05 08:00 UTC\n"
    )


BAD = {
    "backfill shop daily": "backfill needs the start of the range, --from ISO",
    "backfill shop daily --cancel --from 2026-01-01": "--cancel takes no range",
    "backfill shop daily --cancel --to 2026-01-01": "--cancel takes no range",
    "backfill shp daily --from 2026-01-01": "the store has no plugin 'shp'; did you mean 'shop'?",
    "backfill shop dayly --from 2026-01-01": "the store has no job 'dayly'; did you mean 'daily'?",
    "backfill shop both --from 2026-01-01": "the job 'both' of shop is served at acme, beta; add --tenant NAME",
    "backfill shop daily --tenant gamma --from 2026-01-01": "the store has no tenant 'gamma'; it has acme, beta",
    "backfill shop daily --tenant beta --from 2026-01-01": "no scheduler has served the job 'daily' of shop at beta"
    " from this store yet; serve it first",
    "backfill shop by_hand --from 2026-01-01": "the job 'by_hand' of shop has no schedule, so it has no fire times to"
    " run again; run it by hand",
    "backfill shop often --from 2026-01-01": "the job 'often' of shop has more than 10,000 fire times in this range;"
    " take it in parts, the first of which may end at 2026-01-07T22:40Z",
    "backfill shop daily --from 2026-03-01 --to 2026-03-01": "the range ends at 2026-02-28T23:00Z, which is not after"
    " its start, 2026-02-28T23:00Z",
}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence(line, capsys):
    """With exit code 2, and nothing will run."""
    assert run(capsys, line) == (2, "", f"sbh-jobkit: error: {BAD[line]}\n")
    assert run(capsys, "backfill shop daily --cancel")[1].startswith("backfill of daily: 0 fire times will not run;")


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("range_", ["--from 2026-01-01 --to 2999-01-01", "--from soon", "--from 2026-01-01 --to later"])
def test_a_range_that_is_none(range_, capsys):
    """The future, or no time at all."""
    code, out, err = run(capsys, f"backfill shop daily {range_}")
    assert (code, out) == (2, "")
    assert "a backfill takes the past only" in err or "is not" in err
