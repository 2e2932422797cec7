"""Whether the test of a job passes, and the failure text: the failing runs and a command that repeats the first."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from pytest_sbhjobs.options import OPTIONS
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.rerun import command
from sbh_jobkit.report.terminal.observations import observation_lines
from sbh_jobkit.report.terminal.runs import failing_run_lines, time_with_zone, wrap_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pytest

    from sbh_jobkit import Job, Run, Simulation

_MOST_SHOWN = 3


class JobFailedError(JobkitError):
    """A job has failing runs, or its plugin could not be simulated."""

    def __init__(self, headline: str, text: str, place: str | None, first: Run | None = None) -> None:
        """Take the full text, a summary in one line, where in the plugin the first run failed, and that run."""
        self.headline = headline
        self.place = place
        self.first = first
        super().__init__(text)


def check_runs(item: pytest.Item, job: Job, simulation: Simulation) -> None:
    """Store the counts of a job's runs as properties of its test; raises JobFailedError if a run is not ok."""
    runs = [run for run in simulation.runs if run.job == job.name]
    failing = [run for run in runs if not run.ok]
    item.user_properties += [
        ("sbh_plugin", simulation.plugin.slug),
        ("sbh_schedule", job.expression),
        ("sbh_runs", len(runs)),
        ("sbh_failed", len(failing)),
        ("sbh_expected", sum(run.verdict == "expected" for run in runs)),
        ("sbh_skipped", sum(run.verdict == "skipped" for run in runs)),
        ("sbh_faults", sum(not fault.allowed for run in runs for fault in run.faults)),
    ]
    if failing:
        item.user_properties.append(("sbh_first_failure", failing[0].fire_time.isoformat()))
        summary = f"{len(failing):,} of {count(len(runs), 'run')} failed"
        command_line = rerun(item.config, item.path, simulation)(failing[0])
        lines = [f"{job.place}, {job.expression}: {summary}", "", *_format_runs(failing, command_line)]
        headline, place = f"{summary}: {_cause(failing[0])}", next(_places(failing[0]), job.place)
        raise JobFailedError(headline, "\n".join(lines), place, failing[0])


def check_observations(job: Job, simulation: Simulation) -> None:
    """Raise JobFailedError if observations were made of a job, or by the first job's test of the whole plugin."""
    first = next(iter(simulation.due)).job.name
    found = [each for each in simulation.unmeant if each.job == job.name or (each.job is None and job.name == first)]
    if found:
        summary = f"{count(len(found), 'observation')} (strict): {found[0].line}"
        text = "\n".join([f"{job.place}:", *observation_lines(found)])
        raise JobFailedError(summary, text, found[0].place or job.place)


def simulation_failure(error: JobkitError) -> JobFailedError:
    """Return the failure of a job whose plugin could not be simulated."""
    text = str(error)
    return JobFailedError(text, "\n".join(line for each in text.splitlines() for line in wrap_line(each)), None)


def rerun(config: pytest.Config, path: Path, simulation: Simulation) -> Callable[[Run], str]:
    """Return a function from a run to the command that repeats it.

    It is a pytest command if a conftest changes the world, which `sbh-jobkit run` would not do.
    """
    options = config.stash[OPTIONS]
    if config.hook.pytest_sbh_configure_world.get_hookimpls():
        file = os.path.relpath(path, config.invocation_params.dir)
        arguments = [f"--sbh-simulate={options.duration}" if options.duration else f"--sbh-to={options.end}"]
        arguments += [f"--sbh-from={options.start}"] if options.start else []
        arguments += [f"--sbh-tz={options.tz}"] if options.tz else []
        return lambda run: shlex.join(["pytest", f"{file}::{run.job}", *arguments])
    arguments = ["--tz", options.tz] if options.tz else []
    return lambda run: command(simulation.plugin.source, simulation.start, run, *arguments)


def _format_runs(failing: Sequence[Run], command_line: str) -> Iterator[str]:
    first_times: dict[str, str] = {}
    for run in failing[:_MOST_SHOWN]:
        when, *lines = failing_run_lines(run)
        text = "\n".join(lines)
        yield when
        if text in first_times:
            yield f"    same as {first_times[text]}"
        else:
            first_times[text] = time_with_zone(run.fire_time)
            yield from lines
    if len(failing) > _MOST_SHOWN:
        last = time_with_zone(failing[-1].fire_time)
        yield f"… and {count(len(failing) - _MOST_SHOWN, 'more failing run')}, the last {last}"
    yield ""
    yield f"rerun the first: {command_line}"


def _cause(run: Run) -> str:
    """Return why a run failed, in one line: the first fault if there are several."""
    if run.verdict == "unexpected_ok":
        return f"expected to fail ({run.expected}), but did not"
    faults = [fault.line for fault in run.faults if not fault.allowed]
    error = ": ".join(filter(None, (run.error.place, run.error.line))) if run.error else None
    causes: list[str | None] = [*faults] if run.verdict == "faulty" else [run.reason, error, *faults]
    first = next(filter(None, causes), run.verdict.replace("_", " "))
    return first.partition("\n")[0]


def _places(run: Run) -> Iterator[str]:
    found = [run.error.place if run.error else None, *(fault.place for fault in run.faults if not fault.allowed)]
    return filter(None, found)
