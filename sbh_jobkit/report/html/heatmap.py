"""The heat strip: how many runs are due in each hour of the week, so that pile-ups show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from math import ceil
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import DAYS, clock, count, safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sbh_jobkit.report.axis import Axis
    from sbh_jobkit.run.run import Run

_HOURS = range(24)
_LEVELS = 7
_CONTRAST = 2
"""Half of the most runs takes a quarter of the shades: what is even stays pale, what piles up stands out."""
_STEP = timedelta(minutes=15)
_MOST_NAMES = 5
_MOST_TIES = 9
_WHOLE = 10


def heat(runs: Sequence[Run], axis: Axis) -> str:
    """Tell the busiest minute in words and show the hours of the week as a table of shades."""
    if not runs:
        return "<p>No run was due, so no hour is busier than another.</p>"
    week = _Week.of(runs, axis)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(week.cell(day, hour) for hour in _HOURS)}</tr>'
        for day, name in enumerate(DAYS)
    )
    head = "".join(f'<th scope="col">{hour:02}</th>' for hour in _HOURS)
    return (
        f"<p>{busiest_minute(runs, axis)}</p>"
        '<div class="scroll" role="region" aria-labelledby="heat-head" tabindex="0"><table class="heat">'
        "<caption><span>Runs due in an hour, on average. The stronger the shade, the busier the hour."
        f"</span></caption><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def busiest_minute(runs: Sequence[Run], axis: Axis) -> str:
    """Name the minute in which most runs are due at once, and their jobs."""
    minutes = Counter(int(run.fire_time.timestamp()) // 60 for run in runs)
    most = max(minutes.values())
    if most == 1:
        return "No two runs are due in the same minute."
    first = min(minute for minute, number in minutes.items() if number == most)
    here = [run for run in runs if int(run.fire_time.timestamp()) // 60 == first]
    at = here[0].fire_time.astimezone(axis.start.tzinfo).replace(second=0, microsecond=0)
    names = list(dict.fromkeys(run.job for run in here))
    listed = ", ".join(safe(name) for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    others = sum(number == most for number in minutes.values()) - 1
    when = f"<strong>{clock(at)} on {at:%Y-%m-%d}</strong> ({DAYS[at.weekday()]})"
    if others > _MOST_TIES:
        return f"At most <strong>{most:,} runs at once</strong>, first at {when}: {listed}{more}."
    again = f" {count(others, 'other minute')} {'is' if others == 1 else 'are'} as busy." if others else ""
    return f"Busiest minute: {when}, <strong>{most:,} runs at once</strong>: {listed}{more}.{again}"


def _hours(axis: Axis) -> Counter[tuple[int, int]]:
    """Count how often each hour of the week comes in the range; an hour that clocks repeat counts twice."""
    seen: dict[tuple[datetime, timedelta | None], None] = {}
    at, end = axis.start.astimezone(UTC), axis.end.astimezone(UTC)
    while at < end:
        local = at.astimezone(axis.start.tzinfo)
        seen[local.replace(minute=0, second=0, microsecond=0, tzinfo=None), local.utcoffset()] = None
        at += _STEP
    return Counter((hour.weekday(), hour.hour) for hour, _ in seen)


@dataclass(frozen=True, slots=True)
class _Week:
    due: Counter[tuple[int, int]]
    """Runs by weekday and hour."""
    there: Counter[tuple[int, int]]
    """How often that hour comes in the range."""
    full: float
    """The average that takes the strongest shade: the highest, but no less than twice what is usual."""

    @classmethod
    def of(cls, runs: Sequence[Run], axis: Axis) -> _Week:
        local = (run.fire_time.astimezone(axis.start.tzinfo) for run in runs)
        due = Counter((at.weekday(), at.hour) for at in local)
        there = _hours(axis)
        averages = [number / max(1, there[slot]) for slot, number in due.items()]
        return cls(due, there, max(*averages, 2 * sum(averages) / max(1, len(there))))

    def cell(self, day: int, hour: int) -> str:
        due, there = self.due[day, hour], self.there[day, hour]
        name = f"{DAYS[day]} {hour:02}:00"
        if not due:
            outside = f'<td class="never" title="{name} is not in the range"></td>'
            return f'<td title="{name}: no run"></td>' if there else outside
        average = due / max(1, there)
        level = ceil((average / self.full) ** _CONTRAST * _LEVELS)
        text = _short(average)
        title = f"{name}: {text} an hour on average, {count(due, 'run')} in {count(there, 'hour')}"
        return f'<td class="l{level}" title="{title}"><span>{text}</span></td>'


def _short(number: float) -> str:
    if number >= _WHOLE:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0") if number >= 1 else f"{number:.2f}".rstrip("0").rstrip(".")
