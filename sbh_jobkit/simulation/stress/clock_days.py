"""Days on which clocks change, against the days beside them: an effect twice, never, or under another day's date."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.simulation.stress.judgement import Finding, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run

_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)")
_NUMBERS = re.compile(r"\d+")


def day_findings(runs: Sequence[Run], change: date) -> Iterator[Finding]:
    """Yield what is wrong around the day `change`; `runs` are those of some days before and after it.

    What a job does exactly once on every other day must happen once on this day, too, and the dates in names of files
    must be as far from the day of the run as on the other days.
    """
    names: defaultdict[tuple[str, str], list[tuple[date, date, Effect]]] = defaultdict(list)
    daily: defaultdict[tuple[str, str], Counter[date]] = defaultdict(Counter)
    firsts: dict[tuple[str, str], Effect] = {}
    days = sorted({run.fire_time.date() for run in runs})
    for effect in (effect for run in runs for effect in run.effects if effect.done):
        local = effect.fire_time.date()
        pattern = effect.job, _NUMBERS.sub("#", name_of(effect))
        daily[pattern][local] += 1
        firsts.setdefault(pattern, effect)
        if effect.kind == "file" and effect.name.startswith("uploaded ") and (dated := _date_in(effect.name)):
            names[pattern].append((local, dated, effect))
    moved = set()
    for pattern, written in names.items():
        if (finding := _wrong_dates(written)) is not None:
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
                why=f"it happens once on the days beside {change}, on which the clocks change",
            )


def _date_in(name: str) -> date | None:
    found = _DATE.search(name)
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None


def _wrong_dates(written: Sequence[tuple[date, date, Effect]]) -> Finding | None:
    """Return the first name whose date is not as far from its run as usual."""
    apart = Counter(local - dated for local, dated, _ in written)
    (usual, number), *rest = apart.most_common()
    if not rest or number <= len(written) // 2 or len({local for local, _, _ in written}) != len(written):
        return None
    local, dated, effect = next(item for item in written if item[0] - item[1] != usual)
    right = local - usual
    twice = sum(item[1] == dated for item in written) > 1
    shown = effect.name.removeprefix("uploaded ")
    never = all(item[1] != right for item in written)
    how = "is written twice" if twice else f"is written on {local}"
    other = f"{shown.replace(dated.isoformat(), right.isoformat())} {'never' if never else 'late'}"
    return Finding(
        job=effect.job,
        word="wrong day",
        what=f"{shown} {how}, {other}",
        count=1,
        first=effect,
        why=f"on {local}, about which the clocks change, the date in its name is not as far from the run as usual",
    )
