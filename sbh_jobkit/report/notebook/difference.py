"""What changed in a world, as a notebook shows it: a table with a colour and a sign for what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.fakes.diff import counted
from sbh_jobkit.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.fakes.diff import Change, Difference

_MOST = 50
"""As many changes of one table are shown."""
_SIGNS = {"added": ("+", "#1a7f37"), "changed": ("~", "#9a6700"), "removed": ("-", "#cf222e")}
_CELL = "text-align:left;vertical-align:top;padding:1px 8px 1px 0;border:0;background:none"


text = repr
"""It is written for terminals already."""


def html(difference: Difference) -> str:
    """Write it as nested, foldable tables; no script, no style sheet, nothing to load."""
    sections = list(difference.sections())
    if not sections:
        return "<p>no difference</p>"
    return "".join(section(name, changes) for name, changes in sections)


def section(name: str, changes: Sequence[Change], *, unfolded: bool = True) -> str:
    """Write what changed in one table, or in one kind of things."""
    rows = "".join(map(_row, changes[:_MOST]))
    left_out = len(changes) - _MOST
    more = f"<p>and {left_out:,} more</p>" if left_out > 0 else ""
    return (
        f"<details{' open' if unfolded else ''}><summary><strong>{safe(name)}</strong>: {counted(changes)}</summary>"
        f'<table style="border-collapse:collapse;margin:2px 0 6px 1em"><tbody>{rows}</tbody></table>{more}</details>'
    )


def _row(change: Change) -> str:
    sign, colour = _SIGNS[change.action]
    details = "<br>".join(map(safe, change.details))
    return (
        f'<tr><td style="{_CELL};color:{colour};font-weight:bold" title="{change.action}">{sign}</td>'
        f'<td style="{_CELL}"><code>{safe(change.name)}</code></td><td style="{_CELL}">{details}</td></tr>'
    )
