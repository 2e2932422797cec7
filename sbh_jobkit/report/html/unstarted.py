"""Runs that are ok and still need a reason: expected failures, skipped and coalesced runs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.template import render
from sbh_jobkit.report.verdicts import SIGNS, sign_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from sbh_jobkit.run.run import Run

_KINDS = {
    "expected": ("expected failure", "These runs failed, and the world says that they do."),
    "skipped": ("skipped run", "These runs were due, but a policy kept them from starting."),
    "coalesced": ("coalesced run", "These runs were due and were merged into a later run."),
}


def unstarted(runs: Sequence[Run]) -> Markup:
    """Write one folded section for each kind: its runs by job and reason, with their number, first and last time."""
    kinds: defaultdict[str, defaultdict[tuple[str, str], list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.ok:
            kinds[sign_of(run).verdict][run.job, run.expected or run.reason or ""].append(run)
    return render("unstarted", kinds=[_kind(name, kinds[name]) for name in _KINDS if name in kinds])


def _kind(name: str, groups: Mapping[tuple[str, str], Sequence[Run]]) -> dict[str, Any]:
    noun, meaning = _KINDS[name]
    return {
        "sign": SIGNS[name],
        "noun": noun,
        "meaning": meaning,
        "runs": sum(map(len, groups.values())),
        "groups": [
            {
                "job": job,
                "reason": reason,
                "error": runs[0].summary if runs[0].expected else "",
                "runs": len(runs),
                "first": runs[0].fire_time,
                "last": runs[-1].fire_time,
            }
            for (job, reason), runs in groups.items()
        ],
    }
