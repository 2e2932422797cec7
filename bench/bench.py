"""Measure what the kit promises beside what people use today, in one run, as ratios.

Machines are noisy: each pair is measured in turns, five times, and the median ratio is shown.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest.mock import MagicMock
from zoneinfo import ZoneInfo

import httpx
import mongomock
import respx
from cronsim import CronSim
from freezegun import freeze_time

from sbh_jobkit import Plugin, Schedule, Simulator, World, simulate
from sbh_jobkit.sdk import job

ROOT = Path(__file__).parents[1]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ROUNDS = 5


def seconds(work) -> float:
    """Time one call."""
    before = perf_counter()
    work()
    return perf_counter() - before


def ratio(ours, theirs, *, scale: float = 1.0) -> tuple[float, float]:
    """Return the median of theirs / ours (theirs did `scale` times less work), and our median seconds."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    return median(b * scale / a for a, b in pairs), median(a for a, _ in pairs)


def drain(iterator) -> None:
    """Go through an iterator."""
    for _ in iterator:
        pass


def fire_times() -> None:
    """Compare a dense year of fire times with cronsim's."""
    share = 50
    for zone in ("UTC", "Europe/Paris"):
        for expression in ("* * * * *", "*/15 * * * *"):
            schedule = Schedule(expression, zone)
            total = sum(1 for _ in schedule.epochs(START.timestamp(), END.timestamp()))
            begin = START.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))

            def theirs(expression=expression, begin=begin, total=total) -> None:
                drain(islice(CronSim(expression, begin), total // share))

            integers, took = ratio(
                lambda schedule=schedule: drain(schedule.epochs(START.timestamp(), END.timestamp())),
                theirs,
                scale=share,
            )
            datetimes, _ = ratio(lambda schedule=schedule: drain(schedule.fires(START, END)), theirs, scale=share)
            name = f"a year of {expression} in {zone}"
            row(
                name,
                f"{total / took / 1e6:.1f} M/s",
                f"{integers:.0f}x cronsim as integers (20), {datetimes:.0f}x as datetimes (4)",
            )


@job("tick", schedule="* * * * *")
def tick(ctx) -> dict[str, str]:
    """Do next to nothing."""
    ctx.emit("tick", {"at": datetime.now(UTC).isoformat()})  # noqa: TID251  what a job does
    return {"status": "success"}


@job("noop", schedule="* * * * *")
def noop(ctx) -> None:
    """Do nothing."""
    del ctx


def by_hand(function, runs: int) -> None:
    """Do what authors do today: freeze each fire time, and hand a MagicMock to the function."""
    at = START
    for _ in range(runs):
        with freeze_time(at):
            function(MagicMock())
        at += timedelta(minutes=1)


def simulated_runs() -> None:
    """Compare simulated runs with the loop by hand."""
    for name, function in (("noop", noop), ("tick: an emit and a look at the time", tick)):
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

        faster, _ = ratio(ours, lambda function=function: by_hand(function, 10_080 // 200), scale=200)
        row(f"simulate, {name}, beside freezegun and MagicMock by hand", f"{faster:.0f}x", promise)


def month() -> None:
    """Time the demo's simulation."""
    path = ROOT / "examples" / "hub_ops"
    simulate(path, duration="1d")
    times = [seconds(lambda: simulate(path, duration="30d")) for _ in range(ROUNDS)]
    row("30 days of examples/hub_ops", f"{median(times):.2f} s", "under 2 s")


def fakes() -> None:
    """Compare the fake services with the libraries that authors would take for each."""
    rows = [{"id": number, "plan": ("trial", "team")[number % 2], "seats": number % 50} for number in range(100_000)]
    wanted = {"plan": "trial", "seats": {"$gte": 40}}
    world, collection = World(), mongomock.MongoClient().bench.users
    world.db.insert("users", rows)
    collection.insert_many([dict(row) for row in rows])
    ctx = world.context()
    found = len(ctx.db.query("users", wanted, limit=100_000))
    if found != collection.count_documents(wanted):
        msg = f"the two do not agree: {found}"
        raise AssertionError(msg)
    bounds = iter(range(39_001, 40_000))

    def ours() -> None:
        bound = next(bounds) / 1000  # another filter each time: the same one would be the next page of it
        ctx.db.query("users", {"plan": "trial", "seats": {"$gte": bound}}, limit=100_000)

    faster, took = ratio(ours, lambda: list(collection.find(wanted)))
    row(f"a filtered query of {found:,} in 100,000 rows", f"{took * 1000:.0f} ms", f"{faster:.1f}x mongomock (5)")
    times = [seconds(world.snapshot) for _ in range(1000)]
    row("a snapshot of 100,000 rows", f"{median(times) * 1e6:.0f} µs", "under 1 ms")
    for number in range(10_000):
        world.files.write(f"logs/{number}.txt", b"x")
    listed = [seconds(lambda: ctx.files.list("logs/9")) for _ in range(ROUNDS)]
    row("a list of 1,111 among 10,000 files", f"{median(listed) * 1000:.1f} ms", "")
    paged = seconds(lambda: drain(ctx.db.query("users", {"plan": "team"}, offset=at) for at in range(0, 50_000, 100)))
    row("500 pages of 100 filtered rows", f"{paged * 1000:.0f} ms", "")


def requests() -> None:
    """Compare a fake request with the bare respx router behind an httpx client."""
    world, router = World(), respx.Router(assert_all_called=False)
    url = "https://api.example.com/data"
    world.http.get(url).respond(json={"a": 1})
    router.get(url).respond(json={"a": 1})
    client, ctx = httpx.Client(transport=httpx.MockTransport(router.handler)), world.context()

    def theirs() -> None:
        for _ in range(500):
            answer = client.get(url)
            answer.json()
        router.reset()

    def ours() -> None:
        for _ in range(500):
            ctx.http.get(url)
        world.forget()

    drain(work() for work in (theirs, ours))
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(5 * ROUNDS)]
    slower, took = median(a / b for a, b in pairs), median(a for a, _ in pairs)
    row("a fake HTTP request", f"{took / 500 * 1e6:.0f} µs", f"{slower:.2f} times a bare respx one (at most 1.3)")


def start_up() -> None:
    """Compare starting Python with starting it and importing the kit."""
    rows = (
        ("import sbh_jobkit", [sys.executable, "-c", "import sbh_jobkit"], "under 30 ms over bare Python"),
        ("sbh-jobkit --help", [sys.executable, "-m", "sbh_jobkit", "--help"], "under 250 ms in all"),
    )
    for name, command, promise in rows:
        pairs = [
            (seconds(lambda command=command: quiet(command)), seconds(lambda: quiet([sys.executable, "-c", ""])))
            for _ in range(11)
        ]
        whole, over = median(a for a, _ in pairs), median(a - b for a, b in pairs)
        row(name, f"{whole * 1000:.0f} ms", f"{over * 1000:.0f} ms over bare Python; {promise}")


def quiet(command: list[str]) -> None:
    """Run a command without showing what it prints."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own interpreter


def row(name: str, figure: str, promise: str) -> None:
    """Print one line of the table."""
    print(f"{name:<58} {figure:>14}  {promise}", flush=True)


if __name__ == "__main__":
    start_up()
    requests()
    fakes()
    fire_times()
    simulated_runs()
    month()
