"""Fixtures, each of function scope: a plugin, its world, and ways to run its jobs there.

pytest loads this module at every start, so it imports nothing of the kit until a fixture is used; but for the
kit's root, which makes `from src.ext.sdk import …` work in test modules.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sbh_jobkit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit import FakeContext, Plugin, Run, Simulation, World


@pytest.fixture
def sbh_plugin(request: pytest.FixtureRequest) -> Plugin:
    """Return the plugin under test: the nearest `plugin.json` in the test's folder or above it."""
    for folder in Path(request.path).parents:
        if (folder / "plugin.json").is_file():
            return sbh_jobkit.Plugin.load(folder)
        if folder == request.config.rootpath:
            break
    msg = f"sbh_plugin: no plugin.json in {Path(request.path).parent} or above it, up to {request.config.rootpath}"
    raise pytest.UsageError(msg)


@pytest.fixture
def sbh_world(sbh_plugin: Plugin) -> World:
    """Return a fresh fake tenant: as the plugin's `world.py` describes it at 2026-01-01T00:00, or empty."""
    from sbh_jobkit.times import START

    world = sbh_jobkit.World.of(sbh_plugin.root)
    world.begin(START, sbh_plugin.manifest.timezone, sbh_plugin)
    return world


@pytest.fixture
def sbh_ctx(sbh_plugin: Plugin, sbh_world: World) -> FakeContext:
    """Return what a job of the plugin is called with."""
    return sbh_world.context(sbh_plugin)


@pytest.fixture
def sbh_run(sbh_plugin: Plugin, sbh_world: World) -> Callable[..., Run]:
    """Return a function that runs a job in the world: `sbh_run("daily_cleanup", at="2026-01-01T02:00")`."""

    def run(job: str, *, at: str | None = None) -> Run:
        return sbh_jobkit.run_job(sbh_plugin.jobs[job], sbh_world, at=at)

    return run


@pytest.fixture
def sbh_simulate(sbh_plugin: Plugin, sbh_world: World) -> Callable[..., Simulation]:
    """Return a function that simulates the plugin in the world: `sbh_simulate("30d", start=…, tz=…, jobs=…)`."""

    def simulate(duration: str = "30d", **options: Any) -> Simulation:
        return sbh_jobkit.simulate(sbh_plugin, sbh_world, duration=duration, **options)

    return simulate
