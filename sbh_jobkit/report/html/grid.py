"""The lines behind a drawing over time: weekends, ticks with their labels, and clock changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.text import escape, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.report.axis import Axis

HEAD = 24
"""Pixels above the drawing, for the labels."""
FOOT = 4
"""Pixels below it."""


def grid(axis: Axis, total: int) -> Iterator[str]:
    """Draw the lines of an axis; `total` is the height in pixels, with head and foot."""
    for left, right in axis.weekends():
        yield (
            f'<rect class="weekend" x="{percent(left)}" y="{HEAD}" width="{percent(right - left)}"'
            f' height="{total - HEAD - FOOT}"/>'
        )
    for tick in axis.ticks():
        x = percent(tick.share)
        kind = "tick" if tick.label else "small tick"
        yield f'<line class="{kind}" x1="{x}" x2="{x}" y1="{4 if tick.label else HEAD - 4}" y2="{total - FOOT}"/>'
        if tick.label:
            yield f'<text class="when" x="{x}" y="14" dx="4">{tick.label}</text>'
    for change in axis.clock_changes():
        x = percent(change.share)
        yield (
            f'<line class="change" x1="{x}" x2="{x}" y1="{HEAD - 4}" y2="{total - FOOT}">'
            f"<title>Clocks change: {escape(format_time(change.at))}</title></line>"
        )


def percent(share: float) -> str:
    """Return a share of the width in percent."""
    return f"{share * 100:.3f}".rstrip("0").rstrip(".") + "%"
