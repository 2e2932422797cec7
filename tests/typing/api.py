"""The public API with the annotations that users write: `mypy --strict` reads this file, nobody runs it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, assert_type

from sbh_jobkit import (
    Budget,
    Comparison,
    Crash,
    Difference,
    Effect,
    Errors,
    Event,
    FakeContext,
    Fault,
    FaultPlan,
    Fire,
    Fleet,
    FleetSimulation,
    HttpCall,
    Installation,
    Interrupted,
    Job,
    JobkitError,
    Latency,
    ManifestError,
    Outage,
    Outcome,
    PermissionDenied,
    Plugin,
    PluginError,
    Policy,
    Preview,
    RateLimit,
    Run,
    Schedule,
    ScheduleError,
    SchedulerCrash,
    SchedulerDown,
    Simulation,
    Simulator,
    Slow,
    Snapshot,
    StorageFull,
    Usage,
    World,
    __version__,
    diff,
    every,
    hookimpl,
    run_job,
    simulate,
)
from sbh_jobkit.fakes.persistent_list import PersistentList
from sbh_jobkit.plugin.sdk import generator_hook, hook, job, llm_filter, route
from sbh_jobkit.ports import Access, Context, Service

version: str = __version__


# Decorators leave a function as it was.


@job("nightly", schedule="0 2 * * *")
def nightly(ctx: Context) -> dict[str, str]:
    """Return what a job returns."""
    key: str | None = ctx.secrets.get("API_KEY")
    ctx.emit("done", {"key": bool(key)})
    return {"status": "success"}


@job("by_hand")
async def by_hand(ctx: Context) -> None:
    """Await."""


@route("/items", methods=["GET", "POST"])
def items(ctx: Context) -> tuple[list[int], int]:
    """Answer."""
    return [ctx.db.count("items")], 200


@hook("files.uploaded")
def uploaded(ctx: Context, event_data: Mapping[str, Any]) -> None:
    """Receive."""


@llm_filter("prompt")
@generator_hook("before_build")
def prompt(ctx: Context, data: str) -> str:
    """Change."""
    return data or ctx.tenant_id


@every("*/20 * * * *")
def signups(world: World, now: datetime) -> None:
    """Let the world go on."""
    world.db.insert("users", {"name": "Ann", "created_at": now})


context = FakeContext("t", user_id="7", role="admin")
port: Context = context
assert_type(nightly(context), dict[str, str])
assert_type(items(context), tuple[list[int], int])
assert_type(prompt(context, "text"), str)


# When a job is due.


def when() -> list[datetime]:
    """Ask a schedule."""
    schedule = Schedule("0 9 * * 1", tz="Europe/Paris")
    fires: Iterator[datetime] = schedule.fires("2026-01-01", "2026-02-01T00:00Z")
    first: datetime = next(fires)
    later: datetime = schedule.next(first)
    earlier: datetime = schedule.previous("2026-01-01T00:00")
    note: str | None = schedule.note(first)
    assert_type(schedule.describe(), str)
    assert_type(schedule.expression, str)
    ahead: Preview = Preview.from_schedule(schedule, start=first, duration="30d", others={"other": schedule})
    together: list[tuple[str, int]] = [(collision.job, collision.times) for collision in ahead.collisions]
    assert_type(ahead.fires, tuple[datetime, ...])
    return [first, later, earlier, ahead.next] if note is None and together else []


# What a plugin has.


def load(folder: Path, module: ModuleType, names: Mapping[str, Any]) -> Plugin:
    """Load from each source."""
    for source in (str(folder), folder, module, names):
        plugin: Plugin = Plugin.load(source)
    plugin = Plugin.load(names, manifest={"slug": "p", "name": "P"})
    found: Job = plugin.jobs["nightly"]
    schedule: Schedule | None = found.schedule
    place: str | None = found.place
    paths: list[str] = [each.path for each in plugin.routes]
    kinds: list[str] = [each.kind for each in plugin.hooks]
    warnings: tuple[str, ...] = plugin.warnings
    print(schedule, place, paths, kinds, warnings, plugin.slug, plugin.manifest.version)  # noqa: T201  to use them
    return plugin


# The fake tenant.


def tenant(plugin: Plugin) -> FakeContext:
    """Describe a world, and see it as a job does."""
    world = World("acme", tz="Europe/Paris", permissions=["db.read"], time_limit=5, allow={"D4"}, target="host")
    world.secrets["API_KEY"] = "k"
    world.db.insert("users", [{"name": "Ann"}])
    world.files.write("temp/a.txt", b"...", modified="2026-01-01T00:00")
    world.http.get("https://api.example.com/data").respond(json=[])
    world.llm.reply("yes", when=r"^Is ")
    world.db.latency, world.files.latency = "5ms", timedelta(milliseconds=20)
    assert_type(world.db.latency, float)
    world.memory.use(95)
    world.expect_failure("nightly", "2026-01-02", "2026-01-03", because="the API is down")
    assert_type(world.events, PersistentList[Event])
    moment = world.snapshot()
    assert_type(moment, Snapshot)
    assert_type(diff(moment, world), Difference)
    world.restore(moment)
    ctx = world.context(plugin)
    assert_type(ctx.check_memory_usage(), bool)
    return ctx


# What happens.


def run(plugin: Plugin, world: World) -> bool:
    """Run one job, by name or as the function itself."""
    done: Run = run_job(plugin.jobs["nightly"], world, at="2026-01-01T02:00Z", tz="UTC")
    again: Run = run_job(nightly)
    outcome: Outcome = done.outcome
    events: tuple[Event, ...] = done.events
    calls: tuple[HttpCall, ...] = done.http_calls
    faults: tuple[Fault, ...] = done.faults
    advice: list[str | None] = [fault.advice for fault in faults if not fault.allowed]
    reason: str | None = done.reason
    took: timedelta = done.duration
    row: dict[str, Any] = done.to_dict()
    print(events, calls, advice, reason, took, row, outcome is Outcome.OK)  # noqa: T201  to use them
    return done.ok and again.ok


def replay(plugin: Plugin, world: World) -> list[Run]:
    """Run a month, at once or one by one."""
    simulator = Simulator(plugin, world, start="2026-01-01", end=datetime.fromisoformat("2026-02-01"), jobs=["nightly"])
    fires: Iterator[Fire] = simulator.fires()
    runs: Iterator[Run] = simulator.runs()
    simulation: Simulation = simulate(plugin, world, start="2026-01-01", duration=timedelta(days=30), tz="UTC")
    other: Simulation = simulate("examples/hub_ops", duration="30d", progress=print)
    plan = FaultPlan(SchedulerDown("2026-01-12T02:00", "2026-01-12T05:00"), seed=7)
    policy = Policy(overlap="queue_one", misfire_grace="10m")
    third: Simulation = simulate(plugin, policy={"nightly": policy}, faults=plan)
    assert_type(third.at("2026-01-12T02:00"), World)
    assert_type(simulation.ok, bool)
    assert_type(diff(simulation, simulation), Comparison)
    assert_type(simulation.effects, list[Effect])
    assert_type(simulation.failures, list[Run])
    at: datetime = next(fires).at
    return [*runs, *other.runs] if at < simulation.runs[0].fire_time else simulation.runs


# What it uses, and what happens twice.


def measure(plugin: Plugin) -> list[str]:
    """Add up what runs use, hold it against a budget, and run everything twice."""
    simulation = simulate(plugin, twice=True)
    assert_type(simulation.usage, Usage)
    assert_type(simulation.unsafe_to_repeat, dict[str, list[Run]])
    again = simulation.runs[0].repeated
    streamed = Usage.from_runs(Simulator(plugin, twice=False).runs())
    assert_type(streamed.jobs["nightly"].llm_tokens, int)
    busiest: datetime | None = streamed.busiest_minute.at if streamed.busiest_minute else None
    print(bool(again), busiest, streamed.http_calls_by_host)  # noqa: T201  to use them
    return Budget.read(["llm_tokens=200k", "http_calls@api.example.com=500"]).exceeded(streamed)


# What goes wrong by a plan.


def troubled(plugin: Plugin, api: str) -> FaultPlan:
    """Plan what goes wrong in a simulation."""
    start, end = "2026-01-12T02:00", datetime(2026, 1, 12, 5)  # noqa: DTZ001  in the zone in force
    plan = FaultPlan(
        Outage(api, start, end, status=502),
        Errors("*", 0.1, start=start),
        Latency("llm", "2s", p99=timedelta(seconds=30)),
        RateLimit(api, 60),
        StorageFull(start, end),
        SchedulerCrash(start, end),
        SchedulerDown(start, end),
        Crash("nightly", rate=0.1, call=3),
        Slow("*", by="45m"),
        seed=7,
    )
    assert_type(simulate(plugin, faults=plan), Simulation)
    assert_type(run_job(plugin.jobs["nightly"], faults=plan).troubles, tuple[str, ...])
    assert_type([str(fault) for fault in plan.faults], list[str])
    return FaultPlan.load("chaos.toml")


# Several plugins at many tenants.


def platform(plugins: list[Path]) -> FleetSimulation | None:
    """Replay a fleet, at once or an installation at a time."""
    fleet = Fleet(plugins, tenants=["acme", "globex"], duration="7d", tz="Europe/Paris", policy={}, seed=7)
    for one in fleet.results(processes=2):
        if isinstance(one, Installation):
            assert_type((one.plugin, one.tenant, one.runs, one.failures, one.ok), tuple[str, str, int, int, bool])
        else:
            assert_type(one.why, str)
    Simulator(Plugin.load(plugins[0])).each(lambda run: run.ok)
    try:
        return Fleet("plugins", tenants=20).simulate(progress=print)
    except Interrupted as stop:
        assert_type(stop.at, datetime | None)
        return None


# What others add.


class Counter:
    """A service."""

    count = 0

    def open(self, access: Access) -> "Counter":
        """Serve a run."""
        access.need("next", "send_email")
        access.fault("counter-full", "next", access.shown("next", "the count", "3"), advice=str(access.zone))
        assert_type(access.now(), datetime)
        return self

    def snapshot(self) -> int:
        """Tell the state."""
        return self.count

    def restore(self, state: int) -> None:
        """Go back to it."""
        self.count = state


class Extension:
    """Hooks keep their types under the marker."""

    @hookimpl
    def sbh_services(self, world: World) -> Mapping[str, Service]:
        """Offer."""
        assert_type(world.tz is None, bool)
        return {"counter": Counter()}

    @hookimpl(tryfirst=True)
    def sbh_configure_world(self, world: World, plugin: Plugin | None) -> None:
        """Set up; what an extension adds is found by name, and a misspelt name of the kit by the type checker."""
        assert_type(world.extensions.services["counter"], Service)
        assert_type(world.events, PersistentList[Event])
        world.evnts  # type: ignore[attr-defined] # noqa: B018  held by warn_unused_ignores
        world.context(plugin).fils  # type: ignore[attr-defined] # noqa: B018  as above

    @hookimpl
    def sbh_run(self, run: Run) -> None:
        """See."""


assert_type(Extension().sbh_services(World(extensions=[Extension()])), Mapping[str, Service])


# What goes wrong.


def mistakes() -> list[str]:
    """Catch from the narrow to the wide."""
    try:
        Plugin.load("nope")
    except ManifestError as error:
        faults: tuple[str, ...] = error.faults
        return [error.where, *faults]
    except (PluginError, ScheduleError, PermissionDenied) as error:
        mistake: JobkitError = error
        return [str(mistake)]
    return []
