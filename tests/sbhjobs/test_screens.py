"""What `pytest --sbh-simulate` shows, whole: the screens are in `tests/data/screens`, as a person sees them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

GREET = """\
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx):
    print("good morning")
    return {"status": "success"}
"""
CRASH = """\
import logging

from src.ext.sdk import job

@job("grumble", schedule="30 6 * * 1-5")
def grumble(ctx):
    print("one coffee, please")
    logging.warning("the machine is slow")
    return {}["coffee"]
"""
FAIL = """\
from src.ext.sdk import job

@job("deliver", schedule="0 7 * * *")
def deliver(ctx):
    \"\"\"Fail on the second day only.\"\"\"
    if ctx.check_memory_usage():
        return {"status": "success"}
    return {"status": "error", "error": "the van is full"}
"""
VAN = """\
from sbh_jobkit import every

@every("0 0 2 1 *")
def load(world, now):
    world.memory.use(95)

@every("0 0 3 1 *")
def unload(world, now):
    world.memory.use(5)
"""
SLOW = """\
import time
from src.ext.sdk import job

@job("wait", schedule="@daily")
def wait(ctx):
    time.sleep(3600)
"""
FAULT = """\
from src.ext.sdk import job

@job("fetch", schedule="0 6 * * *")
def fetch(ctx):
    try:
        key = ctx.secrets.get("API_KEY")
        return {"rows": ctx.http.get("https://api.example.com/data", headers={"X-Key": key})["json"]}
    except Exception:
        return {"rows": 0}
"""
CHATTY = CRASH.replace('print("one coffee, please")', 'print(*range(1, 31), sep="\\n")')
SELDOM = """\
from src.ext.sdk import job

@job("yearly", schedule="0 0 1 7 *")
def yearly(ctx): ...

@job("by_hand")
def by_hand(ctx): ...
"""
DOWN = """\
def setup(world):
    world.expect_failure("grumble", "2026-01-01", "2026-01-03", because="the machine is broken")
"""
DOWN_IN_VAIN = DOWN.replace("grumble", "greet")
BROKEN = "import pytest\n\n@pytest.fixture(autouse=True)\ndef broken(): raise OSError\n"
BAD_WORLD = "def setup(world):\n    world.db.insert('users', 7)\n"

ALONE = {
    "pass": (GREET, {}, ()),
    "crash": (CRASH, {}, ()),
    "chatty": (CHATTY, {}, ("--sbh-simulate=1d",)),
    "broken_fixture": (GREET, {"conftest.py": BROKEN}, ("--tb=line",)),
    "fail_once": (FAIL, {"world.py": VAN}, ()),
    "time_out": (SLOW, {}, ()),
    "fault": (FAULT, {}, ()),
    "seldom": (SELDOM, {}, ("-v", "-rs")),
    "expected": (CRASH, {"world.py": DOWN}, ("--sbh-simulate=2d",)),
    "unexpected_ok": (GREET, {"world.py": DOWN_IN_VAIN}, ()),
    "bad_world": (GREET + GREET.replace("greet", "wave"), {"world.py": BAD_WORLD}, ()),
    "bad_main": ("from src.ext.sdk import job\n\n@job('greet', schedule='0 6 * *')\ndef greet(ctx): ...\n", {}, ()),
    "bad_manifest": (GREET, {"plugin.json": '{"slug": "a b", "permissions": ["db.raed"]}'}, ()),
    "lost_job": (GREET, {"plugin.json": '{"slug": "g", "name": "G", "jobs": [{"name": "great"}]}'}, ("-Wdefault",)),
    "lost_job_error": (GREET, {"plugin.json": '{"slug": "g", "name": "G", "jobs": [{"name": "x"}]}'}, ("-Werror",)),
    "no_job": ("from src.ext.sdk import hook\n", {}, ("-Wdefault",)),
    "zone": (CRASH, {}, ("--sbh-tz=Europe/Paris", "--sbh-from=2026-03-27", "--sbh-simulate=1d")),
    "collect_only": (GREET, {}, ("--collect-only",)),
    "hook": (CRASH, {"conftest.py": "def pytest_sbh_configure_world(world): world.time_limit = 1\n"}, ()),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_plugin_alone(name, repository, kept):
    """Three days of a plugin of one or two files."""
    main, more, arguments = ALONE[name]
    repository.plugin(main, **more)
    kept(name, repository.screen("--sbh-simulate=3d", *arguments))


@pytest.fixture
def several(repository):
    """Return a repository with three plugins and a test."""
    repository.plugin(GREET, "plugins/hello", "hello")
    repository.plugin(CRASH, "plugins/coffee", "coffee")
    repository.plugin(FAULT, "plugins/data", "data")
    repository.write({"tests/test_it.py": "def test_it(): ...\n"})
    return repository


_OF_XDIST = ("nodes...", "[100%]", "generated xml")
SEVERAL = {
    "several": (),
    "several_verbose": ("-v", "--tb=no"),
    "several_k": ("-k", "greet or grumble", "--tb=no"),
    "several_x": ("-x", "--tb=no"),
    "several_one": ("plugins/coffee/plugin.json::grumble", "--tb=no"),
    "several_named": ("--sbh-plugin=plugins/hello",),
    "several_reports": ("--tb=no", "-q", "--sbh-report=build/report.html"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_plugins(name, several, kept):
    """Each plugin is simulated on its own, beside the other tests."""
    kept(name, several.screen("--sbh-simulate=3d", *SEVERAL[name]))


def test_one_simulation_for_all_jobs(repository):
    """Two jobs, one of them chosen or both: each run of the plugin happens once."""
    repository.plugin(GREET + GREET.replace("greet", "wave"))
    hook = "def pytest_sbh_run(run):\n    with open('runs.txt', 'a') as file: file.write(f'{run.job} ')\n"
    repository.write({"conftest.py": hook})
    repository.run("--sbh-simulate=2d").assert_outcomes(passed=2)
    repository.run("--sbh-simulate=2d", "-k", "wave").assert_outcomes(passed=1, deselected=1)
    assert (repository.path / "runs.txt").read_text() == 2 * "greet wave greet wave "


def test_a_hook_that_raises(repository):
    """An error or a failed assertion in a conftest's hook is shown once, as pytest shows it."""
    repository.plugin(GREET + GREET.replace("greet", "wave"))
    repository.write({"conftest.py": "def pytest_sbh_run(run):\n    assert run.job == 'greet'\n"})
    result = repository.run("--sbh-simulate=2d", "-Wdefault")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([">*assert run.job == 'greet'", "E*AssertionError: assert 'wave' == 'greet'*"])


def test_last_failed(several, kept):
    """After a failure --lf runs that job alone, and its plugin's whole simulation again."""
    several.screen("--sbh-simulate=3d", cache=True)
    kept("last_failed", several.screen("--sbh-simulate=3d", "--lf", "--tb=no", "-v", cache=True))


def test_two_processes(several, kept):
    """With -n 2 the workers simulate, and the screen, the report and JUnit's file are the controller's."""
    arguments = ("-p", "xdist.plugin", "-n", "2", "--tb=no", "-q", "--sbh-report=all.html", "--junitxml=junit.xml")
    lines = several.screen("--sbh-simulate=3d", *arguments).splitlines()
    shown = [line for line in lines if not any(word in line for word in _OF_XDIST)]
    kept("two_processes", "\n".join(sorted(shown)) + "\n")  # the order of the workers is random
    assert sorted(path.name for path in several.path.glob("*.html")) == [
        "all-coffee.html",
        "all-data.html",
        "all-hello.html",
    ]


def test_no_plugin(repository, kept):
    """`--sbh-simulate` without a plugin is an error; with -n 2, too."""
    repository.write({"test_it.py": "def test_it(): ...\n"})
    kept("no_plugin", repository.screen("--sbh-simulate=3d"))
    assert repository.run("--sbh-simulate=3d").ret == pytest.ExitCode.USAGE_ERROR
    assert repository.run("--sbh-simulate=3d", "-p", "xdist.plugin", "-n", "2").ret == pytest.ExitCode.USAGE_ERROR


def test_without_the_option(repository, kept):
    """Without `--sbh-simulate` a plugin.json given by path is skipped with a reason; others are not collected."""
    repository.plugin(GREET)
    kept("without_the_option", repository.screen("plugin.json", "-rs"))
    assert repository.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_junit(repository):
    """JUnit's file has a job's runs, failures and faults as properties, and its failure in one line."""
    repository.plugin(FAULT)
    repository.run("--sbh-simulate=3d", "--junitxml=junit.xml")
    (case,) = ET.parse(repository.path / "junit.xml").iter("testcase")  # noqa: S314  pytest's own file
    assert {each.get("name"): each.get("value") for each in case.iter("property")} == {
        "sbh_plugin": "greeter",
        "sbh_schedule": "0 6 * * *",
        "sbh_runs": "3",
        "sbh_failed": "3",
        "sbh_expected": "0",
        "sbh_skipped": "0",
        "sbh_faults": "3",
        "sbh_first_failure": "2026-01-01T06:00:00+00:00",
    }
    assert (case.get("classname"), case.get("name")) == ("plugin.json", "fetch")
    failure = "3 of 3 runs failed: main.py:6: secret 'API_KEY' is not set [secret-missing]"
    assert [each.get("message") for each in case.iter("failure")] == [failure]


def test_a_line_for_each_failure(repository):
    """`--tb=line` shows the plugin's file and line in the form that editors read."""
    repository.plugin(CRASH)
    lines = repository.screen("--sbh-simulate=1d", "--tb=line").splitlines()
    assert "ROOT/main.py:9: 1 of 1 run failed: main.py:9: KeyError: 'coffee'" in lines


def test_the_rerun_line_reruns_it(repository, monkeypatch):
    """The command in the output repeats the failing run."""
    from sbh_jobkit.cli.main import FAILED, main

    repository.plugin(FAULT)
    (line,) = [each for each in repository.run("--sbh-simulate=3d").outlines if each.startswith("rerun")]
    command = line.removeprefix("rerun the first: sbh-jobkit ").split()
    monkeypatch.chdir(repository.path)
    assert (main(command), command[:3]) == (FAILED, ["run", ".", "fetch"])
