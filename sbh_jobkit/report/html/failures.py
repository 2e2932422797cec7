"""The failing runs: which of them get a section, and how many others there are.

A simulation shows runs; a fleet shows groups of runs that failed in the same way, at any tenant. Every job's first
failure comes before any job's second, so that a job that fails often does not hide one that fails once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.html.run_details import RunDetails
from sbh_jobkit.report.template import macros
from sbh_jobkit.run.tally import failure_signature, group_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from sbh_jobkit.report.rows import FailingGroup
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.installed import InstalledJob

MOST_SECTIONS = 50
MOST_OF_A_JOB = 10


@dataclass(frozen=True, slots=True)
class Failures:
    """The failing runs of a report."""

    shown: dict[int, Run]
    """The runs with a section, by its number; in the order of jobs, then of time."""
    rest: dict[str, list[Run]]
    """The runs without a section, by job."""

    @property
    def first_section(self) -> dict[str, int]:
        """The number of each job's first section."""
        return {run.job: number for number, run in reversed(self.shown.items())}


def choose_runs(jobs: Sequence[InstalledJob], runs: Sequence[Run]) -> Failures:
    """Choose the failing runs that get a section: up to 10 of a job and 50 in all."""
    failing = sorted((run for run in runs if not run.ok), key=lambda run: run.fire_time.timestamp())
    nth: Counter[str] = Counter()
    ranked = []
    for place, run in enumerate(failing):
        ranked.append((nth[run.job], place))
        nth[run.job] += 1
    wanted = {place for rank, place in sorted(ranked)[:MOST_SECTIONS] if rank < MOST_OF_A_JOB}
    shown: defaultdict[str, list[Run]] = defaultdict(list)
    rest: defaultdict[str, list[Run]] = defaultdict(list)
    for place, run in enumerate(failing):
        (shown if place in wanted else rest)[run.job].append(run)
    ordered = [run for job in jobs for run in shown.get(job.name, ())]
    return Failures(
        shown=dict(enumerate(ordered, start=1)),
        rest={job.name: rest[job.name] for job in jobs if job.name in rest},
    )


def failing_runs(failures: Failures, rerun: Callable[[Run], str], *, expected: int = 0) -> Markup:
    """Write a section for each chosen run under its job's name, and name the runs that have none.

    A run that failed in the same way as an earlier one is folded, so that different failures are easy to see.
    """
    by_job: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    first = {group.signature: group.first for group in group_failures(failures.shown.values())}
    for number, run in failures.shown.items():
        folded = run is not first[failure_signature(run)]
        section = {"number": number, "details": RunDetails.from_run(run), "command": rerun(run), "folded": folded}
        by_job[run.job].append(section)
    jobs = [
        {"name": job, "runs": sections, "rest": _rest(failures.rest.get(job, []))} for job, sections in by_job.items()
    ]
    others = {job: len(runs) for job, runs in failures.rest.items() if job not in by_job}
    named = {"runs": sum(others.values()), "names": [f"{job} ({number:,})" for job, number in others.items()]}
    written: Markup = macros("failures").of_jobs(jobs, named, expected)
    return written


def _rest(runs: Sequence[Run]) -> dict[str, Any] | None:
    return {"runs": len(runs), "first": runs[0].fire_time, "last": runs[-1].fire_time} if runs else None


def choose_groups(groups: Sequence[FailingGroup]) -> dict[int, FailingGroup]:
    """Choose the groups of a fleet's failures that get a section: up to 50, in the order of plugins and jobs."""
    ranked = [
        (rank, place)
        for _, members in groupby(enumerate(groups), key=lambda item: item[1].job)
        for rank, (place, _) in enumerate(members)
    ]
    wanted = sorted(place for _, place in sorted(ranked)[:MOST_SECTIONS])
    return {number: groups[place] for number, place in enumerate(wanted, start=1)}


def failing_groups(
    shown: Mapping[int, FailingGroup], groups: Sequence[FailingGroup], rerun: Callable[[FailingGroup], str]
) -> Markup:
    """Write a section for each chosen group under its job's name, and name the jobs that have none."""
    by_job: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, group in shown.items():
        like = group.group
        by_job[group.job].append(
            {
                "number": number,
                "details": RunDetails.from_run(like.first),
                "command": rerun(group),
                "tenant": like.first.tenant,
                "count": like.count,
                "tenants": like.tenants,
                "last": like.last,
            }
        )
    jobs = [{"name": job, "groups": sections} for job, sections in by_job.items()]
    others = list(dict.fromkeys(group.job for group in groups if group.job not in by_job))
    written: Markup = macros("failures").of_fleet(jobs, others)
    return written
