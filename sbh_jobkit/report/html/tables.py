"""The tables by job and by plugin, and the table of second runs.

Some columns are left out if they are zero for every job. Beyond 200 jobs, those without a track in the
timeline are folded, and plugins beyond 100, so that the failing runs stay near the top.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.html.timeline import choose_tracks
from sbh_jobkit.report.idempotency import example, repeated, share
from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import count
from sbh_jobkit.report.unreached import heading, source_lines, unreached_lines
from sbh_jobkit.simulation.idempotency import not_idempotent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from sbh_jobkit.report.rows import PluginRow
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.installed import InstalledJob
    from sbh_jobkit.simulation.unreached import UnreachedLines

_JOB_COLUMNS: Mapping[str, Callable[[Sequence[InstalledJob]], int | timedelta]] = {
    "Runs": lambda jobs: sum(job.tally.runs for job in jobs),
    "Failures": lambda jobs: sum(job.tally.failures for job in jobs),
    "Expected": lambda jobs: sum(job.tally.expected for job in jobs),
    "Virtual duration": lambda jobs: sum((job.tally.duration for job in jobs), timedelta(0)),
    "Longest": lambda jobs: max(job.tally.longest for job in jobs),
    "HTTP calls": lambda jobs: sum(job.tally.http_calls for job in jobs),
    "Emits": lambda jobs: sum(job.tally.emits for job in jobs),
    "Faults": lambda jobs: sum(job.tally.faults for job in jobs),
}
_ONLY_IF_ANY = {"Expected", "Longest", "Faults"}
_PLUGIN_COLUMNS: Mapping[str, Callable[[PluginRow], int]] = {
    "Tenants": lambda row: row.tenants,
    "Jobs": lambda row: row.jobs,
    "Runs": lambda row: row.runs,
    "Failures": lambda row: row.failures,
    "Expected": lambda row: row.expected,
    "HTTP calls": lambda row: row.http_calls,
    "Emits": lambda row: row.emits,
}
_MOST_PLUGINS = 100
_MOST_FUNCTIONS = 200
_EXPECTED = " Expected failures do not count as failures."


def job_table(summaries: Sequence[InstalledJob], first_section: Mapping[str, int]) -> Markup:
    """Write a row for each job, and the totals; failures link to the job's first section."""
    drawn = choose_tracks(summaries)
    names = {job.name for job in drawn}
    total = _amounts(summaries) if summaries else {}
    columns: dict[str, bool] = {}
    for name, value in total.items():
        if value or name not in _ONLY_IF_ANY:
            columns[name] = True
        if name == "Failures":
            columns["First failure"] = False
    caption = f"{count(len(summaries), 'job')}.{_EXPECTED if 'Expected' in columns else ''} Durations are virtual time."
    return render(
        "jobs",
        head={"Job": False, **columns},
        columns=columns,
        caption=caption,
        listed=[_job_row(job, first_section) for job in drawn],
        folded=[_job_row(job, first_section) for job in summaries if job.name not in names],
        total=total,
    )


def _job_row(job: InstalledJob, first_section: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": job.name,
        "schedule": job.schedule,
        "english": job.english,
        "bad": job.tally.failures,
        "amounts": _amounts([job]),
        "first_failure": job.tally.first_failure,
        "section": first_section.get(job.name),
    }


def _amounts(jobs: Sequence[InstalledJob]) -> dict[str, int | timedelta]:
    return {name: amount(jobs) for name, amount in _JOB_COLUMNS.items()}


def plugin_table(rows: Sequence[PluginRow], first_section: Mapping[str, int]) -> Markup:
    """Write a row for each plugin, and the totals; failures link to the plugin's first section."""
    plugins = [
        {
            "label": row.label,
            "path": row.path,
            "bad": row.failures,
            "amounts": {name: amount(row) for name, amount in _PLUGIN_COLUMNS.items()},
            "busiest": row.busiest,
            "section": first_section.get(row.path),
        }
        for row in rows
    ]
    return render(
        "plugins",
        head={"Plugin": False, **dict.fromkeys(_PLUGIN_COLUMNS, True), "Busiest minute": False},
        caption=f"{count(len(rows), 'plugin')}.{_EXPECTED}",
        listed=plugins[:_MOST_PLUGINS],
        folded=plugins[_MOST_PLUGINS:],
        total=[sum(map(amount, rows)) for name, amount in _PLUGIN_COLUMNS.items() if name != "Tenants"],
    )


def unreached(found: Mapping[str, Sequence[UnreachedLines]]) -> Markup | str:
    """Write a section of a report with the lines that no run reached, by function; empty if there are none."""
    rows = [
        {"plugin": name if len(found) > 1 else "", "heading": heading(each), "source": "\n".join(source_lines(each))}
        for name, functions in found.items()
        for each in functions
    ]
    if not rows:
        return ""
    caption = " ".join(unreached_lines(found, whole=False)).partition(";")[0]
    return render("unreached", caption=f"{caption}.", rows=rows[:_MOST_FUNCTIONS], more=len(rows) - _MOST_FUNCTIONS)


def second_runs(runs: Sequence[Run]) -> Markup | str:
    """Write a section of a report with a row for each job that is not idempotent; empty if nothing ran twice."""
    total, found = repeated(runs), not_idempotent(runs)
    if not total:
        return ""
    jobs = [
        {
            "name": job,
            "share": share(those, total[job]),
            "first": those[0].fire_time,
            "example": example(those[0]),
        }
        for job, those in found.items()
    ]
    return render("second_runs", jobs=jobs, idempotent=[job for job in total if job not in found])
