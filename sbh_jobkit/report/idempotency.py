"""What second runs did, by job: which jobs are idempotent, and what the others did again."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import time_with_zone, wrap_line
from sbh_jobkit.report.text import clip, count
from sbh_jobkit.simulation.idempotency import not_idempotent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.run import Run

_MOST_LINES = 6
_LONGEST_LINE = 200


def repeat_lines(runs: Sequence[Run], width: int | None = None) -> Iterator[str]:
    """Write what second runs did, by job; nothing if nothing ran twice."""
    total, found = repeated(runs), not_idempotent(runs)
    if found:
        yield "not idempotent; what the second runs did, after a fresh import:"
    for job, those in found.items():
        yield from wrap_line(
            f"{share(those, total[job])} of {job}, the first on {time_with_zone(those[0].fire_time)}", "  ", width
        )
        for line in example(those[0]):
            yield from wrap_line(line, "    ", width)
    if idempotent := [job for job in total if job not in found]:
        yield from wrap_line(f"idempotent: {', '.join(idempotent)}", width=width)


def repeated(runs: Sequence[Run]) -> Counter[str]:
    """Count the runs that were done twice, by job."""
    return Counter(run.job for run in runs if run.repeated is not None)


def share(those: Sequence[Run], total: int) -> str:
    """Write a share of the runs of a job, such as `3 of 20 runs`."""
    return f"{len(those):,} of {count(total, 'run')}"


def example(run: Run) -> list[str]:
    """Return the first lines of what a second run did, and how many more there are."""
    lines = list(run.repeated.lines()) if run.repeated is not None else []
    shown = [clip(line, _LONGEST_LINE).replace("\n", " ") for line in islice(lines, _MOST_LINES)]
    more = len(lines) - len(shown)
    return [*shown, f"… and {count(more, 'more line')}"] if more > 0 else shown
