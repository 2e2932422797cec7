"""How two snapshots differ: in which run, in which thing, and what both have there."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from pytest_sbhjobs.columns import MISSING
from pytest_sbhjobs.things import Things
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_LONGEST = 120
_EFFECTS = ("event ", "http ", "file ", "secret ")
_HEAD = ("plugin", "start", "end", "tz")


class _Pair(NamedTuple):
    at: datetime
    path: str
    saved: Any
    now: Any


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each thing that differs, with the first run in which it does.

    Raises ValueError, TypeError, AttributeError or LookupError for what is no snapshot.
    """
    for name in _HEAD:
        if saved[name] != now[name]:
            yield f"{name}: {_show(saved[name])} saved, {_show(now[name])} now"
    for job in dict.fromkeys([*saved["jobs"], *now["jobs"]]):
        if job not in now["jobs"] or job not in saved["jobs"]:
            yield f"{job}: a job that is only {'saved' if job in saved['jobs'] else 'there now'}"
            continue
        sides = [Things.from_lines(each["jobs"][job], ZoneInfo(each["tz"])) for each in (saved, now)]
        yield from _of_job(job, *sides)


def _of_job(job: str, saved: Things, now: Things) -> Iterator[str]:
    old, new = saved.by_fire(), now.by_fire()
    local = {at.astimezone(UTC): at for at in (*saved.fires, *now.fires)}
    for side, others, word in ((old, new, "saved"), (new, old, "there now")):
        if only := sorted(side.keys() - others.keys()):
            yield f"{job}: {count(len(only), 'run')} only {word}, the first on {_time(local[only[0]])}"
    found: dict[str, list[_Pair]] = {}
    for at in sorted(old.keys() & new.keys()):
        for thing in dict.fromkeys([*old[at], *new[at]]):
            values = _counted(thing, old[at].get(thing, MISSING), new[at].get(thing, MISSING))
            if values[0] != values[1]:
                found.setdefault(thing, []).append(_Pair(local[at], *_deepest(thing, *values)))
    for pairs in found.values():
        first = pairs[0]
        what = f"{_show(first.saved)} saved, {_show(first.now)} now"
        more = f"; {count(len(pairs), 'run')} in all, the last on {_time(pairs[-1].at)}" if len(pairs) > 1 else ""
        yield f"{job} on {_time(first.at)}: {first.path}: {what}{more}"
    equal_runs = old.keys() == new.keys()
    for thing in (each for each in saved.contents if equal_runs and each in now.contents and each not in found):
        before, after = saved.contents_by_day(thing), now.contents_by_day(thing)
        days = [day for day in before if before[day] != after.get(day)]
        if days:
            yield f"{job} on {days[0]}: {thing}: as many, but with other content; compare the versions with --against"


def _counted(thing: str, saved: Any, now: Any) -> tuple[Any, Any]:
    """Return both values; where one is a number of effects, none at all is 0."""
    counts = thing.startswith(_EFFECTS) and int in {type(saved), type(now)}
    return (0 if counts and saved is MISSING else saved), (0 if counts and now is MISSING else now)


def _deepest(path: str, saved: Any, now: Any) -> tuple[str, Any, Any]:
    """Go into lists and objects as far as only one item differs."""
    if isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        apart = [which for which, pair in enumerate(zip(saved, now, strict=True)) if pair[0] != pair[1]]
        return _deepest(f"{path}[{apart[0]}]", saved[apart[0]], now[apart[0]])
    if isinstance(saved, dict) and isinstance(now, dict):
        key = next(key for key in dict.fromkeys([*saved, *now]) if saved.get(key, MISSING) != now.get(key, MISSING))
        return _deepest(f"{path}.{key}", saved.get(key, MISSING), now.get(key, MISSING))
    return path, saved, now


def _show(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
