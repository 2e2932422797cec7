"""The pytest plugin, in repositories of plugins."""

from __future__ import annotations

import pytest

PLUGIN = {
    "plugin.json": '{"slug": "greeter", "name": "Greeter"}',
    "main.py": """\
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx):
    names = [user["name"] for user in ctx.db.query("users")]
    ctx.emit("greeted", {"names": names})
    return {"status": "success", "greeted": len(names)}
""",
    "world.py": "def setup(world): world.db.insert('users', {'name': 'Ada'})\n",
}


@pytest.fixture
def repository(pytester):
    """Stand in a repository that holds a plugin."""
    for name, text in PLUGIN.items():
        (pytester.path / name).write_text(text)
    return pytester


def passed(repository, test, count=1, *arguments):
    """Write a test module, run it in a process of its own, and expect that so many tests pass."""
    folder = repository.path / "tests"
    folder.mkdir(exist_ok=True)
    (folder / "test_it.py").write_text(test)
    result = repository.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(passed=count)


def test_a_job_runs(repository):
    """`sbh_run` runs a job of the plugin above the test, in the world that world.py describes."""
    passed(
        repository,
        """
def test_it(sbh_run, sbh_world):
    run = sbh_run("greet", at="2026-01-05T06:00")
    assert run.ok and run.value == {"status": "success", "greeted": 1}
    assert [event.payload for event in sbh_world.events] == [{"names": ["Ada"]}]
    assert run.fire_time.isoformat() == "2026-01-05T06:00:00+00:00"
""",
    )


def test_the_world_can_be_changed(repository):
    """What world.py set up is there from the start of a test, to look at and to change before the run."""
    passed(
        repository,
        """
def test_it(sbh_run, sbh_world):
    assert sbh_world.db.rows("users") == [{"id": 1, "name": "Ada"}]
    sbh_world.db.delete("users")
    assert sbh_run("greet", at="2026-01-05T06:00").value["greeted"] == 0
""",
    )


def test_a_failure_is_told_in_a_line(repository):
    """Pytest shows what came of a run where a test that looks at it fails."""
    test = "def test_it(sbh_plugin, sbh_run):\n    assert sbh_run('greet', at='2026-01-05T06:00').value is None\n"
    (repository.path / "test_it.py").write_text(test)
    result = repository.runpytest_subprocess("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["E * where * = <Run greet 2026-01-05 06:00 UTC: ok>.value"])


def test_a_month(repository):
    """`sbh_simulate` replays a range."""
    passed(
        repository,
        """
def test_it(sbh_simulate):
    month = sbh_simulate("10d", start="2026-03-01", tz="Europe/Paris")
    assert month.ok and len(month.runs) == 10
""",
    )


def test_a_context(repository):
    """`sbh_ctx` calls a function of the plugin without a run."""
    passed(
        repository,
        """
def test_it(sbh_ctx, sbh_plugin, sbh_world):
    sbh_world.db.insert("users", {"name": "Grace"})
    assert sbh_plugin.jobs["greet"].function(sbh_ctx) == {"status": "success", "greeted": 2}
""",
    )


def test_no_state_leaks(repository):
    """Every test gets a world of its own, also in another order and in several processes."""
    test = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(sbh_world, sbh_run, number):
    sbh_run("greet", at="2026-01-05T06:00")
    assert len(sbh_world.events) == 1
    assert sbh_world.db.count("users") == 1
    sbh_world.db.insert("users", {"name": "Grace"})
"""
    passed(repository, test, 6)
    passed(repository, test, 6, "-n", "2")


def test_fixtures_can_be_overridden(repository):
    """A conftest makes its own world, in pytest's way."""
    (repository.path / "conftest.py").write_text(
        """
import pytest
from sbh_jobkit import World

@pytest.fixture
def sbh_world():
    world = World("umbrella")
    world.db.insert("users", [{"name": "Ada"}, {"name": "Grace"}])
    return world
"""
    )
    passed(repository, "def test_it(sbh_run): assert sbh_run('greet').value['greeted'] == 2\n")


def test_the_sdk_in_a_unit_test(repository):
    """A test module imports the platform's SDK, without any host, and gets a working context."""
    passed(
        repository,
        """
from src.ext.sdk import PluginContext

def test_it():
    ctx = PluginContext("acme")
    assert ctx.secrets.set("KEY", "value") and ctx.secrets.get("KEY") == "value"
    assert ctx.tenant_id == "acme" and ctx.files.list() == []
""",
    )


def test_no_plugin(pytester):
    """Without a plugin.json the fixture says where it looked."""
    pytester.makepyfile("def test_it(sbh_plugin): ...")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*sbh_plugin: no plugin.json in {pytester.path} or above it, up to {pytester.path}*"])


def test_a_bad_plugin(repository):
    """A plugin that cannot be loaded is told in its own words."""
    (repository.path / "plugin.json").write_text('{"slug": "a b", "name": "P"}')
    (repository.path / "test_it.py").write_text("def test_it(sbh_plugin): ...")
    result = repository.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*$.slug: 'a b' may have letters, digits, '-' and '_' only"])
