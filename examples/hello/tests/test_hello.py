from pathlib import Path

from sbh_jobkit import Plugin, World, run_job, simulate

plugin = Plugin.load(Path(__file__).parents[1])


def test_newcomers_are_welcomed_once():
    """Who joined yesterday is welcomed; who joined before is not."""
    world = World()
    world.db.insert("users", [{"name": "Ada", "joined_at": "2026-01-01"}, {"name": "Grace", "joined_at": "2026-01-04"}])
    run = run_job(plugin.jobs["welcome"], world, at="2026-01-04T08:00")
    assert (run.value, run.stdout) == ({"status": "success", "welcomed": 1}, "Welcome, Grace!\n")


def test_month():
    """In thirty days the 21 people who join on working days are all welcomed."""
    month = simulate(plugin)
    assert (month.ok, sum(run.value["welcomed"] for run in month.runs)) == (True, 21)
