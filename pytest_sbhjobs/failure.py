"""Whether a job passed its simulation, and what is read where it did not: one screen, and the line to rerun it."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from pytest_sbhjobs.options import OPTIONS
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.rerun import command
from sbh_jobkit.report.terminal.runs import failing_run, folded, moment
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pytest

    from sbh_jobkit import Job, Run, Simulation

_MOST_SHOWN = 3


class JobFailedError(JobkitError):
    """A job with failing runs, told whole."""

    def __init__(self, headline: str, text: str, place: str | None) -> None:
        """Take the text, a line that sums it up, and the plugin's file:line where the first run went wrong."""
        self.headline = headline
        self.place = place
        super().__init__(text)


def judge(item: pytest.Item, job: Job, simulation: Simulation) -> None:
    """Write down what a job's runs came to; raises JobFailedError where one of them needs a look."""
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
        how_many = f"{len(failing):,} of {count(len(runs), 'run')} failed"
        again = rerun(item.config, item.path, simulation)(failing[0])
        lines = [f"{job.place}, {job.expression}: {how_many}", "", *_told(failing, again)]
        headline, place = f"{how_many}: {_cause(failing[0])}", next(_places(failing[0]), job.place)
        raise JobFailedError(headline, "\n".join(lines), place)


def unsimulated(error: JobkitError) -> JobFailedError:
    """Return the failure of a job whose plugin could not be simulated at all."""
    text = str(error)
    return JobFailedError(text, "\n".join(line for each in text.splitlines() for line in folded(each)), None)


def rerun(config: pytest.Config, path: Path, simulation: Simulation) -> Callable[[Run], str]:
    """Return what makes the command that repeats a run: pytest's own where a conftest changes the world."""
    asked = config.stash[OPTIONS]
    if config.hook.pytest_sbh_configure_world.get_hookimpls():
        file = os.path.relpath(path, config.invocation_params.dir)
        words = [f"--sbh-simulate={asked.duration}"]
        words += [f"--sbh-from={asked.start}"] if asked.start else []
        words += [f"--sbh-tz={asked.tz}"] if asked.tz else []
        return lambda run: shlex.join(["pytest", f"{file}::{run.job}", *words])
    words = ["--tz", asked.tz] if asked.tz else []
    return lambda run: command(simulation.plugin.source, simulation.start, run, *words)


def _told(failing: Sequence[Run], command: str) -> Iterator[str]:
    known: dict[str, str] = {}
    for run in failing[:_MOST_SHOWN]:
        when, *lines = failing_run(run)
        same = "\n".join(lines)
        yield when
        if same in known:
            yield f"    as at {known[same]}"
        else:
            known[same] = moment(run.fire_time)
            yield from lines
    if len(failing) > _MOST_SHOWN:
        yield f"… and {count(len(failing) - _MOST_SHOWN, 'more failing run')}, the last {moment(failing[-1].fire_time)}"
    yield ""
    yield f"rerun the first: {command}"


def _cause(run: Run) -> str:
    """Say in a line why a run failed, at its first fault where there are several."""
    if run.verdict == "unexpected_ok":
        return f"expected to fail ({run.expected}), and did not"
    faults = [fault.line for fault in run.faults if not fault.allowed]
    error = ": ".join(filter(None, (run.error.place, run.error.line))) if run.error else None
    causes: list[str | None] = [*faults] if run.verdict == "faulty" else [run.reason, error, *faults]
    first = next(filter(None, causes), run.verdict.replace("_", " "))
    return first.partition("\n")[0]


def _places(run: Run) -> Iterator[str]:
    found = [run.error.place if run.error else None, *(fault.place for fault in run.faults if not fault.allowed)]
    return filter(None, found)
