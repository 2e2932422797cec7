"""Fixtures, made for each test: a plugin, its world, a clock, and functions that run jobs."""

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
    from pytest_sbhjobs.snapshot import SnapshotSimulation
    from sbh_jobkit import FakeContext, Plugin, Run, World


@pytest.fixture
def sbh_plugin(request: pytest.FixtureRequest) -> Plugin:
    """Return the plugin under test: from the marker, from --sbh-plugin, or the nearest `plugin.json` above the test."""
    with _errors_as_text():
        return sbh_jobkit.Plugin.load(_find_plugin(request))


@pytest.fixture
def sbh_world(request: pytest.FixtureRequest, sbh_plugin: Plugin) -> World:
    """Return the test's fake tenant, set up by `world.py`, hooks and markers, at 2026-01-01T00:00 or at `sbh_at`."""
    item = request.node
    with _errors_as_text():
        world = sbh_jobkit.World.for_folder(sbh_plugin.root)
        target = markers.target(item)
        if target is not None:
            world.target = target
        world.begin(markers.start(item), sbh_plugin.manifest.timezone, sbh_plugin)
        item.ihook.pytest_sbh_configure_world(world=world, plugin=sbh_plugin)
        markers.apply(item, world)
    return world


@pytest.fixture
def sbh_clock(request: pytest.FixtureRequest) -> Iterator[TestClock]:
    """Show the test virtual time, from 2026-01-01T00:00 or `sbh_at`: `.now`, `.move_to(iso)`, `.advance("2h")`."""
    from pytest_sbhjobs.clock import TestClock
    from sbh_jobkit.clock import bind_sleep
    from sbh_jobkit.run.eventloop import VirtualLoops
    from sbh_jobkit.schedule import times

    has_plugin = "sbh_plugin" in request.fixturenames or _plugin_path(request) is not None
    zone = request.getfixturevalue("sbh_world").zone if has_plugin else times.zone("UTC")
    with _errors_as_text():
        clock = TestClock(markers.start(request.node), zone)
    bind_sleep(getattr(request.node, "module", request.node).__dict__)
    with clock.virtual, VirtualLoops(clock.virtual):
        yield clock


@pytest.fixture
def sbh_ctx(
    request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World, sbh_clock: TestClock
) -> Iterator[FakeContext]:
    """Return a `ctx` to call jobs and functions of the plugin with, in the virtual time of `sbh_clock`."""
    del sbh_clock  # needed only so that it runs: a job that the test calls itself sees virtual time, as in a run
    from pytest_sbhjobs.tracker import tracker_for
    from sbh_jobkit.context import kept

    recorder = sbh_world.recorder(sbh_plugin.root)
    tracker_for(request).recorders.append(recorder)
    sbh_world.install(sbh_plugin.jobs)
    context = sbh_world.open(recorder, sbh_plugin.manifest.permissions, sbh_world.zone)
    kept.begin(context)
    yield context
    kept.end(context)


@pytest.fixture
def sbh_run(request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World) -> Callable[..., Run]:
    """Return a function that runs a job in the world: `sbh_run("daily_cleanup", at="2026-01-01T02:00")`."""
    from pytest_sbhjobs.tracker import tracker_for

    tracker = tracker_for(request)

    @_raise_at_call
    def run(job: str, *, at: str | datetime | None = None) -> Run:
        time = at if at is not None else _default_time(request.node)
        done = sbh_jobkit.run_job(sbh_plugin.jobs[job], sbh_world, at=time)
        request.node.ihook.pytest_sbh_run(run=done)
        return tracker.track(done)

    return run


@pytest.fixture
def sbh_simulate(
    request: pytest.FixtureRequest, sbh_plugin: Plugin, sbh_world: World
) -> Callable[..., SnapshotSimulation]:
    """Return a function that simulates the plugin in the world: `sbh_simulate("30d", start=…, tz=…, jobs=…)`.

    A second simulation from the same start begins in a copy of the world as the first has met it; `plugin` is another
    plugin to simulate there.
    """
    from pytest_sbhjobs.tracker import tracker_for

    tracker, met = tracker_for(request), dict[str, Any]()

    @_raise_at_call
    def simulate(duration: str = "30d", *, plugin: Plugin | str | Path | None = None, **options: Any) -> Any:
        from pytest_sbhjobs.snapshot import SnapshotSimulation

        options.setdefault("start", _default_time(request.node))
        if "end" not in options:
            options["duration"] = duration
        key = str(options["start"])
        world = sbh_world if key not in met else sbh_world.at(met[key])
        met.setdefault(key, sbh_world.snapshot())
        simulation = sbh_jobkit.simulate(plugin if plugin is not None else sbh_plugin, world, **options)
        for run in simulation.runs:
            request.node.ihook.pytest_sbh_run(run=run)
        runs = [tracker.track(run, in_simulation=True) for run in simulation.runs]
        update = request.config.stash[OPTIONS].update
        return SnapshotSimulation.from_simulation(simulation, runs, request.path.parent, update=update)

    return simulate


def _default_time(item: pytest.Item) -> str | datetime:
    """Return the time of `sbh_clock` if the test uses it, else the time when its world starts."""
    from datetime import UTC

    from sbh_jobkit import clock

    return clock.now(UTC) if clock.is_virtual() else markers.start(item)


def _plugin_path(request: pytest.FixtureRequest) -> Path | None:
    named = markers.plugin_path(request.node) or request.config.stash[OPTIONS].plugin
    if named is not None:
        return named
    return next((folder for folder in _folders(request) if (folder / MANIFEST).is_file()), None)


def _folders(request: pytest.FixtureRequest) -> list[Path]:
    """Return the test's folder and those above it, up to the session's."""
    folders, top = list(Path(request.path).parents), request.config.rootpath
    return folders[: folders.index(top) + 1] if top in folders else folders


def _find_plugin(request: pytest.FixtureRequest) -> Path:
    found = _plugin_path(request)
    if found is not None:
        return found
    folders = _folders(request)
    msg = (
        f"sbh_plugin: no {MANIFEST} in {folders[0]} or its parents up to {folders[-1]}; "
        "give the plugin with @pytest.mark.sbh_plugin(path) or --sbh-plugin"
    )
    raise sbh_jobkit.PluginError(msg)


@contextmanager
def _errors_as_text() -> Iterator[None]:
    """Fail with the message of an error alone: a traceback of the kit's code would not help the user."""
    try:
        yield
    except sbh_jobkit.JobkitError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _raise_at_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show an error at the line of the test that called the function, without frames of the kit."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        try:
            return function(*args, **options)
        except sbh_jobkit.JobkitError as error:
            raise error.with_traceback(None) from None

    call.__qualname__ = f"sbh_{function.__name__}"  # the name that pytest shows
    return call
