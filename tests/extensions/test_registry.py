"""What extensions add to worlds, and the errors for wrong extensions."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType

import pytest

from sbh_jobkit import FakeContext, Plugin, Simulator, World, hookimpl, run_job, simulate
from sbh_jobkit.errors import ExtensionError, WorldError
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.ports import MEMBERS, Service


@dataclass(eq=False)
class Box:
    """A service: jobs put things into it, and the world's author looks at them."""

    things: list = field(default_factory=list)

    def open(self, access):
        """Return what a job sees: a place to put things."""
        return Lid(self, access)

    def snapshot(self):
        """Return the things."""
        return tuple(self.things)

    def restore(self, state):
        """Set the things of a snapshot."""
        self.things = list(state)


class Lid:
    """What a job sees of a box."""

    def __init__(self, box, access):
        """Wrap a box."""
        self.put = box.things.append
        self.access = access


def extension(name="probe", **hooks):
    """Make a module that implements hooks."""
    module = ModuleType(name)
    vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
    return module


def boxed(**more):
    """Make a world that has a box."""
    return World(extensions=[extension(sbh_services=lambda: {"box": Box()})], **more)


@job("pack", schedule="0 9 * * *")
def pack(ctx):
    """Put a thing into the box."""
    ctx.box.put(ctx.tenant_id)


@job("idle")
def idle(ctx):
    """Leave the box alone."""
    return ctx.tenant_id


plugin = Plugin.load({"pack": pack}, manifest={"slug": "packer", "name": "Packer"})


def test_a_service_is_of_the_world_and_opened_for_a_job():
    """What jobs put there, an author finds there, through all runs of a world."""
    world = boxed()
    assert isinstance(world.box, Service)
    assert simulate(plugin, world, duration="3d").ok
    assert world.box.things == ["acme", "acme", "acme"]


def test_every_world_has_its_own():
    """Two worlds share no state."""
    probe = extension(sbh_services=lambda: {"box": Box()})
    one, two = World(extensions=[probe]), World(extensions=[probe])
    one.box.things.append("x")
    assert (one.box is one.box, two.box.things) == (True, [])


def test_a_service_is_opened_once_a_run():
    """Each run gets one of its own, and keeps it."""
    seen = []

    @job("look", schedule="0 9 * * *")
    def look(ctx):
        seen.append((ctx.box, ctx.box, ctx.box.access.now()))

    simulate(Plugin.load({"look": look}), boxed(tz="Europe/Paris"), duration="2d")
    assert [(one is two, at.isoformat()) for one, two, at in seen] == [
        (True, "2026-01-01T09:00:00+01:00"),
        (True, "2026-01-02T09:00:00+01:00"),
    ]
    assert seen[0][0] is not seen[1][0]


def test_what_is_not_used_is_not_opened():
    """A run that does not use a service does not open it."""

    class Sealed(Box):
        def open(self, access):
            raise OSError(access)

    world = World(extensions=[extension(sbh_services=lambda: {"box": Sealed()})])
    assert run_job(idle, world).value == "acme"


def test_a_name_that_nobody_offers():
    """The error names the nearest name, on worlds and on contexts."""
    world = boxed()
    told = []
    for asked in (lambda: world.bxo, lambda: world.context().bxo, lambda: FakeContext("t").fils, lambda: World().box):
        with pytest.raises(AttributeError) as unknown:
            asked()
        told.append(str(unknown.value))
    assert told == [
        "world has no 'bxo'; did you mean 'box'?",
        "ctx has no 'bxo'; did you mean 'box'?",
        "ctx has no 'fils'; did you mean 'files'?",
        "world has no 'box'",
    ]


def test_worlds_and_contexts_are_ordinary_objects():
    """They can be copied, asked for what they lack, and listed for completion."""
    world = boxed()
    ctx = world.context()
    assert (hasattr(world, "lid"), hasattr(world, "_lid"), hasattr(ctx, "lid"), hasattr(ctx, "__len__")) == (False,) * 4
    assert copy.copy(world).box is world.box
    assert copy.copy(ctx).box.put == ctx.box.put
    assert ("box" in dir(world), "box" in dir(ctx), "begin" in dir(world)) == (True, True, True)
    assert repr(world) == "<World 'acme': <db: no tables> <files: 0> <secrets: none> 0 events>"
    assert (repr(world.extensions), repr(World().extensions)) == ("<extensions: probe>", "<extensions: none>")


def test_a_property_that_raises_is_not_a_name_that_is_missing():
    """An AttributeError inside a property is not reported as an unknown name."""

    class Odd(World):
        @property
        def http(self):
            return None.nothing

    with pytest.raises(AttributeError) as raised:
        _ = Odd().http
    assert str(raised.value) == "'NoneType' object has no attribute 'nothing'"


def test_the_list_of_a_contexts_names_is_whole():
    """No extension can take one of them."""
    assert {name for name in dir(FakeContext("t")) if not name.startswith("_")} == MEMBERS


def test_setting_a_world_up():
    """Once for each world, in virtual time, before `setup` of its world.py, and knowing the plugin."""
    seen = []

    def configure(world, plugin):
        seen.append((plugin, datetime.now().isoformat()))  # noqa: DTZ005, TID251  what an extension sees
        world.secrets["KEY"] = "the extension's"
        world.secrets["OTHER"] = world.box.things.append("set up") or "other"

    probe = extension(sbh_services=lambda: {"box": Box()}, sbh_configure_world=configure)
    world = World(extensions=[probe])
    world.script = scripted("def setup(world): world.secrets['KEY'] = 'the author'")
    simulate(plugin, world, duration="2d", tz="Europe/Paris")
    run_job(plugin.jobs["pack"], world)
    assert seen == [(plugin, "2026-01-01T00:00:00")]
    assert (dict(world.secrets), world.box.things[0]) == ({"KEY": "the author", "OTHER": "other"}, "set up")


def scripted(source):
    """Return what a world.py of that source holds."""
    from sbh_jobkit.fakes.script import WorldScript

    names = {}
    exec(source, names)  # noqa: S102  a world.py
    return WorldScript.from_names(names)


def test_a_job_is_enough_to_know_the_plugin():
    """`run_job` tells extensions the plugin of the job; a world that begins by hand may have none."""
    seen = []

    def configure(plugin):
        seen.append(plugin)

    probe = extension(sbh_configure_world=configure)
    run_job(plugin.jobs["pack"], World(extensions=[probe, extension(sbh_services=lambda: {"box": Box()})]))
    World(extensions=[probe]).begin("2026-01-01")
    assert seen == [plugin, None]


def test_every_run_is_seen():
    """Of `run_job`, of a simulation at once and one by one, and also one that was skipped."""
    seen = []

    def see(run):
        seen.append(run)

    @job("nap", schedule="0 * * * *")
    def nap(ctx):
        time.sleep(5400)
        return ctx.tenant_id

    naps = Plugin.load({"nap": nap})
    world = World(extensions=[extension(sbh_run=see)], time_limit=9999)
    runs = simulate(naps, world, duration="3h").runs
    runs += list(Simulator(naps, world, start="2026-01-02", duration="2h").runs())
    runs.append(run_job(naps.jobs["nap"], world))
    assert seen == runs
    assert [run.outcome for run in seen] == ["ok", "skipped", "ok", "ok", "skipped", "ok"]


def test_who_looks_at_a_run_takes_none_of_its_time():
    """An extension that sleeps does not make the job late."""
    probe = extension(sbh_run=lambda: time.sleep(7200))
    world = World(extensions=[probe, extension(sbh_services=lambda: {"box": Box()})])
    hourly = job("pack", schedule="0 * * * *")(lambda ctx: ctx.box.put("x"))
    month = simulate(Plugin.load({"pack": hourly}), world, duration="4h")
    assert [(run.outcome, run.duration.total_seconds()) for run in month.runs] == [("ok", 0)] * 4


def test_its_own_kinds_of_fault():
    """A world can allow them, and a misspelled kind is an error."""
    probe = extension(sbh_fault_kinds=lambda: {"box-full": "there was no room"})
    world = World(extensions=[probe], allow=["box-full", "network"])
    assert world.allow == {"box-full", "network"}
    assert world.extensions.fault_kinds == {"box-full": "there was no room"}
    with pytest.raises(WorldError) as refused:
        world.allow = "box-ful"
    assert str(refused.value) == "unknown kind of fault 'box-ful'; did you mean 'box-full'?"
    with pytest.raises(WorldError, match="unknown kind of fault 'box-full'; use one of D1, D12"):
        World(allow="box-full")


def test_no_answer_is_an_answer():
    """An extension may have nothing to offer to a world."""

    def kinds():
        """Declare none."""

    probe = extension(sbh_services=lambda world: None if world.tz is None else {"box": Box()}, sbh_fault_kinds=kinds)
    assert [sorted(World(tz=tz, extensions=[probe]).extensions.services) for tz in (None, "UTC")] == [[], ["box"]]


def test_services_that_look_for_each_other():
    """A service is not available while services are being made."""
    probe = extension(sbh_services=lambda world: {"bag" if hasattr(world, "box") else "box": Box()})
    assert list(World(extensions=[probe]).extensions.services) == ["box"]


def broken():
    """Fail."""
    msg = "no disk"
    raise OSError(msg)


UNFIT = "cannot be written after `ctx.`; use a name such as 'email'"
TAKEN = "is a name that world or ctx has already; give yours another"
LINE = f"test_registry.py:{broken.__code__.co_firstlineno + 3}"


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"sbh_services": lambda: [Box]}, "sbh_services must return a mapping, got [<class '"),
        ({"sbh_services": broken}, f"sbh_services raised OSError: no disk ({LINE})"),
        ({"sbh_services": lambda: {"db": Box()}}, f"sbh_services: 'db' {TAKEN}"),
        ({"sbh_services": lambda: {"emit": Box()}}, f"sbh_services: 'emit' {TAKEN}"),
        ({"sbh_services": lambda: {"begin": Box()}}, f"sbh_services: 'begin' {TAKEN}"),
        ({"sbh_services": lambda: {"tz": Box()}}, f"sbh_services: 'tz' {TAKEN}"),
        (
            {"sbh_services": lambda: {"a box": Box()}},
            f"sbh_services: 'a box' {UNFIT}",
        ),
        (
            {"sbh_services": lambda: {"_box": Box()}},
            f"sbh_services: '_box' {UNFIT}",
        ),
        (
            {"sbh_services": lambda: {"class": Box()}},
            f"sbh_services: 'class' {UNFIT}",
        ),
        (
            {"sbh_services": lambda: {7: Box()}},
            f"sbh_services: 7 {UNFIT}",
        ),
        (
            {"sbh_services": lambda: {"box": Box}},
            "sbh_services: 'box' must be an object with the methods open, snapshot, restore, got the class Box",
        ),
        (
            {"sbh_services": lambda: {"box": {}}},
            "sbh_services: 'box' must be an object with the methods open, snapshot, restore, got a value of type dict",
        ),
        (
            {"sbh_services": lambda: {"bag": Box()}},
            "sbh_services: 'bag' is offered by extension bags, too; a world can have only one of them",
        ),
        ({"sbh_fault_kinds": broken}, f"sbh_fault_kinds raised OSError: no disk ({LINE})"),
        ({"sbh_fault_kinds": lambda: "box-full"}, "sbh_fault_kinds must return a mapping, got 'box-full'"),
        (
            {"sbh_fault_kinds": lambda: {"Box Full": "x"}},
            "sbh_fault_kinds: 'Box Full' is not a kind of fault; write it like 'email-invalid'",
        ),
        (
            {"sbh_fault_kinds": lambda: {"box-full": ""}},
            "sbh_fault_kinds: 'box-full' needs a text with its meaning, got ''",
        ),
        (
            {"sbh_fault_kinds": lambda: {"network": "x"}},
            "sbh_fault_kinds: 'network' is a kind of the kit itself; give yours another name",
        ),
        (
            {"sbh_fault_kinds": lambda: {"bag-torn": "x"}},
            "sbh_fault_kinds: 'bag-torn' is declared by extension bags, too; a world can have only one of them",
        ),
        ({"sbh_configure_world": broken}, f"sbh_configure_world raised OSError: no disk ({LINE})"),
        (
            {"sbh_configure_world": lambda world: world.secrets.update(KEY=5)},
            "sbh_configure_world: secret 'KEY' must be text, got a value of type int (test_registry.py:",
        ),
        ({"sbh_run": broken}, f"sbh_run raised OSError: no disk ({LINE})"),
    ],
)
def test_an_extensions_mistake_stops_the_world(hooks, message):
    """With its name, the hook, and what is wrong."""
    bags = extension("bags", sbh_services=lambda: {"bag": Box()}, sbh_fault_kinds=lambda: {"bag-torn": "a hole"})
    with pytest.raises(ExtensionError) as stopped:
        run_job(idle, World(extensions=[bags, extension(**hooks)]))
    assert str(stopped.value).startswith(f"extension probe: {message}")


def test_a_mistake_is_reported_again():
    """The second use raises the same error."""
    extensions = World(extensions=[extension(sbh_services=broken)]).extensions
    assert isinstance(extensions, Extensions)
    for _ in range(2):
        with pytest.raises(ExtensionError, match="sbh_services raised OSError"):
            _ = extensions.services


class Line:
    """A live service: it has `open` alone."""

    def open(self, access):
        """Return what a job calls."""
        return lambda text: (access.now().tzinfo.key, text)


def live(**hooks):
    """Return the extensions of the real tenant `acme`."""
    return Extensions(manager([extension(**hooks)]), None, (), tenant_id="acme")


def test_an_extension_offers_a_live_service_beside_the_one_for_worlds():
    """The same `ctx.<name>`, kept in memory in a world and real in a real tenant, whose name the hook is given."""
    asked = []
    hooks = {
        "sbh_services": lambda: {"box": Box()},
        "sbh_live_services": lambda tenant_id: asked.append(tenant_id) or {"box": Line()},
    }
    found = live(**hooks)
    assert (list(found.services), type(found.services["box"]), asked) == (["box"], Line, ["acme"])
    assert type(World(extensions=[extension(**hooks)]).box) is Box


def test_a_live_service_needs_open_alone():
    """A service without `open` is an error that names the extension."""
    assert list(live(sbh_live_services=lambda: {"line": Line()}).services) == ["line"]
    with pytest.raises(ExtensionError) as refused:
        _ = live(sbh_live_services=lambda: {"line": 5}).services
    wrong = "'line' must be an object with the methods open, got a value of type int"
    assert str(refused.value) == f"extension probe: sbh_live_services: {wrong}"
