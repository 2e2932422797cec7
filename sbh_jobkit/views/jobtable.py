"""The table by job.

Beyond 200 jobs those without a lane in the timeline are folded away, so that the failing runs stay in reach.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.views.timeline import choose_lanes
from sbh_jobkit.views.words import count, safe, stamp, took

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.views.rows import JobSummary

_COLUMNS = ("Runs", "Failures", "Expected", "Virtual duration", "Longest", "HTTP calls", "Emits", "Faults")


def job_table(summaries: Sequence[JobSummary], first_section: Mapping[str, int]) -> str:
    """Write a row a job and their sum; failures link to the job's first section."""
    if not summaries:
        return '<p class="note">There is no job.</p>'
    listed = choose_lanes(summaries)
    drawn = {job.name for job in listed}
    folded = [job for job in summaries if job.name not in drawn]
    caption = (
        f"{count(len(summaries), 'job')}. Expected runs failed as their author said they would; "
        "they are no failures. Durations are virtual time."
    )
    table = _table(caption, listed, first_section, f"<tfoot>{_total(summaries)}</tfoot>")
    if not folded:
        return table
    name = count(len(folded), "more job")
    return f'{table}<details class="calm"><summary>{name}</summary>{_table(name, folded, first_section)}</details>'


def _table(caption: str, jobs: Sequence[JobSummary], first_section: Mapping[str, int], foot: str = "") -> str:
    head = "".join(f'<th scope="col" class="n">{name}</th>' for name in _COLUMNS)
    rows = "".join(_row(job, first_section.get(job.name)) for job in jobs)
    return (
        '<div class="scroll" role="region" aria-label="Jobs" tabindex="0"><table class="jobs">'
        f"<caption><span>{caption}</span></caption>"
        f'<thead><tr><th scope="col">Job</th><th scope="col">First failure</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody>{foot}</table></div>"
    )


def _row(job: JobSummary, section: int | None) -> str:
    cron = f"<code>{safe(job.schedule)}</code>" if job.schedule else "no schedule"
    english = f" {safe(job.english)}" if job.english else ""
    first = stamp(job.first_failure) if job.first_failure else '<span class="none">none</span>'
    if section is not None and job.first_failure:
        first = f'<a href="#run-{section}">{first}</a>'
    bad = ' class="bad"' if job.failures else ""
    return (
        f'<tr{bad}><th scope="row">{safe(job.name)}<small>{cron}{english}</small></th><td>{first}</td>'
        f"{_numbers([job])}</tr>"
    )


def _total(summaries: Sequence[JobSummary]) -> str:
    return f'<tr><th scope="row">All jobs</th><td></td>{_numbers(summaries)}</tr>'


def _numbers(jobs: Sequence[JobSummary]) -> str:
    cells = (
        _number(sum(job.runs for job in jobs)),
        _number(sum(job.failures for job in jobs)),
        _number(sum(job.expected for job in jobs)),
        _time(sum((job.duration for job in jobs), timedelta(0))),
        _time(max(job.longest for job in jobs)),
        _number(sum(job.http_calls for job in jobs)),
        _number(sum(job.emits for job in jobs)),
        _number(sum(job.faults for job in jobs)),
    )
    return "".join(f'<td class="n{" failures" if place == 1 else ""}">{cell}</td>' for place, cell in enumerate(cells))


def _number(number: int) -> str:
    return f"{number:,}" if number else '<span class="none">0</span>'


def _time(length: timedelta) -> str:
    return took(length) if length else '<span class="none">0 s</span>'
