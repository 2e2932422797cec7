"""What second runs did, by job: which jobs are safe to repeat, and what the others did again."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import folded, moment
from sbh_jobkit.report.text import clip, count, safe, stamp
from sbh_jobkit.simulation.idempotency import unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.run import Run

_MOST_LINES = 6
_LONGEST_LINE = 200


def repeat_lines(runs: Sequence[Run]) -> Iterator[str]:
    """Tell what second runs did, by job; nothing where nothing ran twice."""
    total, found = _repeated(runs), unsafe(runs)
    if found:
        yield "not safe to repeat, for what second runs did:"
    for job, those in found.items():
        yield from folded(f"{_share(those, total[job])} of {job}, the first on {moment(those[0].fire_time)}", "  ")
        for line in _example(those[0]):
            yield from folded(line, "    ")
    if fine := _fine(runs):
        yield from folded(f"safe to repeat: {', '.join(fine)}")


def repeats(runs: Sequence[Run]) -> str:
    """Write a section of a report with a row for each job that is not safe to repeat; nothing as above."""
    total, found, fine = _repeated(runs), unsafe(runs), _fine(runs)
    if not total:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{safe(job)}</th><td class="n">{_share(those, total[job])}</td>'
        f"<td>{stamp(those[0].fire_time)}</td><td><pre>{safe(chr(10).join(_example(those[0])))}</pre></td></tr>"
        for job, those in found.items()
    )
    table = (
        '<div class="calm scroll" role="region" aria-label="Second runs" tabindex="0"><table>'
        "<caption><span>Each run was done twice. These jobs are not safe to repeat: their second run changed or sent "
        'something.</span></caption><thead><tr><th scope="col">Job</th><th scope="col" class="n">Runs</th>'
        '<th scope="col">First</th><th scope="col">What its second run did</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    note = f'<p class="note">Safe to repeat: {safe(", ".join(fine))}.</p>' if fine else ""
    return (
        '<section id="repeats" aria-labelledby="repeats-head">\n<h2 id="repeats-head">Second runs</h2>\n'
        f"{table if found else ''}{note}\n</section>\n"
    )


def _repeated(runs: Sequence[Run]) -> Counter[str]:
    return Counter(run.job for run in runs if run.repeated is not None)


def _fine(runs: Sequence[Run]) -> list[str]:
    found = unsafe(runs)
    return [job for job in _repeated(runs) if job not in found]


def _share(those: Sequence[Run], total: int) -> str:
    return f"{len(those):,} of {count(total, 'run')}"


def _example(run: Run) -> list[str]:
    """Return the first lines of what a second run did, and how many more there are."""
    lines = list(run.repeated.lines()) if run.repeated is not None else []
    shown = [clip(line, _LONGEST_LINE).replace("\n", " ") for line in islice(lines, _MOST_LINES)]
    more = len(lines) - len(shown)
    return [*shown, f"… and {count(more, 'more line')}"] if more > 0 else shown
