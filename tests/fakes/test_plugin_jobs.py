"""The table `plugin_jobs`: what a job sees of its own installation."""

import json

import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import simulate

SOURCE = """
import time
from src.ext.sdk import job

@job("ok", schedule="0 9 * * *")
def ok(ctx):
    return ctx.db.query("plugin_jobs", {"plugin_installation_id": "shop"})

@job("bad", schedule="0 10 * * *")
def bad(ctx):
    return {"status": "error", "error": "no stock"}

@job("crash", schedule="0 11 * * *")
def crash(ctx):
    raise ValueError("broken")

@job("slow", schedule="0 12 * * *")
def slow(ctx):
    time.sleep(99)

@job("by_hand")
def by_hand(ctx):
    return 1
"""


@pytest.fixture
def plugin(tmp_path):
    """Load a plugin with jobs that end in every way."""
    (tmp_path / "main.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "plugin.json").write_text(json.dumps({"slug": "shop", "name": "Shop"}), encoding="utf-8")
    return Plugin.load(tmp_path)


def row(name, **more):
    """Return a job's row as it is before it ever ran."""
    return {
        "id": f"shop:{name}",
        "plugin_installation_id": "shop",
        "name": name,
        "schedule_cron": None,
        "status": "idle",
        "last_run_at": None,
        "next_run_at": None,
        "last_error": None,
        "runs": 0,
    } | more


FIRST = [
    row("ok", schedule_cron="0 9 * * *", next_run_at="2026-01-02T09:00:00+00:00", status="running"),
    row("bad", schedule_cron="0 10 * * *", next_run_at="2026-01-01T10:00:00+00:00"),
    row("crash", schedule_cron="0 11 * * *", next_run_at="2026-01-01T11:00:00+00:00"),
    row("slow", schedule_cron="0 12 * * *", next_run_at="2026-01-01T12:00:00+00:00"),
    row("by_hand"),
]
SECOND = [
    row(
        "ok",
        schedule_cron="0 9 * * *",
        next_run_at="2026-01-03T09:00:00+00:00",
        last_run_at="2026-01-01T09:00:00+00:00",
        status="running",
        runs=1,
    ),
    row(
        "bad",
        schedule_cron="0 10 * * *",
        next_run_at="2026-01-02T10:00:00+00:00",
        last_run_at="2026-01-01T10:00:00+00:00",
        status="failed",
        last_error="no stock",
        runs=1,
    ),
    row(
        "crash",
        schedule_cron="0 11 * * *",
        next_run_at="2026-01-02T11:00:00+00:00",
        last_run_at="2026-01-01T11:00:00+00:00",
        status="failed",
        last_error="broken",
        runs=1,
    ),
    row(
        "slow",
        schedule_cron="0 12 * * *",
        next_run_at="2026-01-02T12:00:00+00:00",
        last_run_at="2026-01-01T12:00:00+00:00",
        status="failed",
        last_error="timed out: the limit is 30 s, passed at main.py:19",
        runs=1,
    ),
    row("by_hand"),
]


def test_a_job_sees_the_rows_of_its_installation(plugin):
    """Status, last and next run and the last error follow the runs; a job that asks is itself running."""
    simulation = simulate(plugin, World(), duration="2d")
    first, second = (run.value for run in simulation.runs if run.job == "ok")
    assert first == FIRST
    assert second == SECOND


def test_after_a_run_its_job_is_completed(plugin):
    """The author sees how the last run ended."""
    world = World()
    run_job(plugin.jobs["ok"], world, at="2026-01-01T09:00Z")
    seen = [(row["name"], row["status"], row["last_run_at"], row["runs"]) for row in world.db.rows("plugin_jobs")]
    assert seen == [
        ("ok", "completed", "2026-01-01T09:00:00+00:00", 1),
        ("bad", "idle", None, 0),
        ("crash", "idle", None, 0),
        ("slow", "idle", None, 0),
        ("by_hand", "idle", None, 0),
    ]


def test_a_success_clears_the_last_error(tmp_path):
    """`last_error` is that of the last run, not of the last failure."""
    main = tmp_path / "main.py"
    main.write_text(
        "from src.ext.sdk import job\n@job('w')\ndef w(ctx):\n    assert ctx.secrets.get('K', '')\n", encoding="utf-8"
    )
    job, world = Plugin.load(main).jobs["w"], World()
    run_job(job, world, at="2026-01-01")
    world.secrets["K"] = "v"
    run_job(job, world, at="2026-01-02")
    (shown,) = world.db.rows("plugin_jobs")
    assert (shown["status"], shown["last_error"], shown["runs"]) == ("completed", None, 2)


def test_times_are_in_the_schedules_zone(plugin):
    """`next_run_at` has the offset of the job's zone, across a clock change."""
    simulation = simulate(plugin, World(), start="2026-03-28", duration="1d", tz="Europe/Paris", jobs=["ok"])
    shown = simulation.runs[0].value[0]
    assert shown["next_run_at"] == "2026-03-29T09:00:00+02:00"


def test_another_installation_has_no_rows(plugin):
    """The filter is by the plugin's slug."""
    world = World()
    run_job(plugin.jobs["ok"], world, at="2026-01-01T09:00Z")
    assert world.db.rows("plugin_jobs", {"plugin_installation_id": "other"}) == []
    assert world.db.count("plugin_jobs", {"plugin_installation_id": "shop"}) == 5


def test_a_world_without_a_plugin_has_no_jobs():
    """The table exists from the beginning."""
    assert World().db.rows("plugin_jobs") == []


@pytest.mark.parametrize(
    "write",
    [
        lambda db: db.insert("plugin_jobs", {"name": "x"}),
        lambda db: db.update("plugin_jobs", None, {"status": "failed"}),
        lambda db: db.delete("plugin_jobs"),
        lambda db: db.create("plugin_jobs"),
    ],
)
def test_the_kit_keeps_the_table_and_says_so(write):
    """An author cannot write to the table: it is an error, because the kit would overwrite the rows."""
    with pytest.raises(WorldError) as refused:
        write(World().db)
    assert (
        str(refused.value)
        == "table 'plugin_jobs' cannot be changed: the kit fills it from the plugin's jobs and their runs"
    )
