"""What happens to fire times: a table of cases, rules for any policy, and errors in policies."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbh_jobkit import Plugin, Simulator, World, simulate
from sbh_jobkit.errors import PolicyError
from sbh_jobkit.fakes.faults.plan import FaultPlan, SchedulerCrash, SchedulerDown
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policies import parse
from sbh_jobkit.schedule.policy import CATCH_UP, OVERLAP, Policy, decide

CASES = json.loads((Path(__file__).parents[1] / "data" / "policy.json").read_text(encoding="utf-8"))
START = "2026-01-01"


def busy(schedule, takes, ends=("ok",)):
    """Return a plugin whose runs take these seconds and end like this, one after another; the last ones repeat."""
    lengths, outcomes = iter([*takes[:-1]]), iter([*ends[:-1]])

    @job("work", schedule=schedule)
    def work(ctx):
        del ctx
        time.sleep(next(lengths, takes[-1]))
        outcome = next(outcomes, ends[-1])
        if outcome == "crashed":
            raise ValueError(outcome)
        return {"status": "error"} if outcome == "failed" else None

    return Plugin.load({"work": work})


def row(run, zone):
    """Return a run as the table of cases shows it: day and time, with the offset unless the zone is UTC."""
    shown = "%d %H:%M" if zone == "UTC" else "%d %H:%M%z"
    started = run.started_at and run.started_at.strftime("%d %H:%M")
    return [run.fire_time.strftime(shown), started, run.outcome.value, run.reason]


def test_only_one_waits_also_where_several_are_decided_at_once():
    """A scheduler that was held up decides on two fire times together, and the second is skipped as ever."""
    nine = 1_767_603_600.0
    hours = [nine + 3600, nine + 7200]
    decided = decide(Policy(overlap="queue_one"), hours, hours[-1] + 1, running=[nine], tz=times.zone("UTC"))
    still = "the run of 09:00 was still running"
    assert [(each.action, each.reason) for each in decided] == [
        ("wait", still),
        ("skip", f"skipped: {still} and the run of 10:00 was waiting (overlap=queue_one)"),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_case(case):
    """Each fire time has the outcome and the reason of the table."""
    simulation = simulate(
        busy(case["schedule"], case.get("takes", [0]), case.get("ends", ["ok"])),
        World(time_limit=10**6),
        start=case.get("from", START),
        duration=case["for"],
        tz=case.get("tz"),
        policy=Policy.from_settings(case.get("policy", {})),
        faults=FaultPlan(*(SchedulerDown(*span) for span in case.get("down", []))),
    )
    rows = [row(run, case.get("tz", "UTC")) for run in simulation.runs]
    assert [each for each in rows if case.get("only") in {None, each[2]}] == case["rows"]


def test_the_table_has_every_rule():
    """Every outcome, every setting and every value of it is in at least one case."""
    rows = [each for case in CASES for each in case["rows"]]
    assert len(CASES) >= 30
    assert {each[2] for each in rows} == {"ok", "failed", "crashed", "skipped", "coalesced", "missed"}
    policies = [case.get("policy", {}) for case in CASES]
    of_one_job = set(Policy.__slots__) - {"concurrency"}
    assert {name for policy in policies for name in policy} == of_one_job
    assert {policy["overlap"] for policy in policies if "overlap" in policy} == set(OVERLAP) - {"skip"}
    assert {policy["catch_up"] for policy in policies if "catch_up" in policy} == set(CATCH_UP) - {"latest"}


policies = st.builds(
    Policy,
    max_instances=st.integers(1, 3),
    overlap=st.sampled_from(OVERLAP),
    misfire_grace=st.none() | st.sampled_from(["0s", "10m", "2h"]),
    catch_up=st.sampled_from(CATCH_UP),
    retry=st.integers(0, 2),
    backoff=st.sampled_from(["1s", "20m", "1h", "2h"]),
)
minutes = st.integers(-300, 2 * 1440)
zones = st.sampled_from(
    [
        ("UTC", "2026-01-01"),
        ("Europe/Paris", "2026-03-28T12:00"),
        ("Europe/Paris", "2026-10-24T12:00"),
        ("Australia/Lord_Howe", "2026-04-04T12:00"),
        ("America/Santiago", "2026-09-05T12:00"),
    ]
)


def is_tried_again(run, policy):
    """Return whether another attempt follows a run."""
    return run.outcome in {"failed", "crashed"} and run.attempt <= policy.retry


@settings(max_examples=150, deadline=None)
@given(
    schedule=st.sampled_from(["*/20 * * * *", "0 * * * *", "30 2 * * *", "10 */3 * * *", "7 0,1,2,3 * * *"]),
    runs=st.lists(
        st.tuples(st.integers(0, 9000), st.sampled_from(["ok", "failed", "crashed"])), min_size=1, max_size=6
    ),
    policy=policies,
    spans=st.lists(st.tuples(minutes, st.integers(1, 700)), max_size=3),
    place=zones,
)
def test_nothing_is_lost_or_doubled(schedule, runs, policy, spans, place):
    """With any policy, downtime and zone, each attempt has one outcome, and no job goes back in time."""
    zone, start = place
    begin = times.instant(start, times.zone(zone))
    at = begin.astimezone(UTC)  # UTC, because within one zone Python adds local time
    down = [
        SchedulerDown(at + timedelta(minutes=first), at + timedelta(minutes=first + length)) for first, length in spans
    ]
    plan = FaultPlan(*down)
    plugin = busy(schedule, *map(list, zip(*runs, strict=True)))
    simulator = Simulator(
        plugin, World(time_limit=10**6), start=start, duration="2d", tz=zone, policy=policy, faults=plan
    )
    expected = Counter(fire.at.timestamp() for fire in simulator.fires())
    runs = list(simulator.runs())
    assert Counter(run.fire_time.timestamp() for run in runs if run.attempt == 1) == expected
    followed = Counter((run.fire_time.timestamp(), run.attempt + 1) for run in runs if is_tried_again(run, policy))
    assert Counter((run.fire_time.timestamp(), run.attempt) for run in runs if run.attempt > 1) == followed
    started = [run.started_at.timestamp() for run in runs if run.started_at]
    assert started == sorted(started)
    assert all((run.started_at is not None) is run.outcome.started for run in runs)
    windows = plan.downtime(simulator.zone)
    for run in runs:
        assert run.started_at is None or run.started_at.timestamp() >= run.fire_time.timestamp()
        assert run.started_at is None or not any(run.started_at.timestamp() in window for window in windows)
    if policy.overlap != "allow":
        spans_of_runs = [(run.started_at.timestamp(), run.duration.total_seconds()) for run in runs if run.started_at]
        for at, _ in spans_of_runs:
            assert sum(begun <= at < begun + length for begun, length in spans_of_runs) <= policy.max_instances


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_instances": 0}, "max_instances must be a whole number of at least 1, got 0"),
        ({"max_instances": True}, "max_instances must be a whole number of at least 1, got True"),
        ({"overlap": "skp"}, "unknown overlap 'skp'; did you mean 'skip'?"),
        ({"overlap": "parallel"}, "unknown overlap 'parallel'; use one of skip, queue_one, allow"),
        ({"catch_up": 5}, "unknown catch_up 5; use one of latest, all, none"),
        (
            {"misfire_grace": "soon"},
            (
                "misfire_grace: 'soon' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), "
                "such as '30d' or '12h'"
            ),
        ),
        ({"retry": -1}, "retry must be a whole number from 0 to 20, got -1"),
        ({"retry": 21}, "retry must be a whole number from 0 to 20, got 21"),
        ({"retry": True}, "retry must be a whole number from 0 to 20, got True"),
        ({"retry": "many"}, "retry must be a whole number from 0 to 20, got 'many'"),
        ({"backoff": "0s"}, "backoff must be a duration from 1s to 1d, got '0s'"),
        ({"backoff": "25h"}, "backoff must be a duration from 1s to 1d, got '25h'"),
        ({"backoff": None}, "backoff must be a duration from 1s to 1d, got None"),
        (
            {"backoff": "soon"},
            "backoff: 'soon' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
        ({"overlapp": "skip"}, "unknown policy setting 'overlapp'; did you mean 'overlap'?"),
    ],
)
def test_a_bad_setting_is_an_error(given, message):
    """The error names the setting, the value and what is expected."""
    with pytest.raises(PolicyError) as refused:
        Policy.from_settings(given)
    assert str(refused.value) == message


def test_policies_by_job():
    """A job without a policy in the mapping has the defaults."""

    @job("slow", schedule="*/10 * * * *")
    def slow(ctx):
        del ctx
        time.sleep(1500)

    @job("other", schedule="*/10 * * * *")
    def other(ctx):
        slow(ctx)

    plugin, world = Plugin.load({"slow": slow, "other": other}), World(time_limit=10**6)
    month = simulate(plugin, world, duration="1h", policy={"slow": Policy(overlap="allow")})
    counts = Counter((run.job, run.outcome.value) for run in month.runs)
    assert counts == {("slow", "ok"): 6, ("other", "ok"): 2, ("other", "skipped"): 4}


LINES = [
    ([], {}),
    (["overlap=queue_one"], {"*": Policy(overlap="queue_one")}),
    (["*:overlap=allow"], {"*": Policy(overlap="allow")}),
    (["sync:retry=3", "sync:backoff=10m"], {"sync": Policy(retry=3, backoff="10m")}),
    (["sync:max_instances=2"], {"sync": Policy(max_instances=2)}),
    (["eu:sync:catch_up=none"], {"eu:sync": Policy(catch_up="none")}),
    (["misfire_grace=10m", "catch_up=all"], {"*": Policy(misfire_grace="10m", catch_up="all")}),
    (["overlap=allow", "overlap=skip"], {"*": Policy()}),
    (
        ["sync:catch_up=none", "overlap=allow", "load:overlap=skip"],
        {
            "*": Policy(overlap="allow"),
            "sync": Policy(overlap="allow", catch_up="none"),
            "load": Policy(overlap="skip"),
        },
    ),
]


@pytest.mark.parametrize(("lines", "policies"), LINES, ids=lambda value: " ".join(value) if value else "none")
def test_policies_of_a_command_line(lines, policies):
    """Policies by job; settings for every job also hold for a named job, unless it has its own."""
    assert parse(lines) == policies


FORM = "is not a policy; write SETTING=VALUE or JOB:SETTING=VALUE, such as overlap=queue_one"
NAMES = "max_instances, overlap, misfire_grace, catch_up, retry, backoff, concurrency"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", f"'' {FORM}"),
        ("overlap", f"'overlap' {FORM}"),
        ("overlap=", f"'overlap=' {FORM}"),
        ("sync:overlap", f"'sync:overlap' {FORM}"),
        ("=skip", f"'=skip' {FORM}"),
        ("sync:=skip", f"unknown policy setting ''; use one of {NAMES}"),
        ("overlapp=skip", "unknown policy setting 'overlapp'; did you mean 'overlap'?"),
        ("grace period=5m", f"unknown policy setting 'grace period'; use one of {NAMES}"),
        ("overlap=skp", "unknown overlap 'skp'; did you mean 'skip'?"),
        ("overlap= skip", "unknown overlap ' skip'; did you mean 'skip'?"),
        ("catch_up=2", "unknown catch_up '2'; use one of latest, all, none"),
        ("max_instances=0", "max_instances must be a whole number of at least 1, got 0"),
        ("max_instances=-1", "max_instances must be a whole number of at least 1, got '-1'"),
        ("max_instances=two", "max_instances must be a whole number of at least 1, got 'two'"),
        ("max_instances=²", "max_instances must be a whole number of at least 1, got '²'"),
        ("max_instances=٣", "max_instances must be a whole number of at least 1, got '٣'"),
        (f"retry={'9' * 19}", f"retry must be a whole number from 0 to 20, got {'9' * 19}"),
        (f"retry={'9' * 20}", f"retry must be a whole number from 0 to 20, got '{'9' * 20}'"),
        ("max_instances=1.5", "max_instances must be a whole number of at least 1, got '1.5'"),
        (
            "misfire_grace=soon",
            (
                "misfire_grace: 'soon' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), "
                "such as '30d' or '12h'"
            ),
        ),
    ],
)
def test_a_bad_line_is_an_error(line, message):
    """The error names the line or its value, and what to write."""
    with pytest.raises(PolicyError) as refused:
        parse([line])
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [("1m", [60, 120, 240, 480]), ("90s", [90, 180, 360, 720]), ("12h", [43_200, 86_400, 86_400, 86_400])],
)
def test_each_attempt_waits_twice_as_long(backoff, waits):
    """A day at most."""
    policy = Policy(retry=4, backoff=backoff)
    assert [policy.wait_before(attempt) for attempt in (2, 3, 4, 5)] == waits


@pytest.mark.parametrize(
    ("kind", "attempts"), [("timed_out", 2), ("out_of_memory", 1), ("faulty", 1)], ids=lambda value: f"{value}"
)
def test_which_runs_are_tried_again(kind, attempts):
    """A run past its time is; one past its memory, or that went well but for a fault, is not."""

    @job("work", schedule="0 * * * *")
    def work(ctx):
        if kind == "timed_out":
            time.sleep(60)
        elif kind == "out_of_memory":
            raise MemoryError
        else:
            ctx.secrets.get("ABSENT")

    world = World(time_limit=30)
    simulation = simulate(Plugin.load({"work": work}), world, duration="1h", policy=Policy(retry=1))
    assert [(run.attempt, run.verdict) for run in simulation.runs] == [(n + 1, kind) for n in range(attempts)]
    assert [run.to_dict()["attempt"] for run in simulation.runs] == list(range(1, attempts + 1))


def test_a_run_that_died_with_its_scheduler_is_tried_again():
    """Its wait begins when the scheduler is back, since nobody knows of it before."""
    crash = SchedulerCrash("2026-01-01T00:30", "2026-01-01T00:45")
    simulation = simulate(
        busy("0 */6 * * *", [3600, 60]),
        World(time_limit=10**6),
        duration="1h",
        policy=Policy(retry=1, backoff="5m"),
        faults=FaultPlan(crash),
    )
    assert [row(run, "UTC") for run in simulation.runs] == [
        ["01 00:00", "01 00:00", "lost", "lost: its scheduler died while it ran (fault plan)"],
        ["01 00:00", "01 00:50", "ok", "attempt 2 of 2"],
    ]
