"""The table `plugin_jobs` of a real tenant has the rows that the fake tenant has after the same runs."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.engines import claims, dispatcher, planner
from sbh_jobkit.engines.jobs import job_rows, read_schedule
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.simulation.simulator import simulate

SOURCE = """
import time
from src.ext.sdk import job

@job("bad", schedule="0 10 * * *")
def bad(ctx):
    return {"status": "error", "error": "no stock"}

@job("crash", schedule="0 11 * * 1-5")
def crash(ctx):
    raise ValueError("broken")

@job("huge", schedule="0 13 * * *")
def huge(ctx):
    raise MemoryError

@job("never", schedule="0 0 29 2 *")
def never(ctx):
    pass

@job("ok", schedule="0 9 * * *")
def ok(ctx):
    return 1

@job("often", schedule="*/20 8 * * *")
def often(ctx):
    time.sleep(1500)

@job("slow", schedule="0 12 * * *")
def slow(ctx):
    time.sleep(99999)
"""


@pytest.fixture
def plugin(tmp_path):
    """Load a plugin with jobs that end in every way."""
    (tmp_path / "main.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "plugin.json").write_text(json.dumps({"slug": "shop", "name": "Shop"}), encoding="utf-8")
    return Plugin.load(tmp_path)


def repeat(store, plugin, simulation, zone):
    """Let the same runs happen in a store as in a simulation: planned, claimed, started and ended at its times."""
    jobs = {
        name: PlannedJob(tenant="acme", plugin="shop", job=name, schedule=Schedule(job.schedule.expression, zone))
        for name, job in plugin.jobs.items()
    }
    begin = simulation.start.timestamp()
    with store.write() as connection:
        planner.plan(connection, list(jobs.values()), begin - 1)
        for _, kind, _, run in sorted(steps(simulation.runs)):
            job, at = jobs[run.job], (run.started_at or run.fire_time).timestamp()
            claim = claims.Claim(tenant="acme", plugin="shop", job=run.job, fire=run.fire_time.timestamp(), worker="w")
            if kind != BEGINS:
                assert claims.finish(connection, claim, run, at + run.duration.total_seconds())
                continue
            planner.plan(connection, [job], at)
            (done,) = dispatcher.dispatch(connection, [job], at, "w", slots=99)
            assert [each.fire for each in done.starts] == [claim.fire] * bool(run.started_at)
            if run.started_at:
                assert claims.start(connection, claim, at)


ENDS, BEGINS, ENDS_AT_ONCE = range(3)


def steps(runs):
    """Yield when each run begins and ends, in the order in which a clock lets it happen."""
    for number, run in enumerate(runs):
        at = (run.started_at or run.fire_time).timestamp()
        yield at, BEGINS, number, run
        if run.started_at:
            took = run.duration.total_seconds()
            yield at + took, ENDS if took else ENDS_AT_ONCE, number, run


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2026-01-01T00:00", "2026-01-01T00:00:01", "UTC"),
        ("2026-01-01T00:00", "2026-01-01T12:00", "UTC"),
        ("2026-01-01T00:00", "2026-01-04T08:59", "UTC"),
        ("2026-03-27T00:00", "2026-03-29T12:50", "Europe/Paris"),
        ("2026-10-24T00:00", "2026-10-26T00:00", "America/New_York"),
    ],
)
def test_the_rows_are_those_of_the_fake_tenant(store, plugin, start, end, zone):
    """Status, last and next run, last error and number of runs: every value of every job."""
    world = World(time_limit=3000)
    simulation = simulate(plugin, world, start=start, duration=_length(start, end, zone), tz=zone)
    until = times.instant(end, ZoneInfo(zone))
    repeat(store, plugin, simulation, zone)
    with store.read() as connection:
        real = job_rows(connection, "acme", until.timestamp())
    fake = sorted(world.db.rows("plugin_jobs"), key=lambda row: row["name"])  # a store has no order of installation
    for row in fake:  # whose clock has moved on beyond the range while the last run was going
        row["next_run_at"] = Schedule(row["schedule_cron"], zone).next(until).isoformat()
    assert real == fake


def _length(start, end, zone):
    first, last = (times.instant(each, ZoneInfo(zone)) for each in (start, end))
    return f"{round(last.timestamp() - first.timestamp())}s"


def test_the_last_error_is_what_an_author_reads_in_a_simulation(store, plugin):
    """Kinds of failure by their own words."""
    simulation = simulate(plugin, World(time_limit=3000), start="2026-01-01", duration="1d")
    repeat(store, plugin, simulation, "UTC")
    with store.read() as connection:
        shown = {row["name"]: (row["status"], row["last_error"]) for row in job_rows(connection, "acme", 1.767e9)}
    assert shown["bad"] == ("failed", "no stock")
    assert shown["crash"] == ("failed", "broken")
    assert shown["slow"] == ("failed", "timed out: the limit is 3000 s, passed at main.py:31")
    assert shown["ok"] == ("completed", None)
    assert shown["never"] == ("idle", None)


def start_one(store, job, at):
    """Plan, claim and start a run, and return its claim."""
    claim = claims.Claim(tenant=job.tenant, plugin=job.plugin, job=job.job, fire=at, worker="w")
    with store.write() as connection:
        planner.plan(connection, [job], at - 1)
        planner.plan(connection, [job], at)
        dispatcher.dispatch(connection, [job], at, "w", slots=1)
        assert claims.start(connection, claim, at)
    return claim


NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()


def shop(tenant="acme", plugin="shop"):
    """Make a job."""
    return PlannedJob(tenant=tenant, plugin=plugin, job="work", schedule=Schedule("0 * * * *"))


def test_a_job_that_asks_sees_itself_running(store):
    """As the fake tenant shows it; a run that was lost is a failed one."""
    start_one(store, shop(), NINE)
    with store.read() as connection:
        (row,) = job_rows(connection, "acme", NINE + 1)
    assert (row["status"], row["last_run_at"], row["runs"]) == ("running", None, 0)
    with store.write() as connection:
        claims.bury(connection, [], NINE + 2, why="its scheduler died while it ran")
        (row,) = job_rows(connection, "acme", NINE + 3)
    seen = row["status"], row["last_run_at"], row["last_error"], row["runs"]
    assert seen == ("failed", "2026-01-05T09:00:00+00:00", "lost: its scheduler died while it ran", 1)


def test_a_tenant_sees_only_its_own_jobs(store):
    """All plugins of it, by name, and nobody else's."""
    for tenant, plugin in (("acme", "shop"), ("acme", "bank"), ("beta", "shop")):
        start_one(store, shop(tenant, plugin), NINE)
    with store.read() as connection:
        assert [row["id"] for row in job_rows(connection, "acme", NINE)] == ["bank:work", "shop:work"]
        assert [row["id"] for row in job_rows(connection, "beta", NINE)] == ["shop:work"]
        assert job_rows(connection, "gamma", NINE) == []


@pytest.mark.parametrize("expression", ["*/5 9-17 * * MON-FRI", "@daily", "0 0 29 2 *"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_mark_keeps_the_schedule(expression, zone):
    """As it was written, with its zone."""
    schedule = Schedule(expression, zone)
    planned = PlannedJob(tenant="t", plugin="p", job="j", schedule=schedule)
    assert read_schedule(planned.shown) == schedule
