"""Difficult days, against the days beside them: an effect twice, never, or under another day's or week's date.

Such are the days on which clocks change, the ends of February and of the year.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.simulation.compare.judgement import Finding, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run

_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)")
_WEEK = re.compile(r"(?P<year>\d{4})-?W(?P<week>\d\d)")
_NUMBERS = re.compile(r"\d+")
CLOCKS = "the clocks change"


class _Named(NamedTuple):
    """A file with a date or a week in its name."""

    local: date
    """The day of the run; the Monday of its week, if a week is named."""
    dated: date | None
    """What the name says; None for a week that its year does not have."""
    effect: Effect

    @property
    def apart(self) -> int | None:
        """How many days the name is from the run."""
        return None if self.dated is None else (self.local - self.dated).days


def day_findings(runs: Sequence[Run], change: date, happens: str = CLOCKS) -> Iterator[Finding]:
    """Yield what is wrong around the day `change`; `runs` are those of some days before and after it.

    What a job does exactly once on every other day must happen once on this day, too, and the dates in names of files
    must be as far from the day of the run as on the other days. `happens` says what is special about the day.
    """
    names: defaultdict[tuple[str, str], list[_Named]] = defaultdict(list)
    daily: defaultdict[tuple[str, str], Counter[date]] = defaultdict(Counter)
    firsts: dict[tuple[str, str], Effect] = {}
    days = sorted({run.fire_time.date() for run in runs})
    for effect in (effect for run in runs for effect in run.effects if effect.done):
        local = effect.fire_time.date()
        pattern = effect.job, _NUMBERS.sub("#", name_of(effect))
        daily[pattern][local] += 1
        firsts.setdefault(pattern, effect)
        if effect.kind == "file" and effect.name.startswith("uploaded ") and (named := _named(effect, local)):
            names[pattern].append(named)
    moved = set()
    for pattern, written in names.items():
        if (finding := _wrong_dates(written, happens)) is not None:
            moved.add(pattern)
            yield finding
    for pattern, counts in daily.items():
        others = {counts[day] for day in days if abs(day - change) > timedelta(0)}
        if others == {1} and counts[change] != 1 and pattern not in moved and change in days:
            word = "lost" if counts[change] == 0 else "doubled"
            yield Finding(
                job=pattern[0],
                word=word,
                what=pattern[1],
                count=1,
                first=firsts[pattern],
                why=f"it happens once on the days beside {change}, on which {happens}",
            )


def _named(effect: Effect, local: date) -> _Named | None:
    if week := _WEEK.search(effect.name):
        monday = local - timedelta(days=local.weekday())
        return _Named(monday, _monday(int(week["year"]), int(week["week"])), effect)
    found = _DATE.search(effect.name)
    try:
        return _Named(local, date(*(int(part) for part in found.groups())), effect) if found else None
    except ValueError:
        return None


def _monday(year: int, week: int) -> date | None:
    try:
        return date.fromisocalendar(year, week, 1)
    except ValueError:
        return None


def _wrong_dates(written: Sequence[_Named], happens: str) -> Finding | None:
    """Return the first name whose date is not as far from its run as usual."""
    apart = Counter(each.apart for each in written)
    (usual, number), *rest = apart.most_common()
    days = {each.effect.fire_time.date() for each in written}
    if usual is None or not rest or number <= len(written) // 2 or len(days) != len(written):
        return None
    if any("W00" in each.effect.name for each in written):
        return None  # weeks of another count than ISO 8601's
    first = next(each for each in written if each.apart != usual)
    on, shown = first.effect.fire_time.date(), first.effect.name.removeprefix("uploaded ")
    right = first.local - timedelta(days=usual)
    if week := _WEEK.search(shown):
        what = f"{shown} is written on {on}, which is in week {right:%G-W%V}"
        return _wrong_day(first.effect, f"{what}: {week[0]} is another one", f"about that day {happens}")
    dated = first.dated
    assert dated is not None  # noqa: S101  a name with a date that does not exist is left out
    twice = sum(each.dated == dated for each in written) > 1
    never = all(each.dated != right for each in written)
    how = "is written twice" if twice else f"is written on {on}"
    other = f"{shown.replace(dated.isoformat(), right.isoformat())} {'never' if never else 'late'}"
    why = f"on {on}, about which {happens}, the date in its name is not as far from the run as usual"
    return _wrong_day(first.effect, f"{shown} {how}, {other}", why)


def _wrong_day(effect: Effect, what: str, why: str) -> Finding:
    return Finding(job=effect.job, word="wrong day", what=what, count=1, first=effect, why=why)
