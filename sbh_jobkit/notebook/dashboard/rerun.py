"""Repeating a run in the world before it, with other code or other data; no file of the plugin changes."""

from __future__ import annotations

import inspect
import linecache
import traceback
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import PluginError, WorldError
from sbh_jobkit.fakes.diff import Difference, diff
from sbh_jobkit.plugin.places import explain
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.once import run_job

if TYPE_CHECKING:
    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import Run

_DATA = "the data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """The repeated run, and how the world after it differs from the world after the first run."""

    run: Run
    difference: Difference


def source_of(job: Job) -> str:
    """Return the code of a job for editing: the plugin's entry file, or the function of a cell; empty if unknown."""
    try:
        if job.root is not None:
            return (job.root / job.manifest.entry).read_text(encoding="utf-8")
        return inspect.getsource(job.function)
    except (OSError, TypeError):
        return ""


def rerun(
    run: Run,
    job: Job,
    *,
    code: str | None = None,
    data: str = "",
    tz: str | None = None,
    faults: FaultPlan | None = None,
) -> Rerun:
    """Run a job at the time of `run` in the world before it, with edited code, after `data` has changed that world."""
    if code is not None and code != source_of(job):
        job = edit_job(job, code)
    at = run.started_at or run.fire_time
    world: World = run.before.world()  # type: ignore[union-attr]  # every run of a dashboard has its worlds
    change_world(world, data, at)
    second = run_job(job, world, at=at, tz=tz, faults=faults)
    return Rerun(run=second, difference=diff(run.after, second.after))  # type: ignore[call-overload]  # the same


def edit_job(job: Job, code: str) -> Job:
    """Return the job that the edited code defines; raises PluginError, with the line, for code that does not load."""
    plugin: Plugin = job.peers.plugin
    if job.root is not None:
        return plugin.edited(code).jobs[job.name]
    name = f"{(job.place or 'the cell').rpartition(':')[0]} (edited)"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)  # for tracebacks
    own = getattr(inspect.unwrap(job.function), "__globals__", {})
    names = {key: value for key, value in own.items() if value is not job.function}
    try:
        exec(compile(code, name, "exec"), names)  # noqa: S102  its author's own code, as in a cell
    except (Exception, SystemExit) as error:
        raise PluginError(explain(error, None, name)) from error
    return Plugin.load(names, manifest=replace(job.manifest, jobs=None)).jobs[job.name]


def change_world(world: World, lines: str, at: datetime) -> None:
    """Run lines of Python that change a world, at a virtual time; raises WorldError, with the line, if they fail."""
    names: dict[str, Any] = {"world": world, "now": at, "datetime": datetime, "timedelta": timedelta}
    try:
        code = compile(lines, _DATA, "exec")
        with VirtualClock(at, world.zone):
            exec(code, names)  # noqa: S102  their author's own code, as in a cell
    except SyntaxError as error:
        msg = f"{_DATA}, line {error.lineno}: SyntaxError: {error.msg}"
        raise WorldError(msg) from error
    except (Exception, SystemExit) as error:
        line_numbers = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == _DATA]
        text = world.redactor().text(f"{type(error).__name__}: {error}")
        msg = f"{_DATA}, line {line_numbers[-1] if line_numbers else 1}: {text}"
        raise WorldError(msg) from error
