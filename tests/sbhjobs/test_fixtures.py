"""The fixtures, in repositories of plugins."""

from __future__ import annotations

import pytest

GREET = """\
from datetime import datetime
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx):
    names = [user["name"] for user in ctx.db.query("users")]
    ctx.emit("greeted", {"names": names, "at": datetime.now().isoformat()})
    return {"status": "success", "greeted": len(names)}
"""
WORLD = "def setup(world): world.db.insert('users', {'name': 'Ada'})\n"


@pytest.fixture
def greeter(repository):
    """Return a repository with a plugin."""
    repository.plugin(GREET, **{"world.py": WORLD})
    return repository


def test_a_job_runs(greeter):
    """`sbh_run` runs a job of the plugin above the test, in the world that world.py describes."""
    greeter.tested("""
def test_it(sbh_run, sbh_world):
    run = sbh_run("greet", at="2026-01-05T06:00")
    assert run.ok and run.value == {"status": "success", "greeted": 1}
    assert [event.payload["names"] for event in sbh_world.events] == [["Ada"]]
    assert run.fire_time.isoformat() == "2026-01-05T06:00:00+00:00"
""")


def test_the_world_can_be_changed(greeter):
    """What world.py set up is there from the start of a test, to look at and to change before the run."""
    greeter.tested("""
def test_it(sbh_run, sbh_world):
    assert sbh_world.db.rows("users") == [{"id": 1, "name": "Ada"}]
    sbh_world.db.delete("users")
    assert sbh_run("greet").value["greeted"] == 0
""")


def test_a_run_without_a_time_runs_when_the_world_starts(greeter):
    """A test is repeatable: nothing in it depends on today."""
    greeter.tested("""
def test_it(sbh_run):
    assert sbh_run("greet").fire_time.isoformat() == "2026-01-01T00:00:00+00:00"
""")


def test_a_month(greeter):
    """`sbh_simulate` simulates a range and returns a Simulation."""
    greeter.tested("""
from sbh_jobkit import Simulation

def test_it(sbh_simulate):
    month = sbh_simulate("10d", start="2026-03-01", tz="Europe/Paris")
    assert isinstance(month, Simulation) and month.ok and len(month.runs) == 10
    assert repr(month) == "<Simulation of greeter: 10 runs (10 ok)>"
""")


def test_a_range_with_an_end(greeter):
    """An end replaces the duration; a range starts when the world does."""
    greeter.tested("""
import pytest

@pytest.mark.sbh_at("2026-02-27")
def test_it(sbh_simulate):
    assert [run.fire_time.day for run in sbh_simulate(end="2026-03-02").runs] == [27, 28, 1]
""")


def test_a_context(greeter):
    """`sbh_ctx` calls a function of the plugin without a run, in virtual time."""
    greeter.tested("""
import pytest

@pytest.mark.sbh_at("2026-03-01T10:00")
def test_it(sbh_ctx, sbh_plugin, sbh_world):
    sbh_world.db.insert("users", {"name": "Grace"})
    assert sbh_plugin.jobs["greet"].function(sbh_ctx) == {"status": "success", "greeted": 2}
    assert [event.payload["at"] for event in sbh_world.events] == ["2026-03-01T10:00:00"]
""")


def test_the_clock(greeter):
    """With `sbh_clock` the test sees virtual time, `sleep` advances it, and runs use it."""
    greeter.tested("""
import time
from datetime import datetime

def test_it(sbh_clock, sbh_run, sbh_simulate):
    assert sbh_clock.now.isoformat() == "2026-01-01T00:00:00+00:00"
    assert datetime.now().isoformat() == "2026-01-01T00:00:00"
    assert sbh_clock.advance("1d2h").isoformat() == "2026-01-02T02:00:00+00:00"
    time.sleep(60)
    assert sbh_run("greet").fire_time.isoformat() == "2026-01-02T02:01:00+00:00"
    assert sbh_simulate("1d").start == sbh_clock.now
    assert sbh_run("greet", at="2026-05-01T06:00").fire_time.month == 5
    assert datetime.now().isoformat() == "2026-01-02T02:01:00"
    assert sbh_clock.move_to("2025-12-31T23:00").year == 2025
    assert repr(sbh_clock) == "<sbh_clock 2025-12-31T23:00:00+00:00>"
""")


def test_the_clock_in_the_zone_of_the_manifest(repository):
    """Naive times are wall-clock time of the plugin's zone, and a day across a clock change has 23 hours."""
    repository.plugin(GREET, **{"plugin.json": '{"slug": "g", "name": "G", "timezone": "Europe/Paris"}'})
    repository.tested("""
import pytest
from datetime import datetime

@pytest.mark.sbh_at("2026-03-28T12:00")
def test_it(sbh_clock):
    assert sbh_clock.now.isoformat() == "2026-03-28T12:00:00+01:00"
    assert sbh_clock.advance("1d").isoformat() == "2026-03-29T12:00:00+02:00"
    assert datetime.now().hour == 12
""")


@pytest.mark.parametrize(
    "end", ["pass", "raise KeyError", "import pytest; pytest.skip('enough')", "sbh_clock.move_to('x')"]
)
def test_the_clock_is_closed_after_any_end(greeter, end):
    """The next test sees the machine's time, however this one ended."""
    greeter.write(
        {
            "tests/test_it.py": f"""
from sbh_jobkit.clock import is_virtual

def test_a(sbh_clock):
    assert is_virtual()
    {end}

def test_b():
    assert not is_virtual()
"""
        }
    )
    result = greeter.run("-v", "--tb=no")
    result.stdout.fnmatch_lines(["tests/test_it.py::test_b PASSED*"])


def test_no_state_leaks(greeter):
    """Every test gets its own plugin and world, in any order."""
    greeter.tested(
        """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(sbh_world, sbh_run, sbh_plugin, number):
    names = sbh_plugin.jobs["greet"].function.__globals__
    assert "number" not in names
    names["number"] = number
    sbh_run("greet", at="2026-01-05T06:00")
    assert len(sbh_world.events) == 1
    assert sbh_world.db.count("users") == 1
    sbh_world.db.insert("users", {"name": "Grace"})
""",
        passed=6,
    )


def test_fixtures_can_be_overridden(greeter):
    """A conftest overrides a fixture as pytest allows, here with one that uses ours."""
    greeter.write(
        {
            "conftest.py": """
import pytest

@pytest.fixture
def sbh_world(sbh_world):
    sbh_world.db.insert("users", {"name": "Grace"})
    return sbh_world
"""
        }
    )
    greeter.tested("def test_it(sbh_run): assert sbh_run('greet').value['greeted'] == 2\n")


def test_hooks(greeter):
    """A conftest changes every world by a hook, before the markers do, and sees every run."""
    greeter.write(
        {
            "conftest.py": """
seen = []

def pytest_sbh_configure_world(world, plugin):
    world.db.insert("users", {"name": plugin.slug})

def pytest_sbh_run(run):
    seen.append(run)

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"seen: {[run.value['greeted'] for run in seen]}")
"""
        }
    )
    test = """
import pytest

def test_run(sbh_run):
    assert sbh_run("greet").value["greeted"] == 2

@pytest.mark.sbh_tables(users=[])
def test_marked(sbh_simulate):
    assert sbh_simulate("2d").ok
"""
    result = greeter.tested(test, "--sbh-simulate=3d", passed=3)
    result.stdout.fnmatch_lines(["seen: [[]2, 2, 2, 2, 0, 0[]]"])


def test_the_sdk_in_a_unit_test(greeter):
    """A test module imports the platform's SDK, without any host, and gets a working context."""
    greeter.tested("""
from src.ext.sdk import PluginContext

def test_it():
    ctx = PluginContext("acme")
    assert ctx.secrets.set("KEY", "value") and ctx.secrets.get("KEY") == "value"
    assert ctx.tenant_id == "acme" and ctx.files.list() == []
""")


PLACES = {
    "nearest": ("plugins/a/tests/test_it.py", "", "a", ()),
    "marker": ("tests/test_it.py", "@pytest.mark.sbh_plugin('../plugins/b')", "b", ()),
    "option": ("plugins/a/tests/test_it.py", "", "b", ("--sbh-plugin=plugins/b",)),
    "marker_over_option": (
        "tests/test_it.py",
        "@pytest.mark.sbh_plugin('../plugins/a')",
        "a",
        ("--sbh-plugin=plugins/b",),
    ),
    "ini": ("tests/test_it.py", "", "b", ("-c", "other.ini", "--rootdir=.")),
}


@pytest.mark.parametrize("case", PLACES)
def test_which_plugin(case, repository):
    """The marker's, else that of --sbh-plugin or the ini file, else the nearest above the test."""
    place, mark, slug, arguments = PLACES[case]
    for name in ("a", "b"):
        repository.plugin(GREET, f"plugins/{name}", name)
    test = f"import pytest\n\n{mark}\ndef test_it(sbh_plugin): assert sbh_plugin.slug == {slug!r}\n"
    repository.write({place: test, "other.ini": "[pytest]\nsbh_plugin = plugins/b\n"})
    repository.run(*arguments).assert_outcomes(passed=1)


def test_no_plugin(repository):
    """Without a plugin.json the error names the folders searched and what to do."""
    result = repository.tested("def test_it(sbh_plugin): ...", errors=1)
    start = next(number for number, line in enumerate(result.outlines) if "ERROR at" in line)
    assert result.outlines[start + 1].replace(str(repository.path), "ROOT") == (
        "sbh_plugin: no plugin.json in ROOT/tests or its parents up to ROOT; "
        "give the plugin with @pytest.mark.sbh_plugin(path) or --sbh-plugin"
    )


def test_a_bad_plugin(repository):
    """A plugin that cannot be loaded is reported with its own message."""
    repository.plugin(GREET, **{"plugin.json": '{"slug": "a b", "name": "P"}'})
    result = repository.tested("def test_it(sbh_plugin): ...", errors=1)
    result.stdout.fnmatch_lines(["*$.slug: 'a b' is not a slug; use only letters, digits, '-' and '_'"])


def test_a_typo_is_shown_at_the_line_of_the_test(greeter):
    """An unknown job is reported with the closest name, without frames of the kit."""
    result = greeter.tested("def test_it(sbh_run):\n    sbh_run('gret')\n", failed=1)
    shown = [line for line in result.outlines if line.startswith((">", "E ")) or line.endswith("Error")]
    assert shown == [
        ">       sbh_run('gret')",
        "E       sbh_jobkit.errors.UnknownJobError: the plugin has no job 'gret'; did you mean 'greet'?",
        "tests/test_it.py:2: UnknownJobError",
    ]


def test_what_waits_in_a_test_follows_the_clock(repository):
    """Under `sbh_clock` everything that waits moves it, also what the test's module has imported by name."""
    repository.tested(
        """
import asyncio, time
from time import sleep

def test_it(sbh_clock):
    before = time.perf_counter()
    sleep(10)
    asyncio.run(asyncio.sleep(20))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(30), 99))
    loop.close()
    assert sbh_clock.now.isoformat() == "2026-01-01T00:01:00+00:00"
    assert time.perf_counter() - before < 9

def test_real_again():
    before = time.perf_counter()
    sleep(.05)
    asyncio.run(asyncio.sleep(.05))
    assert .1 <= time.perf_counter() - before < 9
""",
        passed=2,
    )


def test_the_clock_alone_needs_no_plugin(repository):
    """Where no plugin.json is near, its zone is UTC; with one it is the plugin's."""
    repository.tested("""
def test_it(sbh_clock):
    assert sbh_clock.now.isoformat() == "2026-01-01T00:00:00+00:00"
""")
