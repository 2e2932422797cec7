"""The calendar of a preview as a drawing: one cell for each day, darker if more is due, framed if clocks change.

Up to eight weeks are drawn as a page of a calendar, a row a week, each day with its times; more as columns of small
cells, and more than a year of those is not drawn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING

from markupsafe import Markup

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.notebook.svg import INKS, SMALL, document, img
from sbh_jobkit.report.text import DAYS, MONTHS, count, escape, time_of_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sbh_jobkit.report.axis import ClockChange
    from sbh_jobkit.schedule.preview import Preview

_PAGE_WEEKS = 8
_MOST_WEEKS = 54
_WIDE, _HIGH = 108, 46
_HEAD = 20
_LITTLE = 15
_LEFT = 34
SHADES = ("#4d7a96", "#3f6f8c", "#2f6182")
"""Of days that are due, the busier the deeper; white stands on each."""
_FEW = 2
_RULES = f"""
{SMALL}
{"".join(f".l{level}{{fill:{shade}}}" for level, shade in enumerate(SHADES))}
.free{{fill:{INKS["grid"]};fill-opacity:.1}}
.on{{fill:#fff}}.now{{font-weight:600}}
.gap,.fold{{fill:none;stroke:{INKS["timed_out"]};stroke-width:2;stroke-dasharray:4 3}}
"""


def calendar(preview: Preview) -> Markup:
    """Draw the days of a preview."""
    days = _Days.from_preview(preview)
    page = len(days.weeks) <= _PAGE_WEEKS
    weeks = days.weeks[:_MOST_WEEKS]
    if page:
        width, height = 7 * _WIDE, _HEAD + len(weeks) * _HIGH
        names = "".join(f'<text x="{place * _WIDE + 6}" y="13">{name}</text>' for place, name in enumerate(DAYS))
    else:
        width, height = _LEFT + len(weeks) * _LITTLE, _HEAD + 7 * _LITTLE
        names = _side(weeks)
    cells = "".join(
        days.cell(monday + timedelta(days=place), page=page, week=week, place=place)
        for week, monday in enumerate(weeks)
        for place in range(7)
    )
    counts = f"{count(len(preview.fires), 'fire time')} on {count(len(days.due), 'day')}"
    alt = f"Calendar from {days.first} to {days.last}: {counts}{days.clock_changes()}"
    left_out = len(days.weeks) - len(weeks)
    note = Markup("<p>and {}, not drawn</p>").format(count(left_out, "more week")) if left_out else ""
    return img(document(width, height, _RULES, names + cells), alt) + note


def _side(weeks: Sequence[date]) -> str:
    days = "".join(f'<text x="0" y="{_HEAD + place * _LITTLE + 11}">{DAYS[place]}</text>' for place in (0, 2, 4, 6))
    months = "".join(
        f'<text x="{_LEFT + week * _LITTLE}" y="13">{MONTHS[monday.month - 1]}</text>'
        for week, monday in enumerate(weeks)
        if monday.day <= 7  # noqa: PLR2004  the first week of the month
    )
    return days + months


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    first: date
    last: date
    due: dict[date, list[datetime]]
    most: int
    changes: dict[date, ClockChange]

    @classmethod
    def from_preview(cls, preview: Preview) -> _Days:
        due: defaultdict[date, list[datetime]] = defaultdict(list)
        for at in preview.fires:
            due[at.date()].append(at)
        changes = {change.at.date(): change for change in Axis(preview.start, preview.end).clock_changes()}
        return cls(
            first=preview.start.date(),
            last=(preview.end - timedelta(microseconds=1)).date(),
            due=dict(due),
            most=max(Counter(at.date() for at in preview.fires).values(), default=1),
            changes=changes,
        )

    @property
    def weeks(self) -> list[date]:
        """The Mondays of the weeks that are touched."""
        monday = self.first - timedelta(days=self.first.weekday())
        return [monday + timedelta(days=7 * week) for week in range((self.last - monday).days // 7 + 1)]

    def cell(self, day: date, *, page: bool, week: int, place: int) -> str:
        if not self.first <= day <= self.last:
            return ""
        fires = self.due.get(day, [])
        kind = f"l{ceil(len(SHADES) * len(fires) / self.most) - 1}" if fires else "free"
        if page:
            x, y, wide, high = place * _WIDE, _HEAD + week * _HIGH, _WIDE - 4, _HIGH - 4
        else:
            x, y, wide, high = _LEFT + week * _LITTLE, _HEAD + place * _LITTLE, _LITTLE - 2, _LITTLE - 2
        frame = f' x="{x}" y="{y}" width="{wide}" height="{high}" rx="3"'
        drawn = f'<rect class="{kind}"{frame}/>'
        if day in self.changes:
            drawn += f'<rect class="{_kind(self.changes[day])}"{frame}/>'
        return drawn + (self._texts(day, fires, x, y) if page else "")

    def _texts(self, day: date, fires: list[datetime], x: int, y: int) -> str:
        name = f"{day.day} {MONTHS[day.month - 1]}" if day.day == 1 or day == self.first else f"{day.day}"
        change = f", {_kind(self.changes[day])}" if day in self.changes else ""
        times = ", ".join(map(time_of_day, fires)) if len(fires) <= _FEW else f"{len(fires):,} times"
        on = ' class="on"' if fires else ""
        now = f'<text class="on now" x="{x + 6}" y="{y + 34}">{escape(times)}</text>' if fires else ""
        return f'<text{on} x="{x + 6}" y="{y + 15}">{name}{change}</text>{now}'

    def clock_changes(self) -> str:
        return "".join(f"; clocks change on {day}, a {_kind(change)}" for day, change in self.changes.items())


def _kind(change: ClockChange) -> str:
    return "gap" if change.after > change.before else "fold"
