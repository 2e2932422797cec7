from pathlib import Path

from sbh_jobkit import Plugin, World, run_job, simulate

plugin = Plugin.load(Path(__file__).parents[1])


def test_newcomers_are_welcomed_once():
    """Who joined in the last week is welcomed once; who joined before is not."""
    world = World()
    world.db.insert("users", [{"name": "Ada", "joined_at": "2026-01-01"}, {"name": "Grace", "joined_at": "2026-01-11"}])
    first, second = (run_job(plugin.jobs["welcome"], world, at=f"2026-01-{day}T08:00") for day in (12, 13))
    assert (first.value, first.stdout) == ({"status": "success", "welcomed": 1}, "Welcome, Grace!\n")
    assert (second.value, second.stdout) == ({"status": "success", "welcomed": 0}, "")


def test_month():
    """In thirty days the 21 people who join on working days are all welcomed."""
    month = simulate(plugin)
    assert (month.ok, sum(run.value["welcomed"] for run in month.runs)) == (True, 21)
