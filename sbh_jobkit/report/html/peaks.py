"""The chart of peaks: how many runs start in each minute of a range, and the busiest minutes with their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from sbh_jobkit.report.html.grid import FOOT, HEAD, grid, percent
from sbh_jobkit.report.rows import job_names
from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import count, escape, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sbh_jobkit.report.axis import Axis
    from sbh_jobkit.simulation.concurrency import BusyMinute, Concurrency

_HIGH = 180
"""The height of the busiest minute, in pixels."""
_FINEST = 720
"""The maximum number of bars; in a longer range each bar is the busiest of several minutes."""
_ROUND = (1, 2, 5)


def peak_chart(pileup: Concurrency, peaks: Sequence[BusyMinute], axis: Axis, at: Callable[[int], datetime]) -> Markup:
    """Draw the minutes as bars, and list the peaks; `at` converts a minute since 1970 to a time."""
    if not peaks:
        return Markup("<p>No run started, so no minute is busier than another.</p>")
    first = int(axis.start.timestamp() // 60)
    size = max(1, -(-int(axis.span.total_seconds()) // 60))
    width = min(size, _FINEST)
    bars = [0] * width
    for place, runs in enumerate(pileup.runs, start=pileup.first - first):
        bar = min(width - 1, place * width // size)  # a run that waited past the end is drawn at the edge
        bars[bar] = max(bars[bar], runs)
    top = _ceiling(pileup.most)
    total = HEAD + _HIGH + FOOT
    lines = "".join(grid(axis, total))
    label = f"Runs started in each minute, {pileup.most:,} at most"
    scale = "".join(_level(runs, top) for runs in sorted({top, top // 2} - {0}))
    marks = "".join(_mark(number, peak, (peak.minute - first) / size, top, at) for number, peak in enumerate(peaks, 1))
    drawing = Markup(  # noqa: S704  our own drawing
        f'<svg class="plot peaks" height="{total}" role="group" aria-label="{label}">{lines}{scale}'
        f'<svg y="{HEAD}" width="100%" height="{_HIGH}" viewBox="0 0 {width} {top}" preserveAspectRatio="none"'
        f' aria-hidden="true"><path class="bars" d="{_outline(bars, top)}"/></svg>{marks}</svg>'
    )
    rows = [
        {
            "at": at(peak.minute),
            "runs": peak.runs,
            "names": job_names(peak),
            "others": peak.minutes - 1,
            "last": at(peak.last),
        }
        for peak in peaks
    ]
    return render("peaks", drawing=drawing, minutes_a_bar=round(size / width, 3), peaks=rows)


def _ceiling(most: int) -> int:
    """Return the next round number: 1, 2 or 5 with zeros."""
    zeros = int("1".ljust(len(str(most)), "0"))
    return next(step * zeros for step in (*_ROUND, 10) if step * zeros >= most)


def _outline(bars: Sequence[int], top: int) -> str:
    """Draw the bars as one shape; equal bars side by side are one step."""
    steps, before = [f"M0 {top}"], 0
    for place, runs in enumerate(bars):
        if runs != before:
            steps.append(f"H{place}V{top - runs}")
            before = runs
    return "".join([*steps, f"H{len(bars)}V{top}z"])


def _level(runs: int, top: int) -> str:
    y = HEAD + round(_HIGH * (1 - runs / top))
    return (
        f'<line class="rule" x2="100%" y1="{y}" y2="{y}"/>'
        f'<text class="when level" x="100%" y="{y + 13}" dx="-4">{runs:,}</text>'
    )


def _mark(number: int, peak: BusyMinute, share: float, top: int, at: Callable[[int], datetime]) -> str:
    label = f"{escape(format_time(at(peak.minute)))}: {count(peak.runs, 'run')}"
    y = HEAD + round(_HIGH * (1 - peak.runs / top))
    return (
        f'<svg class="pin" x="{percent(min(1.0, share))}" y="{y}" overflow="visible">'
        f'<a href="#minute-{number}" aria-label="{label}"><title>{label}</title>'
        '<rect class="hit" x="-7" y="-14" width="14" height="14" rx="3"/>'
        '<path class="full" d="M-4-9H4L0-2z"/></a></svg>'
    )
