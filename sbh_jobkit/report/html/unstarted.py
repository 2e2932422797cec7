"""Runs that are as they should be and still deserve a reason: expected failures, skipped and coalesced runs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import clip, count, safe, stamp
from sbh_jobkit.report.verdicts import SIGNS, glyph, sign_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.run.run import Run

_TITLES = {
    "expected": ("expected failure", "These runs failed as their author said they would."),
    "skipped": ("skipped run", "These runs were due and not started, by rule."),
    "coalesced": ("coalesced run", "These runs were due and folded into a later one."),
}
_MOST_TEXT = 300


def calm(runs: Sequence[Run]) -> str:
    """Write one closed section a kind: its runs by job and reason, with their number, first and last time."""
    kinds: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.ok:
            kinds[sign_of(run).verdict].append(run)
    return "".join(_kind(kind, kinds[kind]) for kind in _TITLES if kind in kinds)


def _kind(kind: str, runs: Sequence[Run]) -> str:
    noun, meaning = _TITLES[kind]
    groups: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.job, run.expected or run.reason or ""].append(run)
    rows = "".join(_row(job, reason, members) for (job, reason), members in groups.items())
    return (
        f'<details class="calm v-{kind}"><summary>{glyph(SIGNS[kind])}<strong>{count(len(runs), noun)}</strong>'
        f'</summary><div class="scroll" role="region" aria-label="{noun}s" tabindex="0"><table>'
        f"<caption><span>{meaning}</span></caption><thead>"
        '<tr><th scope="col">Job</th><th scope="col">Reason</th><th scope="col" class="n">Runs</th>'
        '<th scope="col">First</th><th scope="col">Last</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _row(job: str, reason: str, runs: Sequence[Run]) -> str:
    first = runs[0]
    error = f"<small>{safe(clip(first.summary, _MOST_TEXT))}</small>" if first.expected and first.summary else ""
    return (
        f'<tr><th scope="row">{safe(job)}</th><td>{safe(reason)}{error}</td><td class="n">{len(runs):,}</td>'
        f"<td>{stamp(first.fire_time)}</td><td>{stamp(runs[-1].fire_time)}</td></tr>"
    )
