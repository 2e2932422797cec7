"""The table by job.

Columns that are zero for every job and can be missed are left out. Beyond 200 jobs those without a lane in the
timeline are folded away, so that the failing runs stay in reach.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.report.html.timeline import choose_lanes
from sbh_jobkit.report.text import count, safe, stamp, took

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sbh_jobkit.report.rows import JobSummary

_COLUMNS: Mapping[str, Callable[[Sequence[JobSummary]], int | timedelta]] = {
    "Runs": lambda jobs: sum(job.runs for job in jobs),
    "Failures": lambda jobs: sum(job.failures for job in jobs),
    "Expected": lambda jobs: sum(job.expected for job in jobs),
    "Virtual duration": lambda jobs: sum((job.duration for job in jobs), timedelta(0)),
    "Longest": lambda jobs: max(job.longest for job in jobs),
    "HTTP calls": lambda jobs: sum(job.http_calls for job in jobs),
    "Emits": lambda jobs: sum(job.emits for job in jobs),
    "Faults": lambda jobs: sum(job.faults for job in jobs),
}
_ONLY_IF_ANY = {"Expected", "Longest", "Faults"}
_FIRST = "First failure"
_NUMBER = ' class="n"'


def job_table(summaries: Sequence[JobSummary], first_section: Mapping[str, int]) -> str:
    """Write a row a job and their sum; failures link to the job's first section."""
    if not summaries:
        return '<p class="note">There is no job.</p>'
    listed = choose_lanes(summaries)
    drawn = {job.name for job in listed}
    folded = [job for job in summaries if job.name not in drawn]
    shown = [name for name, of in _COLUMNS.items() if name not in _ONLY_IF_ANY or of(summaries)]
    shown.insert(shown.index("Failures") + 1, _FIRST)
    expected = " Expected runs failed as their author said they would; they are no failures."
    caption = f"{count(len(summaries), 'job')}.{expected if 'Expected' in shown else ''} Durations are virtual time."
    foot = f'<tfoot><tr><th scope="row">All jobs</th>{_cells(shown, summaries, "")}</tr></tfoot>'
    table = _table(caption, shown, "".join(_row(job, shown, first_section) for job in listed), foot)
    if not folded:
        return table
    name = count(len(folded), "more job")
    rest = _table(name, shown, "".join(_row(job, shown, first_section) for job in folded))
    return f'{table}<details class="calm"><summary>{name}</summary>{rest}</details>'


def _table(caption: str, shown: Sequence[str], rows: str, foot: str = "") -> str:
    head = "".join(f'<th scope="col"{"" if name == _FIRST else _NUMBER}>{name}</th>' for name in shown)
    return (
        '<div class="scroll" role="region" aria-label="Jobs" tabindex="0"><table class="jobs">'
        f"<caption><span>{caption}</span></caption>"
        f'<thead><tr><th scope="col">Job</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody>{foot}</table></div>"
    )


def _row(job: JobSummary, shown: Sequence[str], first_section: Mapping[str, int]) -> str:
    cron = f"<code>{safe(job.schedule)}</code>" if job.schedule else "no schedule"
    english = f" {safe(job.english)}" if job.english else ""
    first = stamp(job.first_failure) if job.first_failure else '<span class="none">none</span>'
    if job.first_failure and job.name in first_section:
        first = f'<a href="#run-{first_section[job.name]}">{first}</a>'
    bad = ' class="bad"' if job.failures else ""
    return (
        f'<tr{bad}><th scope="row">{safe(job.name)}<small>{cron}{english}</small></th>'
        f"{_cells(shown, [job], first)}</tr>"
    )


def _cells(shown: Sequence[str], jobs: Sequence[JobSummary], first: str) -> str:
    return "".join(f"<td>{first}</td>" if name == _FIRST else _cell(name, _COLUMNS[name](jobs)) for name in shown)


def _cell(name: str, number: int | timedelta) -> str:
    kind = ' class="n failures"' if name == "Failures" else _NUMBER
    text = f"{number:,}" if isinstance(number, int) else took(number)
    return f"<td{kind}>{text}</td>" if number else f'<td{kind}><span class="none">{text}</span></td>'
