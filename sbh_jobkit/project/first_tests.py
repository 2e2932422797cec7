"""Write the first tests of a plugin: one for each job, and one for a month. Each is run before it is written.

A test that fails in the notebook's world is marked as a strict xfail, so that it reports when the job is fixed.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.world import World
from sbh_jobkit.project.code import layout
from sbh_jobkit.project.plugin import summary
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import DURATION
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import simulate

if TYPE_CHECKING:
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run

FILE = "tests/test_jobs.py"
_LONGEST_REASON = 200


def make_tests(plugin: Plugin) -> tuple[str, list[str]]:
    """Return the tests of a plugin in a folder, and a note for each job that fails; raises WorldError for its world."""
    taken: set[str] = set()
    blocks: list[tuple[str, int]] = []
    notes: list[str] = []
    for job in plugin.jobs.values():
        at = _first_due(job)
        run = run_job(job, _started_world(plugin), at=at)
        if not run.ok:
            notes.append(f"job {job.name!r} fails in the notebook's world: {_reason(run)}")
        blocks.append((_one(job, at, _function(job.name, taken), run), 2))
    if any(job.expression for job in plugin.jobs.values()):
        failures = simulate(plugin, duration=DURATION).failures
        blocks.append((_month(failures), 2))
        if failures and not notes:
            first = f"{failures[0].fire_time:%Y-%m-%d}: {_reason(failures[0])}"
            count = "1 run fails" if len(failures) == 1 else f"{len(failures)} runs fail"
            notes.append(f"{count} within {DURATION}, the first on {first}")
    imports = "import pytest" if any(block.startswith("@pytest") for block, _ in blocks) else ""
    return layout.module(f"First tests of {plugin.manifest.name}, as exported.", imports, blocks), notes


def _started_world(plugin: Plugin) -> World:
    """Return the same world as the fixture `sbh_world`."""
    world = World.for_folder(plugin.root)
    world.begin(times.START, plugin.manifest.timezone)
    return world


def _first_due(job: Job) -> str:
    """Return the first fire time of a job from the start of a simulation, as local time of its schedule."""
    schedule = job.schedule
    if schedule is None:
        return times.START
    start = times.instant(times.START, schedule.tz)
    due = schedule.next(start - timedelta(minutes=1))
    text = due.replace(tzinfo=None).isoformat(timespec="minutes")
    return text if times.instant(text, schedule.tz) == due else due.isoformat(timespec="minutes")


def _one(job: Job, at: str, name: str, run: Run) -> str:
    opening = layout.call("run = sbh_run", [layout.literal(job.name), f"at={layout.literal(at)}"], indent=4)
    docstring = layout.docstring(summary(job.function) or f"The job {job.name} runs.")
    body = f"def {name}(sbh_run):\n    {docstring}\n{opening}\n    assert run.ok, run.summary"
    return body if run.ok else f"{_expected_failure(run)}\n{body}"


def _month(failures: list[Run]) -> str:
    docstring = layout.docstring(f"Nothing fails in {DURATION} from {times.START.partition('T')[0]}.")
    body = f'def test_month(sbh_simulate):\n    {docstring}\n    assert sbh_simulate("{DURATION}").failures == []'
    return body if not failures else f"{_expected_failure(failures[0])}\n{body}"


def _expected_failure(run: Run) -> str:
    return layout.call("@pytest.mark.xfail", [f"reason={layout.literal(_reason(run))}", "strict=True"])


def _reason(run: Run) -> str:
    """Return in one line why a run failed: the first fault if there is one, otherwise the error."""
    seen = [fault.line for fault in run.faults if not fault.allowed]
    text = next(iter([*seen, *([run.error.line] if run.error else [])]), run.summary) or run.verdict
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _function(name: str, taken: set[str]) -> str:
    """Return a name for a job's test that no other test has."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "job"
    candidates = [f"test_{word}", *(f"test_{word}_{number}" for number in range(2, len(taken) + 3))]
    found = next(candidate for candidate in candidates if candidate not in {*taken, "test_month"})
    taken.add(found)
    return found
