"""The summary of a simulation by job, for the terminal's table and the HTML report alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sbh_jobkit.run import Run


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


def summarise(jobs: Sequence[JobLine], runs: Iterable[Run]) -> list[JobSummary]:
    """Sum up the runs by job: the jobs in their order, then jobs that only the runs know."""
    by_job: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    known = {job.name for job in jobs}
    strangers = [JobLine(name=name) for name in by_job if name not in known]
    return [_sum_up(job, by_job.get(job.name, [])) for job in [*jobs, *strangers]]


def _sum_up(job: JobLine, runs: Sequence[Run]) -> JobSummary:
    failing = [run.fire_time for run in runs if not run.ok]
    return JobSummary(
        name=job.name,
        schedule=job.schedule,
        english=job.english,
        runs=len(runs),
        ok=len(runs) - len(failing),
        failures=len(failing),
        expected=sum(run.verdict == "expected" for run in runs),
        first_failure=min(failing, default=None),
        duration=sum((run.duration for run in runs), timedelta(0)),
        longest=max((run.duration for run in runs), default=timedelta(0)),
        http_calls=sum(len(run.http_calls) for run in runs),
        emits=sum(len(run.events) for run in runs),
        faults=sum(not fault.allowed for run in runs for fault in run.faults),
    )
