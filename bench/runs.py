"""The speed of simulated runs, compared with a loop that authors write themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median
from unittest.mock import MagicMock

from freezegun import freeze_time
from measure import ROOT, ROUNDS, START, drain, ratio, row, seconds

from sbh_jobkit import Plugin, Simulator, World, simulate
from sbh_jobkit.plugin.sdk import job


@job("tick", schedule="* * * * *")
def tick(ctx) -> dict[str, str]:
    """Emit one event."""
    ctx.emit("tick", {"at": datetime.now(UTC).isoformat()})  # noqa: TID251  as a job does
    return {"status": "success"}


@job("noop", schedule="* * * * *")
def noop(ctx) -> None:
    """Do nothing."""
    del ctx


def freeze_loop(function, runs: int) -> None:
    """Do what authors do today: freeze each fire time, and call the function with a MagicMock."""
    at = START
    for _ in range(runs):
        with freeze_time(at):
            function(MagicMock())
        at += timedelta(minutes=1)


def simulated_runs() -> None:
    """Compare simulated runs with such a loop."""
    for name, function in (("noop", noop), ("tick: an emit, and reading the time", tick)):
        plugin = Plugin.load({"function": function})
        times = [seconds(lambda plugin=plugin: simulate(plugin, World(), duration="7d")) for _ in range(ROUNDS)]
        row(f"simulate, {name}", f"{10_080 / median(times):,.0f} runs/s", "at least 20,000 trivial ones")
        streamed = [
            seconds(lambda plugin=plugin: drain(Simulator(plugin, World(), duration="7d").runs()))
            for _ in range(ROUNDS)
        ]
        row(f"streamed, {name}", f"{10_080 / median(streamed):,.0f} runs/s", "")
    for name, function, promise in (("noop", noop, "at least 100x"), ("tick", tick, "")):
        plugin = Plugin.load({"function": function})

        def ours(plugin=plugin) -> None:
            simulate(plugin, World(), duration="7d")

        faster, _ = ratio(ours, lambda function=function: freeze_loop(function, 10_080 // 200), scale=200)
        row(f"simulate, {name}, compared with freezegun and MagicMock", f"{faster:.0f}x", promise)


def ways_to_simulate() -> None:
    """Compare the three ways to simulate, of a job that reads the time and emits once, with such a loop."""
    plugin = Plugin.load({"function": tick})
    ways = {
        "simulate": lambda: simulate(plugin, World(), duration="7d"),
        "runs": lambda: drain(Simulator(plugin, World(), duration="7d").runs()),
        "each": lambda: Simulator(plugin, World(), duration="7d").each(lambda _: None),
    }
    promises = {"simulate": "at least 25,000 runs/s", "runs": "at least 25,000 runs/s", "each": "at least 100x"}
    for name, way in ways.items():
        faster, took = ratio(way, lambda: freeze_loop(tick, 10_080 // 200), scale=200)
        figure = f"{10_080 / took:,.0f} runs/s, {faster:.0f}x"
        row(f"tick: {name}, also compared with freezegun", figure, promises[name])


def month() -> None:
    """Measure the simulation of the demo."""
    path = ROOT / "examples" / "hub_ops"
    simulate(path, duration="1d")
    times = [seconds(lambda: simulate(path, duration="30d")) for _ in range(ROUNDS)]
    row("30 days of examples/hub_ops", f"{median(times):.2f} s", "under 2 s")
