"""`world.py`: the fake tenant's beginning, and how it changes as time goes by."""

import gc
import json
import sys
from textwrap import dedent

import pytest

from sbh_jobkit.errors import ScheduleError, UnknownTableError, WorldError
from sbh_jobkit.fakes.script import WorldScript, every
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import simulate

PLUGIN = """
from src.ext.sdk import job

@job("count", schedule="0 12 * * *")
def count(ctx):
    return [row["at"] for row in ctx.db.query("seen")]
"""


@pytest.fixture
def folder(tmp_path):
    """Make a plugin that returns what its world has seen."""
    (tmp_path / "main.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "plugin.json").write_text(json.dumps({"slug": "shop", "name": "Shop"}), encoding="utf-8")
    return tmp_path


@pytest.fixture
def write(folder):
    """Write the world.py beside the plugin."""

    def written(source):
        path = folder / "world.py"
        path.write_text(dedent(source).lstrip("\n"), encoding="utf-8")
        return path

    return written


LIVELY = """
from datetime import datetime
from sbh_jobkit import every

def setup(world):
    world.db.create("seen")
    world.db.insert("seen", {"at": "setup " + datetime.now().isoformat()})

@every("0 */6 * * *")
def six_hourly(world, now):
    world.db.insert("seen", {"at": "tick " + now.isoformat()})

@every("0 12 * * *")
def at_noon(world, now):
    world.db.insert("seen", {"at": "noon " + datetime.now().isoformat()})
"""


def test_the_world_beside_a_plugin_lives(folder, write):
    """`setup` is called once at the start; functions of `@every` when due, before the jobs of the same instant."""
    write(LIVELY)
    simulation = simulate(folder, start="2026-03-01", duration="2d", tz="Europe/Paris")
    first = [
        "setup 2026-03-01T00:00:00",
        "tick 2026-03-01T00:00:00+01:00",
        "tick 2026-03-01T06:00:00+01:00",
        "tick 2026-03-01T12:00:00+01:00",
        "noon 2026-03-01T12:00:00",
    ]
    second = [
        "tick 2026-03-01T18:00:00+01:00",
        "tick 2026-03-02T00:00:00+01:00",
        "tick 2026-03-02T06:00:00+01:00",
        "tick 2026-03-02T12:00:00+01:00",
        "noon 2026-03-02T12:00:00",
    ]
    assert [run.value for run in simulation.runs] == [first, first + second]


def test_one_run_has_the_world_at_its_beginning(folder, write):
    """`run_job` calls `setup` at the run's time, and no functions of `@every`."""
    write(LIVELY)
    run = run_job(Plugin.load(folder).jobs["count"], at="2026-05-01T12:00")
    assert run.value == ["setup 2026-05-01T12:00:00"]


def test_a_world_begins_once(folder, write):
    """With several runs and simulations on one world, `setup` is called only in the first."""
    world = World.load(write(LIVELY))
    plugin = Plugin.load(folder)
    run_job(plugin.jobs["count"], world, at="2026-01-01T00:00")
    simulate(plugin, world, start="2026-01-01T07:00", duration="6h")
    world.begin("2026-02-01")
    assert [row["at"] for row in world.db.rows("seen")] == [
        "setup 2026-01-01T00:00:00",
        "tick 2026-01-01T12:00:00+00:00",
        "noon 2026-01-01T12:00:00",
    ]


def test_an_author_may_begin_it(write):
    """`begin` calls `setup`, so that a test can change what it made before the first run."""
    world = World.load(write(LIVELY))
    assert "seen" not in world.db
    world.begin("2026-01-01T05:00", "Asia/Tokyo")
    assert world.db.rows("seen") == [{"id": 1, "at": "setup 2026-01-01T05:00:00"}]
    assert world.zone.key == "Asia/Tokyo"


def test_only_one_of_both_is_needed(folder, write):
    """A world may have `setup` alone or `@every` alone."""
    write("def setup(world): world.db.create('seen')")
    assert simulate(folder, duration="1d").runs[0].value == []
    write(
        "from sbh_jobkit import every\n@every('@hourly')\ndef f(world, now): world.db.insert('seen', {'at': now.hour})"
    )
    assert simulate(folder, duration="1d").runs[0].value == list(range(13))


def test_every_returns_the_function(write):
    """A decorated function can be called as ever, and two expressions make two functions."""

    def function(world, now):
        return world, now

    assert every("@daily")(function) is function
    assert function(1, 2) == (1, 2)
    assert write


def test_a_function_under_two_names_ticks_once(folder, write):
    """An alias is not another function."""
    write(
        """
        from sbh_jobkit import every
        @every("0 11 * * *")
        def first(world, now):
            world.db.insert("seen", {"at": now.hour})
        again = first
        """
    )
    assert simulate(folder, duration="1d").runs[0].value == [11]


class Claims:
    """Claims to have every attribute."""

    def __getattr__(self, name):
        """Return something."""
        return name

    def __call__(self):
        """Be callable, too."""


def test_an_object_that_claims_every_attribute_is_no_function_of_every():
    """An object that answers every attribute is not taken for a decorated function."""
    assert WorldScript.from_names({"setup": print, "claims": Claims()}).ticks == ()


def test_files_of_the_beginning_are_there_for_setup(folder, write):
    """`setup` sees files that were written before, with their times, and its sleeping makes them no newer."""
    world = World.load(
        write("import time\ndef setup(world):\n    time.sleep(60)\n    world.db.insert('seen', {'at': 1})")
    )
    world.files.write("old.txt", "x", age="1d")
    simulate(folder, world, duration="1d")
    assert world.files.tree() == "old.txt          1  2025-12-31 00:00:00+00:00"


def test_functions_may_sleep_in_virtual_time(folder, write):
    """`time.sleep`, imported by name, does not wait in a world either."""
    write(
        """
        from datetime import datetime
        from time import sleep
        def setup(world):
            sleep(3600)
            world.db.insert("seen", {"at": datetime.now().isoformat()})
        """
    )
    assert simulate(folder, duration="1d").runs[0].value == ["2026-01-01T01:00:00"]


def test_a_world_may_be_in_several_files(folder, write):
    """A world.py imports its siblings, and what it imports from them counts."""
    (folder / "people.py").write_text(
        "from sbh_jobkit import every\n@every('0 11 * * *')\ndef join(world, now):\n"
        "    world.db.insert('seen', {'at': 1})\n",
        encoding="utf-8",
    )
    write("from people import join\ndef setup(world): world.db.create('seen')")
    assert simulate(folder, duration="1d").runs[0].value == [1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "world.py has neither setup(world) nor a function under @every(…); define at least one"),
        ("", "world.py has neither setup(world) nor a function under @every(…); define at least one"),
        ("def setup(world)\n", "world.py:1: SyntaxError: expected ':'"),
        ("\nimport sys\nsys.exit(1)", "world.py:2: SystemExit: 1"),
        ("x = {}\nx['a']", "world.py:2: KeyError: 'a'"),
        (
            "import nowhere",
            "world.py:1: ModuleNotFoundError: No module named 'nowhere'; install it, or put nowhere.py beside world.py",
        ),
        (
            "from sbh_jobkit import every\n@every('61 * * * *')\ndef f(world, now): pass",
            "world.py:2: schedule '61 * * * *' is not cron: minute 61 is outside 0-59",
        ),
        (
            "from sbh_jobkit import every\n@every('0 0 31 2 *')\ndef f(world, now): pass",
            (
                "world.py:2: schedule '0 0 31 2 *' is not cron: "
                "day 31 does not exist in month 2, so it never fires; without a schedule a job runs by hand"
            ),
        ),
        (
            "from sbh_jobkit import every\n@every\ndef f(world, now): pass",
            "world.py:2: @every needs a cron expression in parentheses: write @every('…') above the function",
        ),
        ("def setUp(world): ...", "world.py has no setup(world); did you mean 'setUp' to be it? rename it"),
        (
            "from sbh_jobkit import every\n@every('@daily')\ndef f(world, now): pass\ndef init(world): pass",
            "world.py has no setup(world); did you mean 'init' to be it? rename it",
        ),
        ("setup = 5", "world.py: setup must be a function setup(world), got 5"),
    ],
)
def test_what_is_no_world_is_refused_with_its_line(write, source, message):
    """A world that cannot be loaded says where, and why."""
    path = write(source)
    with pytest.raises(WorldError) as refused:
        World.load(path)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def setup(world):\n    world.email()", "world.py:2: AttributeError: world has no 'email'"),
        ("def setup(world):\n    raise SystemExit(3)", "world.py:2: SystemExit: 3"),
        (
            "def setup(world):\n    import nowhere",
            "world.py:2: ModuleNotFoundError: No module named 'nowhere'; install it, or put nowhere.py beside world.py",
        ),
        (
            "def setup(world):\n    world.secrets['K'] = 5",
            "world.py:2: secret 'K' must be text, got a value of type int",
        ),
        ("def setup():\n    pass", "world.py:1: TypeError: setup() takes 0 positional arguments but 1 was given"),
        (
            "from sbh_jobkit import every\n@every('@daily')\ndef f(world, now):\n    1 / 0",
            "world.py:4: ZeroDivisionError: division by zero",
        ),
    ],
)
def test_what_goes_wrong_in_a_world_stops_the_simulation_with_its_line(folder, write, source, message):
    """An error in world.py stops the simulation with its line; it is not a run's outcome."""
    write(source)
    with pytest.raises(WorldError) as refused:
        simulate(folder, duration="1d")
    assert str(refused.value) == f"world.py failed: {message}"


def test_a_missing_file_is_an_error():
    """The error for a wrong path says what the file should be."""
    with pytest.raises(WorldError) as missing:
        World.load("/nowhere/world.py")
    assert str(missing.value) == (
        "no such file: '/nowhere/world.py'; a world is described in a Python file with setup(world)"
    )


def test_names_make_a_world_too():
    """In a notebook, functions describe a world, and their mistakes are placed."""

    def setup(world):
        world.db.create("seen")
        raise LookupError

    world = World()
    world.script = WorldScript.from_names({"setup": setup})
    with pytest.raises(WorldError) as refused:
        world.begin("2026-01-01")
    line = setup.__code__.co_firstlineno + 2
    assert str(refused.value) == f"world.py failed: test_script.py:{line}: LookupError"


def test_a_wrong_expression_is_refused_at_once():
    """`@every` reads its expression when it is written."""
    with pytest.raises(ScheduleError) as refused:
        every("nonsense")
    assert str(refused.value).startswith("schedule 'nonsense' is not cron: ")


def test_a_world_that_is_gone_leaves_no_modules(tmp_path):
    """Loading worlds again and again, as tests do, does not fill the interpreter with modules."""
    (tmp_path / "world.py").write_text("def setup(world): pass\n")
    before = {name for name in sys.modules if name.startswith("sbh_plugins")}
    for _ in range(3):
        World.load(tmp_path / "world.py")
    gc.collect()
    assert {name for name in sys.modules if name.startswith("sbh_plugins")} - before <= {"sbh_plugins"}


def test_a_loaded_world_says_that_it_has_not_begun(tmp_path):
    """Until the first run, `setup` has not run: the repr and the error for a missing table say so, and what to do."""
    (tmp_path / "world.py").write_text("def setup(world):\n    world.db.insert('users', {'name': 'ann'})\n")
    world = World.load(tmp_path / "world.py")
    said = "; setup of world.py has not run yet: the first run calls it, or world.begin('2026-01-01T00:00')"
    assert repr(world).endswith(f"0 events{said}>")
    for look in (lambda: world.db.rows("users"), lambda: world.context().db.query("users")):
        with pytest.raises(UnknownTableError) as refused:
            look()
        assert str(refused.value).endswith(said)
    world.begin("2026-01-01T00:00")
    assert (world.db.rows("users"), "setup" in repr(world)) == ([{"id": 1, "name": "ann"}], False)


def test_a_world_of_code_has_begun(tmp_path):
    """A world without a script, or with a script without setup, has nothing to run first."""
    (tmp_path / "world.py").write_text("from sbh_jobkit import every\n\n@every('@daily')\ndef tick(world, now): pass\n")
    assert ["setup" in repr(world) for world in (World(), World.load(tmp_path / "world.py"))] == [False, False]
