"""The first tests of a plugin: each job once, and the month. Each is tried before it is written.

What fails in the world of the notebook is written down as expected to fail, strictly: the day it is mended, its test
says so.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.world import World
from sbh_jobkit.project.code import layout
from sbh_jobkit.project.plugin import summary
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.simulator import DURATION, run_job, simulate

if TYPE_CHECKING:
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run

FILE = "tests/test_jobs.py"
_LONGEST_REASON = 200


def first_tests(plugin: Plugin) -> tuple[str, list[str]]:
    """Write the tests of a plugin that lies in a folder, and tell which jobs fail; raises WorldError for its world."""
    taken: set[str] = set()
    blocks: list[tuple[str, int]] = []
    told: list[str] = []
    for job in plugin.jobs.values():
        at = _first_due(job)
        run = run_job(job, _begun(plugin), at=at)
        if not run.ok:
            told.append(f"job {job.name!r} fails in the world of the notebook: {_reason(run)}")
        blocks.append((_one(job, at, _function(job.name, taken), run), 2))
    if any(job.expression for job in plugin.jobs.values()):
        failures = simulate(plugin, duration=DURATION).failures
        blocks.append((_month(failures), 2))
        if failures and not told:
            first = f"{failures[0].fire_time:%Y-%m-%d}: {_reason(failures[0])}"
            told.append(f"{len(failures)} of the runs within {DURATION} fail, the first on {first}")
    imports = "import pytest" if any(block.startswith("@pytest") for block, _ in blocks) else ""
    return layout.module(f"First tests of {plugin.manifest.name}, as exported.", imports, blocks), told


def _begun(plugin: Plugin) -> World:
    """Return the world that the fixture `sbh_world` gives."""
    world = World.of(plugin.root)
    world.begin(times.START, plugin.manifest.timezone)
    return world


def _first_due(job: Job) -> str:
    """Return when a job is due first from the start of a simulation, as its schedule's wall clock shows it."""
    schedule = job.schedule
    if schedule is None:
        return times.START
    start = times.instant(times.START, schedule.tz)
    due = schedule.next(start - timedelta(minutes=1))
    text = due.replace(tzinfo=None).isoformat(timespec="minutes")
    return text if times.instant(text, schedule.tz) == due else due.isoformat(timespec="minutes")


def _one(job: Job, at: str, name: str, run: Run) -> str:
    opening = layout.call("run = sbh_run", [layout.literal(job.name), f"at={layout.literal(at)}"], indent=4)
    says = layout.docstring(summary(job.function) or f"The job {job.name} runs.")
    body = f"def {name}(sbh_run):\n    {says}\n{opening}\n    assert run.ok, run.summary"
    return body if run.ok else f"{_expected_failure(run)}\n{body}"


def _month(failures: list[Run]) -> str:
    says = layout.docstring(f"Nothing fails in {DURATION} from {times.START.partition('T')[0]}.")
    body = f'def test_month(sbh_simulate):\n    {says}\n    assert sbh_simulate("{DURATION}").failures == []'
    return body if not failures else f"{_expected_failure(failures[0])}\n{body}"


def _expected_failure(run: Run) -> str:
    return layout.call("@pytest.mark.xfail", [f"reason={layout.literal(_reason(run))}", "strict=True"])


def _reason(run: Run) -> str:
    """Say in one line why a run needs a look: what was seen rather than what came of it."""
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
