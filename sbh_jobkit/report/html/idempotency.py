"""What second runs did, as a section of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.idempotency import example, repeated, share
from sbh_jobkit.report.template import render
from sbh_jobkit.simulation.idempotency import unsafe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from sbh_jobkit.run.run import Run


def repeats(runs: Sequence[Run]) -> Markup | str:
    """Write a section of a report with a row for each job that is not safe to repeat; empty if nothing ran twice."""
    total, found = repeated(runs), unsafe(runs)
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
