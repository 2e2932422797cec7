"""Running a run again in the world that it met, with other code or other data; the plugin's files are not touched."""

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
from sbh_jobkit.simulation.simulator import run_job

if TYPE_CHECKING:
    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import Run

_DATA = "the data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What came of it, and in what the world that it left is not the one that the first run left."""

    run: Run
    difference: Difference


def source_of(job: Job) -> str:
    """Return the text that a job can be edited by: the plugin's entry, or the function of a cell; empty if unknown."""
    try:
        if job.root is not None:
            return (job.root / job.manifest.entry).read_text(encoding="utf-8")
        return inspect.getsource(job.function)
    except (OSError, TypeError):
        return ""


def again(
    run: Run,
    job: Job,
    *,
    code: str | None = None,
    data: str = "",
    tz: str | None = None,
    faults: FaultPlan | None = None,
) -> Rerun:
    """Run a job at the time of `run` in the world before it, with another text of its code, after lines of data."""
    if code is not None and code != source_of(job):
        job = edited(job, code)
    at = run.started_at or run.fire_time
    world: World = run.before.world()  # type: ignore[union-attr]  # the runs of a dashboard know their worlds
    change(world, data, at)
    second = run_job(job, world, at=at, tz=tz, faults=faults)
    return Rerun(run=second, difference=diff(run.after, second.after))  # type: ignore[arg-type]  # of a kept run


def edited(job: Job, code: str) -> Job:
    """Return the job as another text defines it; raises PluginError, with its line, for what is no such text."""
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


def change(world: World, lines: str, at: datetime) -> None:
    """Let lines of Python change a world at a virtual time; raises WorldError, with the line, for what fails."""
    names: dict[str, Any] = {"world": world, "now": at, "datetime": datetime, "timedelta": timedelta}
    try:
        code = compile(lines, _DATA, "exec")
        with VirtualClock(at, world.zone):
            exec(code, names)  # noqa: S102  their author's own code, as in a cell
    except SyntaxError as error:
        msg = f"{_DATA}, line {error.lineno}: SyntaxError: {error.msg}"
        raise WorldError(msg) from error
    except (Exception, SystemExit) as error:
        told = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == _DATA]
        text = world.redactor().text(f"{type(error).__name__}: {error}")
        msg = f"{_DATA}, line {told[-1] if told else 1}: {text}"
        raise WorldError(msg) from error
