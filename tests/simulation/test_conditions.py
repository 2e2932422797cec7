"""Conditions: one value for what a simulation is held to, read the same by every face."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from sbh_jobkit import Budget, FaultPlan, Fleet, Plugin, Policy, Simulator, Slow, World, run_job
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule.times import zone
from sbh_jobkit.simulation.conditions import Conditions

REFUSED = [
    ({"end": "2026-01-02", "duration": "1d"}, "give an end or a duration, not both"),
    ({"tz": "Mars/Base"}, "unknown time zone 'Mars/Base'; use a name such as 'UTC' or 'Europe/Paris'"),
    ({"start": "soon"}, "'soon' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"),
    (
        {"duration": "long"},
        "'long' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
    ),
    ({"time_limit": 0}, "time_limit must be a number of seconds above 0, got 0"),
    (
        {"faults": "outage"},
        "faults must be a FaultPlan, got 'outage'; FaultPlan.load('plan.toml') reads one from a file",
    ),
]


@job("tick", schedule="0 * * * *")
def tick(ctx):
    """Do nothing."""
    del ctx


@pytest.fixture
def plugin():
    """Return a plugin with one job."""
    return Plugin.load({"tick": tick})


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[next(iter(given)) for given, _ in REFUSED])
@pytest.mark.parametrize("make", [Conditions, lambda **given: Fleet("nowhere", **given)], ids=["conditions", "fleet"])
def test_wrong_values_are_refused_in_one_place(make, given, message):
    """The same sentence by whatever way the value came, before anything is loaded."""
    with pytest.raises(JobkitError) as caught:
        make(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[next(iter(given)) for given, _ in REFUSED])
def test_a_simulator_refuses_the_same(plugin, given, message):
    """With the same sentences."""
    with pytest.raises(JobkitError) as caught:
        Simulator(plugin, World(), **given)
    assert str(caught.value) == message


def test_options_are_read_by_their_names(tmp_path):
    """Command line, magics and pytest hand over their options as they are; None and unknown names do not count."""
    (tmp_path / "plan.toml").write_text('seed = 7\n[[slow]]\njob = "tick"\nby = "2s"\n')
    options = {
        "start": "2026-02-01",
        "duration": "2d",
        "tz": "Europe/Paris",
        "job": ["tick", "tick"],
        "policy": ["overlap=allow"],
        "faults": str(tmp_path / "plan.toml"),
        "fault": ["slow job=tick by=3s"],
        "budget": ["runs=1k"],
        "time_limit": None,
        "html": "report.html",
    }
    assert Conditions.from_options(options) == Conditions(
        start="2026-02-01",
        duration="2d",
        tz="Europe/Paris",
        jobs=["tick"],
        policy={"*": Policy(overlap="allow")},
        faults=FaultPlan(Slow("tick", by="2s"), Slow("tick", by="3s"), seed=7),
        budget=Budget(limits={"runs": 1_000}),
    )
    assert Conditions.from_options({"faults": options["faults"], "seed": 9}).plan.seed == 9
    assert Conditions.from_options({}).plan == FaultPlan()


def test_the_range_is_read_in_a_zone():
    """A naive time is in the zone in force; without an end it is 30 days."""
    assert Conditions(start="2026-03-01", end="2026-03-02").range_in(zone("Europe/Paris")) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 1, 23, tzinfo=UTC),
    )
    assert Conditions().range_in(zone("UTC")) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))


def test_conditions_cannot_be_changed():
    """They are a value, and may be shared."""
    with pytest.raises(FrozenInstanceError):
        Conditions().start = "2026-02-01"


def test_seed_and_target_make_a_world_or_change_one():
    """A world that is there already keeps what is not given."""
    assert Conditions(target="host").world_of(None, "globex").target == "host"
    first, second = (Conditions(seed=seed).world_of(None).random.random() for seed in (1, 1))
    assert first == second
    world = World(target="host")
    assert Conditions().apply_to(world) is world
    assert world.target == "host"
    assert Conditions(seed=1, target="guide").apply_to(world).random.random() == first
    assert world.target == "guide"


def test_a_time_limit_leaves_the_authors_world_as_it_was(plugin):
    """It belongs to the runs of one call."""
    world = World()
    run_job(plugin.jobs["tick"], world, at="2026-01-01", time_limit=5)
    list(Simulator(plugin, world, duration="2h", time_limit=5).runs())
    assert world.time_limit == 30
