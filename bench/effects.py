"""What effects, observations and stress cost."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from measure import ROOT, ROUNDS, ratio, row, seconds

from sbh_jobkit import Plugin, World, simulate
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.stress import KINDS, run_stress

HUB_OPS = ROOT / "examples" / "hub_ops"
ITEMS = 66
"""How many items a run handles, each with three calls of `ctx`."""
MAIN = """\
from src.ext.sdk import job

@job("send", schedule="0 * * * *")
def send(ctx):
    for row in ctx.db.query("items", limit=1000):
        mark = f"done/{row['id']}"
        if not ctx.files.get(mark):
            ctx.emit("item", {"id": row["id"]})
            ctx.files.upload(mark, "")
"""
WORLD = f"""\
from sbh_jobkit import every

def setup(world):
    world.db.create("items")

@every("30 * * * *")
def more(world, now):
    world.db.delete("items")
    world.db.insert("items", [{{"number": number}} for number in range({ITEMS})])
"""


def effects() -> None:
    """Compare a simulation with one whose effects and observations are looked at."""

    def looked_at() -> None:
        simulation = simulate(HUB_OPS, duration="10d")
        if not simulation.effects or simulation.unmeant:
            raise AssertionError

    plain, _ = ratio(looked_at, lambda: simulate(HUB_OPS, duration="10d"))
    row("10 days of examples/hub_ops, effects and observations read", f"{1 / plain - 1:+.0%}", "of the time without")


def stress() -> None:
    """Measure every kind of stress on an example, and kills of a job with 200 calls in each run."""
    took = median(stressed(HUB_OPS, KINDS) for _ in range(ROUNDS))
    row("30 days of examples/hub_ops, --stress all", f"{took:.0f} s", "under 60 s")
    with TemporaryDirectory() as folder:
        for name, text in {"main.py": MAIN, "world.py": WORLD, "plugin.json": '{"slug": "p", "name": "P"}'}.items():
            Path(folder, name).write_text(text)
        took = median(stressed(Path(folder), ("crash",)) for _ in range(ROUNDS))
    row(f"30 days of a job with {3 * ITEMS + 1} calls in each run, --stress crash", f"{took:.0f} s", "under 30 s")


def stressed(folder: Path, kinds: tuple[str, ...]) -> float:
    """Return the seconds that some kinds of stress take."""
    zone = times.zone("UTC")
    start, end = (times.instant(at, zone) for at in ("2026-01-01", "2026-01-31"))
    plain = Scenario(start=start, end=end, zone=zone, plan=FaultPlan())

    def found() -> None:
        run_stress(
            lambda: (Plugin.load(folder), World.for_folder(folder)),
            plain,
            kinds,
            path=f"{folder}",
            other_world=lambda: World.for_folder(folder, "globex"),
        )

    return seconds(found)
