"""Runs that are ok and still need a reason: expected failures, skipped and coalesced runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.template import render
from sbh_jobkit.report.verdicts import SIGNS
from sbh_jobkit.run.tally import group_exceptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.tally import RunGroup

_KINDS = {
    "expected": ("expected failure", "These runs failed, and the world says that they do."),
    "skipped": ("skipped run", "These runs were due, but a policy kept them from starting."),
    "coalesced": ("coalesced run", "These runs were due and were merged into a later run."),
}


def unstarted(runs: Sequence[Run]) -> Markup:
    """Write one folded section for each kind: its runs by job and reason, with their number, first and last time."""
    groups = group_exceptions(runs)
    kinds = {name: [group for group in groups if group.verdict == name] for name in _KINDS}
    return render("unstarted", kinds=[_kind(name, those) for name, those in kinds.items() if those])


def _kind(name: str, groups: Sequence[RunGroup]) -> dict[str, Any]:
    noun, meaning = _KINDS[name]
    return {
        "sign": SIGNS[name],
        "noun": noun,
        "meaning": meaning,
        "runs": sum(len(group.runs) for group in groups),
        "groups": [
            {
                "job": group.job,
                "reason": group.reason,
                "error": group.runs[0].summary if group.runs[0].expected else "",
                "runs": len(group.runs),
                "first": group.runs[0].fire_time,
                "last": group.runs[-1].fire_time,
            }
            for group in groups
        ],
    }
