"""A simulated range of dates: what fires when, in which order, and what stays in the world."""

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbh_jobkit.clock import is_virtual
from sbh_jobkit.errors import Interrupted, JobkitError, TimeFormatError, UnknownJobError, WorldError
from sbh_jobkit.fakes.script import WorldScript, every
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.plugin.sdk import job as decorated
from sbh_jobkit.run.run import Fire, Outcome
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import Simulator, simulate


def called(function):
    """Make another function that does the same, for a job of its own."""
    return lambda ctx: function(ctx)  # noqa: PLW0108  a decorator marks the function itself


def plugin_of(**jobs):
    """Make a plugin of jobs: name=(schedule, function), or name=schedule for a job that does nothing."""
    names = {}
    for name, given_as in jobs.items():
        schedule, function = given_as if isinstance(given_as, tuple) else (given_as, lambda ctx: ctx and None)
        names[name] = decorated(name, schedule)(called(function))
    return Plugin.load(names)


def summary_of(runs):
    """Return when which job ran, in short."""
    return [f"{run.fire_time:%m-%dT%H:%M%z} {run.job}" for run in runs]


def instants(run):
    """Return a run's start in epoch seconds."""
    return run.fire_time.timestamp()


# --- order ---


def test_jobs_fire_in_true_order():
    """Jobs are merged by instant, whatever their order in the file."""
    plugin = plugin_of(noon="0 12 * * *", six="0 6,18 * * *", night="30 23 * * *")
    assert summary_of(simulate(plugin, World(), duration="2d").runs) == [
        "01-01T06:00+0000 six",
        "01-01T12:00+0000 noon",
        "01-01T18:00+0000 six",
        "01-01T23:30+0000 night",
        "01-02T06:00+0000 six",
        "01-02T12:00+0000 noon",
        "01-02T18:00+0000 six",
        "01-02T23:30+0000 night",
    ]


def test_ties_fire_in_the_order_of_declaration():
    """Jobs that are due at the same instant run as they stand in the file."""
    plugin = plugin_of(zebra="0 9 * * *", ant="0 9 * * *", mole="0 */9 * * *")
    assert summary_of(simulate(plugin, World(), start="2026-01-01T09:00", duration="1h").runs) == [
        "01-01T09:00+0000 zebra",
        "01-01T09:00+0000 ant",
        "01-01T09:00+0000 mole",
    ]


def test_jobs_of_several_zones_are_merged_by_instant(tmp_path):
    """A job's own zone in the manifest stays; each run has its own offset and wall clock."""
    source = """
        from datetime import datetime
        from src.ext.sdk import job

        @job("paris")
        def paris(ctx): return datetime.now().isoformat()

        @job("tokyo")
        def tokyo(ctx): return datetime.now().isoformat()

        @job("plain")
        def plain(ctx): return datetime.now().isoformat()
    """
    (tmp_path / "main.py").write_text(dedent(source), encoding="utf-8")
    manifest = {
        "slug": "shop",
        "name": "Shop",
        "timezone": "America/New_York",
        "jobs": [
            {"name": "paris", "schedule": "0 9 * * *", "timezone": "Europe/Paris"},
            {"name": "tokyo", "schedule": "0 9 * * *", "timezone": "Asia/Tokyo"},
            {"name": "plain", "schedule": "0 9 * * *"},
        ],
    }
    (tmp_path / "plugin.json").write_text(json.dumps(manifest), encoding="utf-8")
    plugin = Plugin.load(tmp_path)
    runs = simulate(plugin, World(), start="2026-01-05T00:00", duration="1d").runs
    assert [(run.job, run.fire_time.isoformat(), run.value) for run in runs] == [
        ("paris", "2026-01-05T09:00:00+01:00", "2026-01-05T09:00:00"),
        ("plain", "2026-01-05T09:00:00-05:00", "2026-01-05T09:00:00"),
        ("tokyo", "2026-01-06T09:00:00+09:00", "2026-01-06T09:00:00"),
    ]
    simulator = Simulator(plugin, World(), start="2026-01-05", duration="1d", tz="UTC")
    assert [str(due.schedule.tz) for due in simulator.due] == ["Europe/Paris", "Asia/Tokyo", "UTC"]


def test_fires_are_told_without_running_anything():
    """`fires` has every fire time, with a note where clocks change; `count` counts them."""

    def never(ctx):
        raise AssertionError(ctx)

    plugin = plugin_of(early=("30 2 * * *", never), noon=("0 12 * * *", never))
    simulator = Simulator(plugin, World(), start="2026-03-28", duration="2d", tz="Europe/Paris")
    zone = simulator.zone
    assert list(simulator.fires()) == [
        Fire(plugin="notebook", job="early", at=datetime(2026, 3, 28, 2, 30, tzinfo=zone)),
        Fire(plugin="notebook", job="noon", at=datetime(2026, 3, 28, 12, tzinfo=zone)),
        Fire(
            plugin="notebook",
            job="early",
            at=datetime(2026, 3, 29, 3, tzinfo=zone),
            note="02:30 does not exist on 2026-03-29 in Europe/Paris: fired at 03:00",
        ),
        Fire(plugin="notebook", job="noon", at=datetime(2026, 3, 29, 12, tzinfo=zone)),
    ]
    assert simulator.count() == 4


def test_the_range_is_half_open():
    """The start is in it, the end is not."""
    plugin = plugin_of(hourly="0 * * * *")
    runs = simulate(plugin, World(), start="2026-01-01T09:00", end="2026-01-01T11:00").runs
    assert summary_of(runs) == ["01-01T09:00+0000 hourly", "01-01T10:00+0000 hourly"]


def test_a_month_from_a_fixed_day_unless_told_otherwise():
    """The default range is 30 days from 2026-01-01, so that a month is repeatable."""
    simulator = Simulator(plugin_of(daily="@daily"), World())
    assert (simulator.start.isoformat(), simulator.end.isoformat(), simulator.count()) == (
        "2026-01-01T00:00:00+00:00",
        "2026-01-31T00:00:00+00:00",
        30,
    )


@pytest.mark.parametrize(
    ("given_range", "end"),
    [
        ({"duration": "1d"}, "2026-03-30T00:00:00+02:00"),
        ({"duration": "24h"}, "2026-03-30T01:00:00+02:00"),
        ({"duration": "P1DT2H"}, "2026-03-30T02:00:00+02:00"),
        ({"duration": timedelta(hours=1)}, "2026-03-29T01:00:00+01:00"),
        ({"end": "2026-04-01"}, "2026-04-01T00:00:00+02:00"),
        ({"end": "2026-03-29T12:00Z"}, "2026-03-29T14:00:00+02:00"),
    ],
)
def test_ends(given_range, end):
    """Days are days of the calendar, hours are elapsed time, also when clocks change."""
    simulator = Simulator(plugin_of(), World(), start="2026-03-29", tz="Europe/Paris", **given_range)
    assert simulator.end.isoformat() == end


@pytest.mark.parametrize(
    ("given_range", "message"),
    [
        (
            {"end": "2025-12-31"},
            "the end 2025-12-31T00:00:00+00:00 is not after the start 2026-01-01T00:00:00+00:00",
        ),
        (
            {"end": "2026-01-01"},
            "the end 2026-01-01T00:00:00+00:00 is not after the start 2026-01-01T00:00:00+00:00",
        ),
        ({"end": "2026-02-01", "duration": "1d"}, "give an end or a duration, not both"),
        ({"duration": "0d"}, "the duration '0d' must be longer than zero, such as '30d'"),
        (
            {"duration": "-1d"},
            "'-1d' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
        (
            {"duration": "1q"},
            "'1q' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
        (
            {"duration": 5},
            "5 is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
        ({"start": "soon"}, "'soon' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"),
        ({"tz": "Mars"}, "unknown time zone 'Mars'; use a name such as 'UTC' or 'Europe/Paris'"),
    ],
)
def test_a_range_that_is_none_is_refused(given_range, message):
    """A wrong start, end, duration or zone is refused before anything runs."""
    with pytest.raises(TimeFormatError) as refused:
        Simulator(plugin_of(), World(), **given_range)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("jobs", "names"),
    [(None, ["a", "b", "a", "b"]), (["b"], ["b", "b"]), ("a", ["a", "a"]), ([], []), (["a", "a"], ["a", "a"])],
)
def test_jobs_can_be_chosen(jobs, names):
    """One name, several, or all; a name that is given twice counts once."""
    plugin = plugin_of(a="0 9 * * *", b="0 10 * * *", by_hand=None)
    assert [run.job for run in simulate(plugin, World(), duration="2d", jobs=jobs).runs] == names


def test_an_unknown_job_is_named():
    """A typing error is answered with the job that was meant."""
    with pytest.raises(UnknownJobError) as refused:
        simulate(plugin_of(daily_kpi="@daily"), World(), jobs=["daily_kip"])
    assert str(refused.value) == "the plugin has no job 'daily_kip'; did you mean 'daily_kpi'?"


# --- time ---


@pytest.mark.parametrize(
    ("start", "zone", "schedule", "expected"),
    [
        (
            "2026-03-29",
            "Europe/Paris",
            "30 2 * * *",
            [("03-29T03:00+0200", "02:30 does not exist on 2026-03-29 in Europe/Paris: fired at 03:00")],
        ),
        (
            "2026-10-25",
            "Europe/Paris",
            "30 2 * * *",
            [("10-25T02:30+0200", "02:30 occurs twice on 2026-10-25 in Europe/Paris: fired the first time")],
        ),
        (
            "2026-03-08",
            "America/New_York",
            "30 2 * * *",
            [("03-08T03:00-0400", "02:30 does not exist on 2026-03-08 in America/New_York: fired at 03:00")],
        ),
        (
            "2026-11-01",
            "America/New_York",
            "30 1 * * *",
            [("11-01T01:30-0400", "01:30 occurs twice on 2026-11-01 in America/New_York: fired the first time")],
        ),
        ("2026-03-29", "Europe/Paris", "30 12 * * *", [("03-29T12:30+0200", None)]),
        ("2026-10-25", "Europe/Paris", "30 12 * * *", [("10-25T12:30+0100", None)]),
    ],
)
def test_clock_changes_are_told_in_the_run(start, zone, schedule, expected):
    """A run that is not at the time its expression names says why."""
    runs = simulate(plugin_of(job=schedule), World(), start=start, duration="1d", tz=zone).runs
    assert [(f"{run.fire_time:%m-%dT%H:%M%z}", run.reason) for run in runs] == expected
    assert all(run.ok for run in runs)


@pytest.mark.parametrize(("start", "count"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_an_hourly_job_follows_elapsed_time(start, count):
    """A day of a clock change has 23 or 25 runs, each an hour after the last, without a note."""
    runs = simulate(plugin_of(hourly="0 * * * *"), World(), start=start, duration="1d", tz="Europe/Paris").runs
    assert {later - earlier for earlier, later in zip(map(instants, runs), map(instants, runs[1:]), strict=False)} == {
        3600
    }
    assert (len(runs), {run.reason for run in runs}) == (count, {None})


def test_a_job_sees_its_fire_time():
    """Every clock that a job asks stands at the fire time, and moves when it sleeps."""

    def work(ctx):
        del ctx
        first = datetime.now().isoformat()  # noqa: DTZ005, TID251
        time.sleep(5)
        return [first, time.strftime("%Y-%m-%dT%H:%M:%S")]

    runs = simulate(plugin_of(work=("0 9 * * *", work)), World(), duration="2d", tz="Asia/Tokyo").runs
    assert [run.value for run in runs] == [
        ["2026-01-01T09:00:00", "2026-01-01T09:00:05"],
        ["2026-01-02T09:00:00", "2026-01-02T09:00:05"],
    ]
    assert [run.duration for run in runs] == [timedelta(seconds=5)] * 2


def sleeper(seconds):
    """Make a job that sleeps."""

    def work(ctx):
        del ctx
        time.sleep(seconds)

    return work


def test_a_run_that_is_still_running_skips_the_next():
    """Where runs may be long, a due instant during a run is skipped, says so, and is fine."""
    plugin = plugin_of(long=("*/20 * * * *", sleeper(45 * 60)))
    runs = simulate(plugin, World(time_limit=7200), start="2026-01-01T09:00", duration="2h").runs
    assert [(f"{run.fire_time:%H:%M}", run.outcome, run.reason) for run in runs] == [
        ("09:00", "ok", None),
        ("09:20", "skipped", "skipped: the run of 09:00 was still running (max_instances=1)"),
        ("09:40", "skipped", "skipped: the run of 09:00 was still running (max_instances=1)"),
        ("10:00", "ok", None),
        ("10:20", "skipped", "skipped: the run of 10:00 was still running (max_instances=1)"),
        ("10:40", "skipped", "skipped: the run of 10:00 was still running (max_instances=1)"),
    ]
    skipped = runs[1]
    assert (skipped.ok, skipped.verdict, skipped.started_at, skipped.duration) == (True, "skipped", None, timedelta(0))
    assert (skipped.tenant, skipped.plugin, skipped.job) == ("acme", "notebook", "long")


def test_a_run_that_ends_at_the_next_fire_time_skips_nothing():
    """Twenty minutes every twenty minutes is just in time."""
    plugin = plugin_of(long=("*/20 * * * *", sleeper(20 * 60)))
    runs = simulate(plugin, World(time_limit=7200), start="2026-01-01T09:00", duration="1h").runs
    assert [run.outcome for run in runs] == ["ok", "ok", "ok"]


def test_a_long_run_keeps_nobody_else_waiting():
    """Jobs are side by side: another job fires at its own time while one is still running."""

    def now(ctx):
        del ctx
        return time.strftime("%H:%M")

    plugin = plugin_of(long=("0 9 * * *", sleeper(3600)), other=("30 9 * * *", now))
    runs = simulate(plugin, World(time_limit=7200), duration="1d").runs
    assert [(run.job, run.outcome, run.value) for run in runs] == [("long", "ok", None), ("other", "ok", "09:30")]


def test_a_run_that_times_out_skips_nothing_after_its_limit():
    """Time-outs are at the limit, and the next run is on time."""
    plugin = plugin_of(stuck=("* * * * *", sleeper(3600)))
    runs = simulate(plugin, World(), start="2026-01-01T09:00", duration="3m").runs
    assert [run.outcome for run in runs] == ["timed_out"] * 3


# --- world ---


def test_state_is_carried_through_the_range():
    """What a run leaves, the next finds."""

    def grow(ctx):
        ctx.files.upload(f"{len(ctx.files.list())}.txt", b"")
        return [file["last_modified"][:10] for file in ctx.files.list()]

    runs = simulate(plugin_of(grow=("0 9 * * *", grow)), World(), duration="3d").runs
    assert runs[-1].value == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_the_world_changes_before_the_jobs_of_the_same_instant():
    """Life goes on, then jobs look at it: ticks of an instant come first, in their order."""
    seen = []

    @every("0 9 * * *")
    def second(world, now):
        seen.append(f"second {now:%H:%M}")
        world.db.insert("users", {})

    @every("*/30 * * * *")
    def first(world, now):
        del world
        seen.append(f"first {now:%H:%M}")

    def count(ctx):
        seen.append("job")
        return ctx.db.count("users")

    world = World()
    world.db.create("users")
    world.script = WorldScript.from_names({"first": first, "second": second})
    plugin = plugin_of(count=("0 9 * * *", count))
    simulation = simulate(plugin, world, start="2026-01-01T08:45", duration="30m")
    assert seen == ["first 09:00", "second 09:00", "job"]
    assert simulation.runs[0].value == 1
    assert simulation.world is world


def failing(ctx):
    """Fail on Mondays."""
    del ctx
    if time.strftime("%a") == "Mon":
        raise ConnectionError


MONDAY, TUESDAY = ("2026-01-05", "2026-01-06"), ("2026-01-06", "2026-01-07")


@pytest.mark.parametrize(
    ("windows", "verdicts", "ok"),
    [
        ([], ["ok", "crashed", "ok"], False),
        ([MONDAY], ["ok", "expected", "ok"], True),
        ([TUESDAY], ["ok", "crashed", "unexpected_ok"], False),
        ([("2026-01-05", "2026-01-07")], ["ok", "expected", "unexpected_ok"], False),
        ([("2026-01-05T09:00", "2026-01-05T09:01")], ["ok", "expected", "ok"], True),
        ([MONDAY, ("2026-02-02", "2026-02-03")], ["ok", "expected", "ok"], True),
        ([("2025-01-06", "2025-01-07"), MONDAY], ["ok", "expected", "ok"], True),
    ],
)
def test_an_expected_failure_is_strict(windows, verdicts, ok):
    """A failure that was expected is fine; a success where a failure was expected is the failure."""
    world = World()
    for start, end in windows:
        world.expect_failure("fetch", start, end, because="maintenance on Mondays")
    simulation = simulate(plugin_of(fetch=("0 9 * * *", failing)), world, start="2026-01-04", duration="3d")
    assert (simulation.verdicts, simulation.ok) == (verdicts, ok)
    assert [run.verdict for run in simulation.failures] == [
        name for name in verdicts if name in {"crashed", "unexpected_ok"}
    ]


@pytest.mark.parametrize(
    ("name", "window", "error", "message"),
    [
        (
            "fetsh",
            MONDAY,
            UnknownJobError,
            "expect_failure: the plugin has no job 'fetsh'; did you mean 'fetch'?",
        ),
        (
            "fetch",
            ("2026-01-05T10:00", "2026-01-05T11:00"),
            WorldError,
            (
                "expect_failure('fetch', 2026-01-05T10:00, 2026-01-05T11:00): "
                "the job is never due in that time, so nothing could fail"
            ),
        ),
    ],
)
def test_an_expectation_that_nothing_could_meet_is_refused(name, window, error, message):
    """A wrong name or a time when the job is not due would make the expectation vain."""
    world = World()
    world.expect_failure(name, *window, because="maintenance")
    with pytest.raises(error) as refused:
        simulate(plugin_of(fetch=("0 9 * * *", failing)), world, start="2026-01-04", duration="3d")
    assert str(refused.value) == message


def test_expectations_of_jobs_that_were_not_chosen_do_not_matter():
    """Simulating one job of a world that expects another's failure works."""
    world = World()
    world.expect_failure("fetch", *MONDAY, because="maintenance")
    plugin = plugin_of(fetch=("0 9 * * *", failing), other="0 9 * * *")
    assert simulate(plugin, world, start="2026-01-04", duration="3d", jobs=["other"]).ok


def test_a_window_is_read_in_one_zone_only():
    """A naive window means one time, to the check and to the run, also where the zones of both differ."""
    world = World(tz="Europe/Paris")
    world.expect_failure("fetch", "2026-01-05T09:00", "2026-01-05T10:00", because="maintenance")
    plugin = plugin_of(fetch=("0 9 * * *", failing))
    try:
        verdicts = simulate(plugin, world, start="2026-01-05", duration="1d", tz="UTC").verdicts
    except WorldError:
        verdicts = ["refused"]
    assert verdicts in (["expected"], ["refused"])


# --- one by one ---


def test_between_two_runs_time_is_real():
    """`runs` leaves the process alone while the caller looks at a run."""
    plugin = plugin_of(daily="0 9 * * *")
    before = (time.sleep, os.environ.get("TZ"), sys.stdout)
    year = time.gmtime().tm_year
    seen = []
    for run in Simulator(plugin, World(), start="2001-01-01", duration="3d", tz="Asia/Tokyo").runs():
        assert (time.sleep, os.environ.get("TZ"), sys.stdout) == before
        assert not is_virtual()
        assert time.gmtime().tm_year == year
        seen.append(run.fire_time.isoformat())
    assert seen == [f"2001-01-0{day}T09:00:00+09:00" for day in (1, 2, 3)]


def test_runs_can_be_abandoned_midway():
    """A caller that has seen enough stops; the process and the world are as that run left them."""
    world = World()
    plugin = plugin_of(daily=("0 9 * * *", lambda ctx: ctx.emit("ran", {})))
    runs = Simulator(plugin, world, duration="30d").runs()
    first = next(runs)
    del runs
    gc.collect()
    assert (first.outcome, is_virtual(), len(world.events)) == (Outcome.OK, False, 1)
    assert simulate(plugin, world, start="2026-01-02", duration="2d").verdicts == ["ok", "ok"]


BEEN = {
    "a simulation": lambda plugin, world: simulate(plugin, world, duration="3d"),
    "runs that were abandoned": lambda plugin, world: [*zip("ab", Simulator(plugin, world).runs(), strict=False)],
    "each": lambda plugin, world: Simulator(plugin, world, duration="3d").each(str),
    "a run": lambda plugin, world: run_job(plugin.jobs["daily"], world, at="2026-01-03T09:00"),
}


@pytest.mark.parametrize("been", BEEN.values(), ids=BEEN)
def test_a_world_does_not_begin_again_earlier(been):
    """Its rows and events would be those of another time; the error shows the way to a copy, which works."""
    world, plugin = World(), plugin_of(daily=("0 9 * * *", lambda ctx: ctx.emit("ran", {})))
    before = world.snapshot()
    been(plugin, world)
    reached = f"{datetime.fromtimestamp(world.reached, UTC):%Y-%m-%dT%H:%MZ}"
    with pytest.raises(WorldError) as refused:
        simulate(plugin, world, duration="3d")
    assert str(refused.value) == (
        f"the world has been at {reached} already, and cannot begin again at 2026-01-01T00:00Z; "
        "keep before = world.snapshot(), and give world.at(before) to each simulation"
    )
    copies = [world.at(before), world.at(before)]
    assert [len(simulate(plugin, copy, duration="3d").runs) for copy in copies] == [3, 3]
    assert [len(copy.events) for copy in copies] == [3, 3]


def test_a_world_goes_on_later():
    """The same world in the next days is no new beginning; a restored one is as it was."""
    world, plugin = World(), plugin_of(daily=("0 9 * * *", lambda ctx: ctx.emit("ran", {})))
    before = world.snapshot()
    for start in ("2026-01-01", "2026-01-02", "2026-01-02T09:00"):
        simulate(plugin, world, start=start, duration="1d")
    assert len(world.events) == 3
    world.restore(before)
    assert len(simulate(plugin, world, duration="2d").runs) == 2


def test_two_simulations_can_be_interleaved():
    """Each stands at its own time."""
    plugin = plugin_of(daily=("0 9 * * *", lambda ctx: ctx and time.strftime("%Y-%m-%d")))
    one = Simulator(plugin, World(), start="2026-01-01", duration="2d").runs()
    two = Simulator(plugin, World(), start="2030-01-01", duration="2d").runs()
    assert [run.value for pair in zip(one, two, strict=True) for run in pair] == [
        "2026-01-01",
        "2030-01-01",
        "2026-01-02",
        "2030-01-02",
    ]


def noisy(ctx):
    """Do a bit of everything."""
    print("x" * 1000)  # noqa: T201
    ctx.emit("e", {"text": "x" * 1000})
    ctx.llm.run("p" * 1000)
    ctx.http.get("https://api.example.com/")
    ctx.secrets.get("NONE")
    ctx.files.upload("same.txt", b"x" * 1000)


def test_a_long_simulation_does_not_grow():
    """`runs` keeps nothing of past runs: not in the world's records, not in memory."""
    world = World()
    world.http.get("https://api.example.com/").respond(json={})
    runs = Simulator(plugin_of(noisy=("*/10 * * * *", noisy)), world, duration="30d").runs()
    for _ in range(50):
        next(runs)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            next(runs)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            run = next(runs)
            assert (len(world.events), len(world.llm.calls), len(world.http.log), len(world.http.calls)) == (1, 1, 1, 1)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert (len(run.events), len(run.faults)) == (1, 1)
    assert grown < 300_000


def test_until_includes_its_instant():
    """`until` is for replaying up to one run."""
    plugin = plugin_of(hourly="0 * * * *")
    runs = Simulator(plugin, World(), duration="1d").until("2026-01-01T02:00").runs()
    assert summary_of(runs) == ["01-01T00:00+0000 hourly", "01-01T01:00+0000 hourly", "01-01T02:00+0000 hourly"]
    with pytest.raises(TimeFormatError) as refused:
        Simulator(plugin, World()).until("2025-12-31")
    assert str(refused.value) == "2025-12-31T00:00:00+00:00 is before the start 2026-01-01T00:00:00+00:00"


def test_progress_is_told():
    """`progress` hears the number of runs so far."""
    heard = []
    simulate(plugin_of(daily="@daily"), World(), duration="3d", progress=heard.append)
    assert heard == [1, 2, 3]


def test_ctrl_c_leaves_nothing_behind(ctrl_c):
    """A simulation that is interrupted closes its clock."""

    def interrupted(ctx):
        del ctx
        ctrl_c()

    before = (time.sleep, os.environ.get("TZ"), sys.stdout)
    ways = (
        simulate,
        lambda *given, **more: list(Simulator(*given, **more).runs()),
        lambda *given, **more: Simulator(*given, **more).each(str),
    )
    for start in ways:
        with pytest.raises(KeyboardInterrupt):
            start(plugin_of(work=("@daily", interrupted)), World(), tz="Asia/Tokyo")
        assert (time.sleep, os.environ.get("TZ"), sys.stdout) == before
        assert not is_virtual()


@pytest.fixture
def interrupted_at_noon(ctrl_c):
    """Return a function that makes a plugin whose work is interrupted on the second day, at noon."""

    def work(ctx):
        del ctx
        if time.strftime("%d %H") == "02 12":
            ctrl_c()

    return lambda: plugin_of(work=("0 */6 * * *", work))


def test_what_was_done_before_an_interruption_is_there(interrupted_at_noon):
    """The exception has the simulation until then, which knows where it stopped and stands there."""
    with pytest.raises(Interrupted) as caught:
        simulate(interrupted_at_noon(), World(), duration="30d")
    simulation = caught.value.so_far
    assert str(caught.value) == "interrupted at 2026-01-02T12:00:00+00:00 virtual time"
    assert (len(simulation.runs), simulation.reached, simulation.ok) == (6, caught.value.at, True)
    assert simulation.at("2026-01-02T12:00").db.rows("plugin_jobs")[0]["runs"] == 6
    with pytest.raises(TimeFormatError) as outside:
        simulation.at("2026-01-02T12:01")
    assert str(outside.value) == (
        "2026-01-02T12:01:00+00:00 is outside of the simulation, 2026-01-01T00:00:00+00:00 to 2026-01-02T12:00:00+00:00"
    )
    assert simulate(interrupted_at_noon(), World(), duration="1d").reached is None


def test_each_run_is_seen_in_virtual_time_and_nothing_is_kept(interrupted_at_noon):
    """`each` shows the runs that `runs` yields; the world's records hold those of the one that is seen."""
    plugin = plugin_of(work=("0 */6 * * *", lambda ctx: ctx.emit("done", {})))
    world, seen = World(), []

    def look(run):
        seen.append((run, time.strftime("%d %H:%M"), len(world.events)))

    Simulator(plugin, world, duration="1d").each(look)
    assert [run for run, _, _ in seen] == list(Simulator(plugin, World(), duration="1d").runs())
    assert [(at, events) for _, at, events in seen] == [(f"01 {hour:02}:00", 1) for hour in (0, 6, 12, 18)]
    assert (len(world.events), is_virtual(), {run.before for run, _, _ in seen}) == (0, False, {None})
    with pytest.raises(Interrupted) as caught:
        Simulator(interrupted_at_noon(), World(), duration="3d").each(str)
    assert (caught.value.at.isoformat(), caught.value.so_far) == ("2026-01-02T12:00:00+00:00", None)


# --- the whole ---


def test_a_simulation_says_how_it_went():
    """Verdicts, failures and one line."""

    def sometimes(ctx):
        ctx.secrets.get("KEY") if time.strftime("%d") == "02" else None
        return {"status": "error", "error": "no"} if time.strftime("%d") == "03" else None

    simulation = simulate(plugin_of(work=("0 9 * * *", sometimes)), World(), duration="4d")
    assert simulation.verdicts == ["ok", "faulty", "failed", "ok"]
    assert [run.summary for run in simulation.failures] == ["secret-missing: secret 'KEY' is not set", "no"]
    assert repr(simulation) == "<Simulation of notebook: 4 runs (1 failed, 1 faulty, 2 ok)>"
    empty = simulate(plugin_of(), World())
    assert (repr(empty), empty.ok) == ("<Simulation of notebook: 0 runs (none)>", True)


def test_a_simulation_is_a_data_frame():
    """A row a run, with what it did counted; an empty one has its columns too."""
    columns = ["fire_time", "job", "verdict", "ok", "outcome", "duration", "reason", "summary", "value"]
    columns += ["events", "http_calls", "llm_calls", "files", "faults", "injected_faults"]
    plugin = plugin_of(work=("0 9 * * *", lambda ctx: ctx.emit("e", {}) or 5))
    frame = simulate(plugin, World(), duration="2d").to_frame()
    assert list(frame.columns) == columns
    assert (list(frame["value"]), list(frame["events"]), list(frame["faults"])) == ([5, 5], [1, 1], [0, 0])
    assert [at.isoformat() for at in frame["fire_time"]] == ["2026-01-01T09:00:00+00:00", "2026-01-02T09:00:00+00:00"]
    assert list(simulate(plugin_of(), World()).to_frame().columns) == columns


def test_a_path_will_do(tmp_path):
    """`simulate` loads what it is given, with the world.py beside it."""
    (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}', encoding="utf-8")
    (tmp_path / "main.py").write_text(
        "from src.ext.sdk import job\n@job('w', '0 9 * * *')\ndef w(ctx): return ctx.secrets.get('K') == 'value'\n",
        encoding="utf-8",
    )
    (tmp_path / "world.py").write_text("def setup(world): world.secrets['K'] = 'value'\n", encoding="utf-8")
    for source in (tmp_path, str(tmp_path), tmp_path / "main.py"):
        assert [run.value for run in simulate(source, duration="2d").runs] == [True, True]


def test_one_run_by_hand():
    """`run_job` takes a job or a function, and a job without a schedule too; its time is now by default."""
    plugin = plugin_of(by_hand=(None, lambda ctx: ctx and time.strftime("%Y-%m-%dT%H:%M")))
    assert run_job(plugin.jobs["by_hand"], World(tz="Asia/Tokyo"), at="2026-01-05T09:00").value == "2026-01-05T09:00"
    assert run_job(plugin.jobs["by_hand"].function, at="2026-01-05T09:00Z", tz="Asia/Tokyo").value == "2026-01-05T18:00"
    before = time.time()  # noqa: TID251  that it is now is the point
    run = run_job(plugin.jobs["by_hand"])
    assert before - 1 <= run.fire_time.timestamp() <= before + 5
    with pytest.raises(UnknownJobError) as refused:
        run_job(5)
    assert str(refused.value) == (
        "5 is not a job; put @job('name', schedule='…') above the function, or take it from plugin.jobs"
    )


REPEATED = """
import json, sys
from pathlib import Path
from sbh_jobkit import Plugin, World, simulate

world = World.load(Path(sys.argv[1]) / "world.py")
world.random.seed(7)
simulation = simulate(Plugin.load(sys.argv[1]), world, start="2026-03-27", duration="4d", tz="Europe/Paris")
print(json.dumps([run.to_dict() for run in simulation.runs]))
"""
VARIED = """
import asyncio, logging, time
from datetime import datetime
from src.ext.sdk import job

@job("varied", schedule="30 */6 * * *")
async def varied(ctx):
    print(datetime.now(), {"b", "a", "c"} == set("abc"), sorted({"z", "y"}))
    logging.info("now %s", time.strftime("%c %Z"))
    await asyncio.sleep(1.5)
    ctx.emit("seen", {"users": ctx.db.query("users"), "files": ctx.files.list()})
    ctx.http.get("https://nowhere.example.com/")
    ctx.files.upload(f"{datetime.now():%d%H}.txt", str(len(ctx.files.list())))
    return {"set": {"b", "a", "c"}, "object": object(), "rows": ctx.db.query("plugin_jobs")}

@job("crashing", schedule="30 2 * * *")
def crashing(ctx):
    raise KeyError({"x", })
"""
CHANCE = """
from sbh_jobkit import every

def setup(world):
    world.db.create("users")

@every("0 */4 * * *")
def signups(world, now):
    for _ in range(world.random.randint(0, 3)):
        world.db.insert("users", {"score": world.random.random(), "at": now.isoformat()})
"""


def test_the_same_seed_gives_the_same_simulation(tmp_path):
    """In another process, with another hash seed and another TZ, every run is the same to the letter."""
    for name, text in (
        ("main.py", VARIED),
        ("world.py", CHANCE),
        ("plugin.json", '{"slug": "shop", "name": "Shop"}'),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    told_by = []
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", REPEATED, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        told_by.append(json.loads(done.stdout))
    assert told_by[0] == told_by[1]
    assert len(told_by[0]) == 20


_minutes = st.sampled_from(["0", "30", "*/20", "15,45", "*/7"])
_hours = st.sampled_from(["*", "2", "*/6", "1-3", "0,12,23"])
_days = st.sampled_from(["* * *", "* * 0", "1,29 * *", "* * 1-5"])
_expressions = st.builds("{} {} {}".format, _minutes, _hours, _days)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    schedules=st.lists(_expressions, min_size=1, max_size=4),
    lengths=st.lists(st.integers(0, 5000), min_size=4, max_size=4),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    start=st.sampled_from(["2026-01-01", "2026-03-07T12:00", "2026-03-28", "2026-04-04", "2026-10-24", "2026-10-31"]),
)
def test_every_fire_time_has_exactly_one_run(schedules, lengths, zone, start):
    """Whatever the schedules, lengths of runs and clock changes: nothing is lost, doubled or out of order."""
    jobs = {f"j{number}": (text, sleeper(lengths[number])) for number, text in enumerate(schedules)}
    simulator = Simulator(plugin_of(**jobs), World(time_limit=1e6), start=start, duration="3d", tz=zone)
    runs = simulator.simulate().runs
    assert [(run.job, run.fire_time) for run in runs] == [(fire.job, fire.at) for fire in simulator.fires()]
    assert len(runs) == simulator.count()
    times = [instants(run) for run in runs]
    assert times == sorted(times)
    for name in jobs:
        ended = 0.0
        for run in (run for run in runs if run.job == name):
            if run.outcome is Outcome.SKIPPED:
                assert instants(run) < ended
            else:
                assert instants(run) >= ended
                ended = instants(run) + run.duration.total_seconds()


def test_errors_of_users_are_one_kind():
    """Whatever is refused here can be caught as one thing, and printed without a traceback."""
    for error in (TimeFormatError, UnknownJobError, WorldError):
        assert issubclass(error, JobkitError)


def test_a_path_is_no_world():
    """A file's name in place of a world says how to make one of it."""
    with pytest.raises(WorldError) as refused:
        simulate(plugin_of(daily="0 9 * * *"), "world.py", duration="1d")
    assert str(refused.value) == "the world must be a World, got 'world.py'; World.load('world.py') makes one of a file"


def test_a_world_at_any_instant():
    """`at` gives the world as the jobs of that instant met it: life had gone on until then, they had not run."""

    @decorated("note", schedule="0 */6 * * *")
    def note(ctx):
        ctx.files.upload(f"{len(ctx.files.list())}.txt", "x")
        return ctx.db.count("users")

    world = World(tz="Europe/Paris")
    world.db.create("users")
    live = every("0 * * * *")(lambda world, now: world.db.insert("users", {"at": now}))
    world.script = WorldScript.from_names({"live": live})
    day = simulate(Plugin.load({"note": note}), world, duration="1d")

    def there(at):
        past = day.at(at)
        return past.db.count("users"), len(past.files)

    assert there("2026-01-01T00:00") == (1, 0)
    assert there("2026-01-01T00:00:01") == (1, 1)
    assert there("2026-01-01T12:00") == (13, 2)
    assert there("2026-01-01T12:30") == (13, 3)
    assert there("2026-01-02T00:00") == (24, 4)
    again = run_job(note, day.at("2026-01-01T12:00"), at="2026-01-01T12:00")
    assert (again.value, again.files) == (13, day.runs[2].files)
    with pytest.raises(TimeFormatError) as refused:
        day.at("2026-01-03")
    assert str(refused.value) == (
        "2026-01-03T00:00:00+01:00 is outside of the simulation, 2026-01-01T00:00:00+01:00 to 2026-01-02T00:00:00+01:00"
    )


def test_a_simulation_goes_on_in_slices():
    """Between two of them the process sees the machine's time; together they do what one goes through at once."""

    def note(ctx):
        ctx.files.upload(f"{datetime.now():%d}.txt", "x")  # noqa: DTZ005, TID251  a job, in virtual time

    made = [plugin_of(note=("0 6 * * *", note)) for _ in range(2)]
    one, other = (Simulator(plugin, World(), duration="5d") for plugin in made)
    seen = [
        (is_virtual(), len(so_far.runs), so_far.reached and f"{so_far.reached:%d}", len(so_far.world.files))
        for so_far in one.slices(lambda done: done % 2 == 0)
    ]
    assert seen == [(False, 2, "02", 2), (False, 4, "04", 4), (False, 5, None, 5)]
    assert other.simulate(lambda done: done).runs == Simulator(made[0], World(), duration="5d").simulate().runs


@pytest.mark.parametrize("name", ["", "plugin.json", "main.py"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_simulator_takes_a_path(tmp_path, name, kind):
    """What `simulate` takes, `Simulator` takes, too: a folder, its manifest, its entry."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    code = "from src.ext.sdk import job\n\n@job('daily', schedule='0 9 * * *')\ndef daily(ctx):\n    return 1\n"
    (tmp_path / "main.py").write_text(code)
    path = kind(tmp_path / name)
    assert [run.value for run in Simulator(path, duration="2d").runs()] == [1, 1]
    assert [run.value for run in simulate(path, duration="2d").runs] == [1, 1]
