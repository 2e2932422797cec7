"""One result: what a view asks of a simulation of one plugin it can ask of a fleet, in the same words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbh_jobkit import Fleet, World, simulate

MAIN = """
from src.ext.sdk import PluginContext, job

@job("bill", schedule="0 */6 * * *")
def bill(ctx: PluginContext):
    raise KeyError("tea")

@job("sync", schedule="0 6 * * *")
def sync(ctx: PluginContext):
    ctx.emit("synced", {})

@job("audit")
def audit(ctx: PluginContext): ...
"""


@pytest.fixture
def shop(tmp_path):
    """Write a plugin with a failing job, a job that is ok, and a manual job."""
    (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop", "permissions": ["emit_webhook"]}')
    (tmp_path / "main.py").write_text(MAIN)
    return str(tmp_path)


def test_one_plugin_has_the_same_counts_alone_and_in_a_fleet(shop):
    """Plugins, jobs and tallies are equal; only the fleet drops the worlds of its failing runs."""
    alone, fleet = simulate(shop, duration="2d"), Fleet(shop, duration="2d").simulate()
    (one,), (other,) = alone.plugins.values(), fleet.plugins.values()
    assert replace(one, jobs=()) == replace(other, jobs=())
    assert (one.path, one.manual, one.tenants) == (shop, ("audit",), {"acme": (10, 8)})
    assert [job.tally.to_dict() for job in one.jobs] == [job.tally.to_dict() for job in other.jobs]
    for result in (alone, fleet):
        assert (result.run_count, result.failure_count, result.interrupted, result.ok) == (10, 8, False, False)
        assert result.labels == {shop: "shop"}
        (peak,) = result.concurrency().peaks(1)
        assert (result.time_of(peak.minute).isoformat(), peak.runs) == ("2026-01-01T06:00:00+00:00", 2)
        ((plugin, group),) = result.failure_groups
        assert (plugin.name, group.first.summary, group.count) == ("Shop", "KeyError: 'tea'", 8)
        assert group.signature == ("bill", "crashed", "KeyError: 'tea'")


def test_only_a_simulation_of_one_plugin_keeps_the_worlds_of_failing_runs(shop):
    """A view can show what a failing run changed, as far as the run is still there."""
    alone, fleet = simulate(shop, duration="1d"), Fleet(shop, duration="1d").simulate()
    ((_, kept),), ((_, dropped),) = alone.failure_groups, fleet.failure_groups
    assert kept.first is alone.runs[0]
    assert isinstance(kept.first.before.world(), World)
    assert dropped.first.before is None


def test_runs_are_counted_again_when_there_are_more(shop):
    """A simulation that goes on, in slices, shares its list of runs; what was counted before is not counted twice."""
    day = simulate(shop, duration="1d")
    first = day.plugins
    assert day.plugins[shop] is first[shop]
    day.runs.append(replace(day.runs[0], job="of another version"))
    (again,) = day.plugins.values()
    assert (first[shop].runs, again.runs) == (5, 6)
    assert [(job.name, job.schedule, job.tally.runs) for job in again.jobs] == [
        ("bill", "0 */6 * * *", 4),
        ("sync", "0 6 * * *", 1),
        ("of another version", None, 1),
    ]


def test_old_names_are_still_there(shop):
    """Names of earlier versions give the same as the new ones."""
    day = simulate(shop, duration="1d", twice=True)
    assert (day.idle, day.moments, day.unsafe_to_repeat) == (
        day.unused_faults,
        day.snapshots,
        day.not_idempotent,
    )
    fleet = Fleet([shop, "nowhere"], duration="1d")
    (one, _), simulation = fleet.results(), fleet.simulate()
    assert one.by_hand == one.manual == ("audit",)
    assert simulation.not_simulated is simulation.not_simulated
