"""What pytest loads: `--sbh-simulate`, fixtures, markers and hooks.

pytest loads this module and the fixtures at every start, so both import modules of the kit only when they are used.
The one exception is the package `sbh_jobkit` itself, which makes `from src.ext.sdk import …` work in test modules.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import sbh_jobkit  # noqa: F401  see above
from pytest_sbhjobs import hooks, markers, options

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytest_plugins = ("pytest_sbhjobs.fixtures",)
_TRACKER = "pytest_sbhjobs.tracker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the ini settings."""
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks that a `conftest.py` may define."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options; the modules that simulate are loaded only if `--sbh-simulate` or `--sbh-to` is given."""
    for line in markers.LINES:
        config.addinivalue_line("markers", line)
    given = config.stash[options.OPTIONS] = options.read(config)
    if config.getoption("usepdb", default=False):
        from pytest_sbhjobs.debugger import Debugger

        config.pluginmanager.register(Debugger(), "sbhjobs-debugger")
    if given.simulates:
        from pytest_sbhjobs.reporter import Reporter

        options.add_paths(config, given)
        config.pluginmanager.register(Reporter(config), "sbhjobs-reporter")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect plugins: every one found if `--sbh-simulate` is given, else only one whose path was given."""
    given = parent.config.stash[options.OPTIONS]
    named = not given.simulates and file_path.name == options.MANIFEST and parent.session.isinitpath(file_path)
    if not named and not given.wants(file_path):
        return None
    from pytest_sbhjobs.collection import PluginFile

    collector: pytest.Collector = PluginFile.from_parent(parent, path=file_path)
    return collector


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Raise an error, with file and line, for a test whose markers are wrong."""
    found = yield
    for item in found if isinstance(found, list) else ():
        markers.check(item, collector)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that did not check a failed run; show the runs of a test that failed itself."""
    try:
        result = yield
    except BaseException:
        if _TRACKER in sys.modules:  # else no test has used a fixture that runs jobs
            sys.modules[_TRACKER].add_report_section(item)
        raise
    if _TRACKER in sys.modules:
        sys.modules[_TRACKER].fail_if_unchecked(item)
    return result


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain how two runs, or two lists of runs, events or HTTP calls, differ."""
    if "sbh_jobkit.run.run" not in sys.modules:
        return None
    from pytest_sbhjobs.assertrepr import compare

    return compare(op, left, right)
