"""The heat map: how many fire times are due in each hour of the week, and the minute in which most runs start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sbh_jobkit.report.template import macros
from sbh_jobkit.report.text import DAYS, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.report.axis import Axis
    from sbh_jobkit.run.run import Run

_LEVELS = 7
_CONTRAST = 2
"""Half of the maximum takes a quarter of the shades: an even load stays pale, and a peak is easy to see."""
_STEP = timedelta(minutes=15)
_WHOLE = 10


def heatmap(runs: Sequence[Run], axis: Axis) -> Markup:
    """Name the busiest minute, and show the hours of the week as a table of shades."""
    if not runs:
        return Markup("<p>No run was due, so no hour is busier than another.</p>")
    shades = _Shades.from_runs(runs, axis)
    week = {name: [shades.hour(day, hour) for hour in range(24)] for day, name in enumerate(DAYS)}
    written: Markup = macros("heatmap").heatmap(_busiest(runs, axis), week)
    return written


def busiest_minute(runs: Sequence[Run], axis: Axis) -> Markup:
    """Name the minute in which most runs start, and their jobs."""
    written: Markup = macros("heatmap").busiest_minute(_busiest(runs, axis))
    return written


def _busiest(runs: Sequence[Run], axis: Axis) -> dict[str, Any]:
    starts = [(int(run.started_at.timestamp()) // 60, run.job) for run in runs if run.started_at is not None]
    minutes = Counter(minute for minute, _ in starts)
    most = max(minutes.values(), default=0)
    first = min((minute for minute, number in minutes.items() if number == most), default=0)
    return {
        "runs": most,
        "at": datetime.fromtimestamp(first * 60, axis.start.tzinfo),
        "jobs": list(dict.fromkeys(job for minute, job in starts if minute == first)),
        "others": sum(number == most for number in minutes.values()) - 1,
    }


def _hours(axis: Axis) -> Counter[tuple[int, int]]:
    """Count how often each hour of the week occurs in the range; an hour that clocks repeat counts twice."""
    seen: dict[tuple[datetime, timedelta | None], None] = {}
    at, end = axis.start.astimezone(UTC), axis.end.astimezone(UTC)
    while at < end:
        local = at.astimezone(axis.start.tzinfo)
        seen[local.replace(minute=0, second=0, microsecond=0, tzinfo=None), local.utcoffset()] = None
        at += _STEP
    return Counter((hour.weekday(), hour.hour) for hour, _ in seen)


@dataclass(frozen=True, slots=True)
class _Shades:
    due: Counter[tuple[int, int]]
    """Fire times by weekday and hour; further attempts at one do not count."""
    present: Counter[tuple[int, int]]
    """How often that hour occurs in the range."""
    full: float
    """The average with the strongest shade: the highest, but at least twice the average of all hours."""

    @classmethod
    def from_runs(cls, runs: Sequence[Run], axis: Axis) -> _Shades:
        local = (run.fire_time.astimezone(axis.start.tzinfo) for run in runs if run.attempt == 1)
        due = Counter((at.weekday(), at.hour) for at in local)
        present = _hours(axis)
        averages = [number / max(1, present[slot]) for slot, number in due.items()]
        return cls(due, present, max([*averages, 2 * sum(averages) / max(1, len(present))]))

    def hour(self, day: int, hour: int) -> dict[str, str]:
        """Return the shade, the text and the tooltip of an hour of the week."""
        due, present = self.due[day, hour], self.present[day, hour]
        name = f"{DAYS[day]} {hour:02}:00"
        if not due and not present:
            return {"kind": "never", "text": "", "title": f"{name} is not in the range"}
        if not due:
            return {"kind": "", "text": "", "title": f"{name}: no run"}
        average = due / max(1, present)
        text = _short(average)
        return {
            "kind": f"l{ceil((average / self.full) ** _CONTRAST * _LEVELS)}",
            "text": text,
            "title": f"{name}: {text} an hour on average, {count(due, 'run')} in {count(present, 'hour')}",
        }


def _short(number: float) -> str:
    if number >= _WHOLE:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0") if number >= 1 else f"{number:.2f}".rstrip("0").rstrip(".")
