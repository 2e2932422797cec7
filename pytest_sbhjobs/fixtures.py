"""Fixtures, each made anew for every test: a plugin, its world, a clock, and ways to run jobs there."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sbh_jobkit
from pytest_sbhjobs import markers
from pytest_sbhjobs.options import MANIFEST, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pytest_sbhjobs.clock import TestClock
    from pytest_sbhjobs.replay import Replay
    from sbh_jobkit import FakeContext, Plugin, Run, World


@pytest.fixture
def sbh_plugin(request: pytest.FixtureRequest) -> Plugin:
    """Return the plugin under test: of the marker or of --sbh-plugin, else the nearest `plugin.json` at or above it."""
    with _in_one_sentence():
        return sbh_jobkit.Plugin.load(_found(request))


@pytest.fixture
def sbh_world(request: pytest.FixtureRequest, sbh_plugin: Plugin) -> World:
    """Return a fresh fake tenant: as `world.py`, hooks and markers describe it at 2026-01-01T00:00, or at `sbh_at`."""
    item = request.node
    with _in_one_sentence():
        world = sbh_jobkit.World.of(sbh_plugin.root)
        target = markers.target(item)
        if target is not None:
            world.target = target
        world.begin(markers.beginning(item), sbh_plugin.manifest.timezone, sbh_plugin)
        item.ihook.pytest_sbh_configure_world(world=world, plugin=sbh_plugin)
        markers.furnish(item, world)
    return world


@pytest.fixture
def sbh_clock(request: pytest.FixtureRequest, sbh_world: World) -> Iterator[TestClock]:
    """Let the test see virtual time from 2026-01-01T00:00 or `sbh_at` on: `.now`, `.move_to(iso)`, `.advance("2h")`."""
    from pytest_sbhjobs.clock import TestClock

    with _in_one_sentence():
        clock = TestClock(markers.beginning(request.node), sbh_world.zone)
    with clock.opened():
        yield clock


@pytest.fixture
def sbh_ctx(request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World, sbh_clock: TestClock) -> FakeContext:
    """Return what a job of the plugin is called with, in the virtual time of `sbh_clock`."""
    del sbh_clock  # open while the test runs: a job that is called by hand sees the time that it would see in a run
    from pytest_sbhjobs import tracker as ledger

    journal = sbh_world.journal(sbh_plugin.root)
    ledger.of(request).calls.append(journal)
    sbh_world.install(sbh_plugin.jobs)
    return sbh_world.open(journal, sbh_plugin.manifest.permissions, sbh_world.zone)


@pytest.fixture
def sbh_run(request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World) -> Callable[..., Run]:
    """Return a function that runs a job in the world: `sbh_run("daily_cleanup", at="2026-01-01T02:00")`."""
    from pytest_sbhjobs import tracker as ledger

    book = ledger.of(request)

    @_without_our_frames
    def run(job: str, *, at: str | datetime | None = None) -> Run:
        moment = at if at is not None else _now(request.node)
        done = sbh_jobkit.run_job(sbh_plugin.jobs[job], sbh_world, at=moment)
        request.node.ihook.pytest_sbh_run(run=done)
        return book.watched(done)

    return run


@pytest.fixture
def sbh_simulate(request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World) -> Callable[..., Replay]:
    """Return a function that simulates the plugin in the world: `sbh_simulate("30d", start=…, tz=…, jobs=…)`."""
    from pytest_sbhjobs import tracker as ledger

    book = ledger.of(request)

    @_without_our_frames
    def simulate(duration: str = "30d", **options: Any) -> Replay:
        from pytest_sbhjobs.replay import Replay

        options.setdefault("start", _now(request.node))
        if "end" not in options:
            options["duration"] = duration
        simulation = sbh_jobkit.simulate(sbh_plugin, sbh_world, **options)
        for run in simulation.runs:
            request.node.ihook.pytest_sbh_run(run=run)
        runs = [book.watched(run, among_many=True) for run in simulation.runs]
        return Replay.of(simulation, runs, request.path.parent, update=request.config.stash[OPTIONS].update)

    return simulate


def _now(item: pytest.Item) -> str | datetime:
    """Return when something happens that the test gives no time: at the clock's now, or when the world begins."""
    from datetime import UTC

    from sbh_jobkit import clock

    return clock.now(UTC) if clock.is_virtual() else markers.beginning(item)


def _found(request: pytest.FixtureRequest) -> Path:
    named = markers.plugin_path(request.node) or request.config.stash[OPTIONS].plugin
    if named is not None:
        return named
    above, top = list(Path(request.path).parents), request.config.rootpath
    above = above[: above.index(top) + 1] if top in above else above
    found = next((folder for folder in above if (folder / MANIFEST).is_file()), None)
    if found is not None:
        return found
    msg = (
        f"sbh_plugin: no {MANIFEST} in {above[0]} or above it, up to {above[-1]}; "
        "name the plugin with @pytest.mark.sbh_plugin(path), or with --sbh-plugin"
    )
    raise sbh_jobkit.PluginError(msg)


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    """Fail with what a mistake of the user's says of itself: our frames say nothing to them."""
    try:
        yield
    except sbh_jobkit.JobkitError as error:
        pytest.fail(f"{error}", pytrace=False)


def _without_our_frames(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a user's mistake be shown at the line of the test that made it."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        try:
            return function(*args, **options)
        except sbh_jobkit.JobkitError as error:
            raise error.with_traceback(None) from None

    call.__qualname__ = f"sbh_{function.__name__}"  # as pytest shows it
    return call
