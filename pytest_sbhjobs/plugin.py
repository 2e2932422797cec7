"""Where pytest meets the kit: `--sbh-simulate`, fixtures, markers and hooks.

pytest loads this module at every start, and the fixtures with it, so neither imports anything of the kit until it
is needed; but for the kit's root, which makes `from src.ext.sdk import …` work in test modules.
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
_LEDGER = "pytest_sbhjobs.tracker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the options and the ini settings."""
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer our own hooks."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Read what was asked for; what simulates is loaded only then."""
    for line in markers.LINES:
        config.addinivalue_line("markers", line)
    asked = config.stash[options.OPTIONS] = options.read(config)
    if asked.duration is not None:
        from pytest_sbhjobs.reporter import Reporter

        options.add_paths(config, asked)
        config.pluginmanager.register(Reporter(config), "sbhjobs-screen")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the jobs of a plugin: of each that is found when simulating, else of one that was named."""
    asked = parent.config.stash[options.OPTIONS]
    named = asked.duration is None and file_path.name == options.MANIFEST and parent.session.isinitpath(file_path)
    if not named and not asked.wants(file_path):
        return None
    from pytest_sbhjobs.collection import PluginFile

    collector: pytest.Collector = PluginFile.from_parent(parent, path=file_path)
    return collector


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Refuse a test whose markers are wrong, where they stand."""
    found = yield
    for item in found if isinstance(found, list) else ():
        markers.check(item, collector)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passed although what it ran did not; show a failing one what it ran."""
    try:
        result = yield
    except BaseException:
        if _LEDGER in sys.modules:  # else no test has run anything yet
            sys.modules[_LEDGER].tell(item)
        raise
    if _LEDGER in sys.modules:
        sys.modules[_LEDGER].settle(item)
    return result


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say how runs, events, HTTP calls and the like differ."""
    if "sbh_jobkit.run.run" not in sys.modules:
        return None
    from pytest_sbhjobs.assertrepr import compare

    return compare(op, left, right)
