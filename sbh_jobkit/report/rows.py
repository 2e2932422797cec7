"""The summary of a simulation by job, for the terminal's table and the HTML report alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.run.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.timeline import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job as a report names it."""

    name: str
    schedule: str | None = None
    """The cron expression; None where the job has none."""
    english: str | None = None
    """The schedule in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """What all runs of one job came to."""

    name: str
    schedule: str | None
    english: str | None
    runs: int
    ok: int
    failures: int
    """Runs that need a look: not `run.ok`."""
    expected: int
    """Runs that failed as their author said they would; they count as ok too."""
    first_failure: datetime | None
    duration: timedelta
    longest: timedelta
    http_calls: int
    emits: int
    faults: int
    """Faults seen, but for those that the author allowed."""


def job_lines(due: Iterable[Due]) -> list[JobLine]:
    """Name the jobs of a simulation."""
    return [
        JobLine(name=each.job.name, schedule=each.schedule.expression, english=each.schedule.describe()) for each in due
    ]


def summarise(jobs: Sequence[JobLine], runs: Iterable[Run]) -> list[JobSummary]:
    """Sum up the runs by job: the jobs in their order, then jobs that only the runs know."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for run in runs:
        tallies[run.job].add(run)
    known = {job.name for job in jobs}
    strangers = [JobLine(name=name) for name in tallies if name not in known]
    return [job_summary(job, tallies.get(job.name) or Tally()) for job in [*jobs, *strangers]]


def job_summary(job: JobLine, tally: Tally) -> JobSummary:
    """Put what was counted beside the job's name."""
    return JobSummary(
        name=job.name,
        schedule=job.schedule,
        english=job.english,
        runs=tally.runs,
        ok=tally.runs - tally.failures,
        failures=tally.failures,
        expected=tally.expected,
        first_failure=tally.first_failure,
        duration=tally.duration,
        longest=tally.longest,
        http_calls=tally.http_calls,
        emits=tally.emits,
        faults=tally.faults,
    )
