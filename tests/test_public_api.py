"""What users import: a sorted list, held against what is there, and nothing heavy before it is used."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sbh_jobkit
from sbh_jobkit.errors import JobkitError

ROOT = Path(__file__).resolve().parent.parent

NAMES = [
    "Budget",
    "Comparison",
    "Crash",
    "Difference",
    "Effect",
    "Errors",
    "Event",
    "FakeContext",
    "Fault",
    "FaultPlan",
    "Fire",
    "Fleet",
    "FleetSimulation",
    "HttpCall",
    "Installation",
    "Interrupted",
    "Job",
    "JobkitError",
    "Latency",
    "ManifestError",
    "Outage",
    "Outcome",
    "PermissionDenied",
    "Plugin",
    "PluginError",
    "Policy",
    "Preview",
    "RateLimit",
    "Run",
    "Schedule",
    "ScheduleError",
    "SchedulerCrash",
    "SchedulerDown",
    "Simulation",
    "Simulator",
    "Slow",
    "Snapshot",
    "StorageFull",
    "Usage",
    "World",
    "__version__",
    "diff",
    "every",
    "hookimpl",
    "run_job",
    "simulate",
]

OPTIONAL = {"pandas", "numpy", "IPython", "ipywidgets", "apscheduler", "sqlalchemy", "procrastinate"}
HEAVY = OPTIONAL | {"httpx", "respx", "croniter", "time_machine", "rich", "asyncio", "pluggy", "jinja2"}

COSTS = [
    ("import sbh_jobkit", HEAVY),
    ("import pytest_sbhjobs", HEAVY),
    ("from sbh_jobkit import Schedule; Schedule('@daily')", HEAVY - {"croniter"}),
    ("from sbh_jobkit import World; World()", HEAVY - {"asyncio"}),
    ("from sbh_jobkit import *", HEAVY - {"asyncio", "pluggy"}),
    ("import sbh_jobkit; from src.ext.sdk import PluginContext, job; PluginContext('t')", HEAVY - {"asyncio"}),
    (
        "from sbh_jobkit import Plugin, run_job; run_job(Plugin.load({'j': JOB}).jobs['j'])",
        HEAVY - {"asyncio", "time_machine", "pluggy"},  # time_machine loads pytest, where there is one
    ),
]


def loaded(code):
    """Return the names of the packages that code loads in a process of its own."""
    before = "import sys; JOB = type('J', (), {'__call__': lambda self, ctx: 1})(); vars(JOB).update("
    before += "_plugin_job_type='job', _plugin_job_name='j', _plugin_job_schedule=None); start = set(sys.modules)"
    after = "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - start}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{code}\n{after}"],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_the_list_is_what_users_are_promised():
    """Taking a name away breaks somebody's code, so it is written down twice."""
    assert sbh_jobkit.__all__ == NAMES


def test_the_list_is_sorted():
    """So that a name stands where one looks for it."""
    assert sbh_jobkit.__all__ == sorted(sbh_jobkit.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_resolves_to_what_it_says(name):
    """A class or a function of the kit under its own name; the marker of hooks is pluggy's."""
    value = getattr(sbh_jobkit, name)
    if name == "hookimpl":
        assert (value.project_name, type(value).__module__.partition(".")[0]) == ("sbh_jobkit", "pluggy")
    elif name != "__version__":
        assert (value.__qualname__, value.__module__.partition(".")[0]) == (name, "sbh_jobkit")
    assert bool(getattr(value, "__doc__", None))


def test_dir_lists_what_can_be_imported():
    """Completion in a notebook shows the promised names."""
    assert dir(sbh_jobkit) == NAMES


def test_all_of_it_can_be_imported_at_once():
    """`from sbh_jobkit import *` gives the list and nothing else."""
    found = {}
    exec("from sbh_jobkit import *", found)  # noqa: S102  an import of this kind is allowed at module level only
    assert sorted(set(found) - {"__builtins__"}) == NAMES


def test_a_name_that_is_not_there_is_an_attribute_error():
    """As of any module, so that `hasattr` and completion work."""
    with pytest.raises(AttributeError) as caught:
        _ = sbh_jobkit.Simulate
    assert str(caught.value) == "module 'sbh_jobkit' has no attribute 'Simulate'"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("Error", "Denied"))])
def test_every_error_is_a_jobkit_error(name):
    """One `except JobkitError` catches whatever a user got wrong."""
    assert issubclass(getattr(sbh_jobkit, name), JobkitError)


@pytest.mark.parametrize(("code", "unwanted"), COSTS, ids=[code for code, _ in COSTS])
def test_nothing_heavy_is_loaded_before_it_is_used(code, unwanted):
    """Importing the kit, and starting pytest with it, costs next to nothing."""
    if "pytest_sbhjobs" in code and not list((ROOT / "pytest_sbhjobs").glob("*.py")):
        pytest.skip("pytest_sbhjobs has no module yet")
    assert loaded(code) & unwanted == set()


def test_the_kit_reaches_for_itself_and_the_standard_library_only():
    """Before anything is used."""
    assert loaded("import sbh_jobkit") - sys.stdlib_module_names == {"sbh_jobkit"}


def test_the_typing_file_uses_every_name():
    """What users annotate with is what mypy checked."""
    tree = ast.parse((ROOT / "tests" / "typing" / "api.py").read_text(encoding="utf-8"))
    imported = [
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "sbh_jobkit"
        for name in node.names
    ]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert sorted(imported) == NAMES
    assert sorted(set(NAMES) - used) == []
