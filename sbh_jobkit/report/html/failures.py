"""The failing runs: which of them get a section, and what is said of the rest.

Every job's first failure comes before any job's second, so that one loud job does not hide a quiet one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.report.html.failing_run import section
from sbh_jobkit.report.text import count, safe, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.report.rows import JobSummary
    from sbh_jobkit.run.run import Run

MOST_SECTIONS = 50
MOST_OF_A_JOB = 10
_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Failures:
    """The failing runs of a report."""

    shown: dict[int, Run]
    """Those with a section, by its number; in the order of jobs, then of time."""
    rest: dict[str, list[Run]]
    """Those without, by job."""

    @property
    def first_section(self) -> dict[str, int]:
        """The number of each job's first section."""
        return {run.job: number for number, run in reversed(self.shown.items())}


def choose(summaries: Sequence[JobSummary], runs: Sequence[Run]) -> Failures:
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
    ordered = [run for job in summaries for run in shown.get(job.name, ())]
    return Failures(
        shown=dict(enumerate(ordered, start=1)),
        rest={job.name: rest[job.name] for job in summaries if job.name in rest},
    )


def sections(failures: Failures, rerun: Callable[[Run], str], *, expected: int = 0) -> str:
    """Write a section for each chosen run under its job's name, and name the runs that have none.

    One that fails as an earlier one of its job is folded, so that what differs stands out.
    """
    if not failures.shown:
        return f'<p class="note">No run failed{_apart(expected)}.</p>'
    by_job: defaultdict[str, list[str]] = defaultdict(list)
    seen: set[tuple[str, str, str]] = set()
    for number, run in failures.shown.items():
        like = (run.job, run.verdict, run.summary)
        by_job[run.job].append(section(number, run, rerun(run), folded=like in seen))
        seen.add(like)
    parts = [
        f"<h3>{safe(job)}</h3>{''.join(written)}{_more(failures.rest.get(job, []))}" for job, written in by_job.items()
    ]
    return "".join(parts) + _others([job for job in failures.rest if job not in by_job], failures)


def _apart(expected: int) -> str:
    if not expected:
        return ""
    return f", apart from the {'one that was' if expected == 1 else f'{expected:,} that were'} expected to"


def _more(rest: Sequence[Run]) -> str:
    if not rest:
        return ""
    first, last = stamp(rest[0].fire_time), stamp(rest[-1].fire_time)
    when = f"at {first}" if len(rest) == 1 else f"from {first} to {last}"
    return f'<p class="more">and {len(rest):,} more of this job, {when}.</p>'


def _others(jobs: Sequence[str], failures: Failures) -> str:
    if not jobs:
        return ""
    number = sum(len(failures.rest[job]) for job in jobs)
    named = ", ".join(f"{safe(job)} ({len(failures.rest[job]):,})" for job in jobs[:_MOST_NAMED])
    more = f" and {len(jobs) - _MOST_NAMED:,} more jobs, all in the table above" if len(jobs) > _MOST_NAMED else ""
    return (
        f'<p class="more">{count(number, "failing run")} of {count(len(jobs), "further job")} '
        f"without a section here: {named}{more}.</p>"
    )
