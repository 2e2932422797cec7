"""What to write in place of something that is not cron but is used as a schedule elsewhere.

Each reader takes the whole text, and returns the end of an error message if the text is of its kind. What a reader
suggests is cron: it is parsed before it is shown.
"""

from __future__ import annotations

import re
from math import gcd
from typing import TYPE_CHECKING

from sbh_jobkit.schedule.phrases import explain_phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    IsCron = Callable[[str], bool]

_HOUR, _DAY, _WEEK = 60, 1_440, 10_080
_FIVE, _SIX, _SEVEN = 5, 6, 7
_MOST_PARTS = 3
"""More expressions than this that alternate are no advice."""
_UNITS = ((_DAY, "days"), (_HOUR, "hours"), (1, "minutes"))
_MINUTES = {
    "m": 1,
    "min": 1,
    "minute": 1,
    "h": _HOUR,
    "hr": _HOUR,
    "hour": _HOUR,
    "d": _DAY,
    "day": _DAY,
    "week": _WEEK,
}
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_ZONE = re.compile(r"\s*(?:CRON_)?TZ\s*=\s*['\"]?([\w/+-]+)['\"]?\s+(.*)", re.DOTALL)
_EVERY = re.compile(r"\s*@every\s+((?:\d+\s*[a-z]+\s*)+)", re.IGNORECASE)
_RATE = re.compile(r"\s*rate\(\s*(\d+)\s*([a-z]+?)s?\s*\)\s*", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+)\s*([a-z]+?)s?(?=[\s\d]|$)", re.IGNORECASE)
_EVENT_BRIDGE = re.compile(r"\s*cron\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"(.*?)\s+#.*", re.DOTALL)
_BETWEEN = re.compile(r"\s*(?:;|\|\|?|\n|&&?|\s(?:and|or)\s)\s*", re.IGNORECASE)
_AROUND_SIGN = re.compile(r"\s*([,/-])\s*")
_PHRASE = re.compile(r"\s*(?:run\s+)?every\s+(?:(\d+|other|second)\s+)?([a-z]+?)s?\s*", re.IGNORECASE)
_WORD = re.compile(r"\s*@?(hour|dai|week|month|year|annual)ly\s*|\s*@?(midnight)\s*", re.IGNORECASE)
_CLOCK = re.compile(
    r"\s*(?:every\s*day|daily)?\s*(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm)?\s*(?:every\s*day|daily)?\s*", re.IGNORECASE
)
_INTERVAL = re.compile(r"\s*((?:\d+\s*[a-z]+\s*)+)", re.IGNORECASE)
_YEAR = re.compile(r"\*|(?:19|20)\d\d.*")
_NO_SECONDS = {"0", "00", "*", "*/1", "?"}


def explain(text: str, is_cron: IsCron) -> str | None:
    """Return what a text is in another dialect, and the cron to write; None for what is of no known dialect."""
    for read in (
        *(_quoted, _comment, _zone, _zone_behind, _several, _spaces, _named),
        *(_event_bridge, _seconds, _command, _every, _words),
    ):
        if (why := read(text, is_cron)) is not None:
            return why
    return explain_phrase(text)


def every_minutes(minutes: int) -> str:
    """Return the cron that is due every so many minutes, or how to do without."""
    if minutes < _HOUR and _HOUR % minutes == 0:
        return "write '* * * * *'" if minutes == 1 else f"write '*/{minutes} * * * *'"
    if minutes % _HOUR == 0 and _DAY % minutes == 0 and minutes < _DAY:
        return "write '0 * * * *'" if minutes == _HOUR else f"write '0 */{minutes // _HOUR} * * *'"
    if minutes in {_DAY, _WEEK}:
        return "write '0 0 * * *'" if minutes == _DAY else "write '0 0 * * 0'"
    size, unit = next((size, unit) for size, unit in _UNITS if minutes % size == 0)
    cannot = f"cron cannot say every {minutes // size:,} {unit}"
    parts = sorted({start % _HOUR for start in range(0, _DAY, minutes)}) if _DAY % minutes == 0 else []
    if 0 < len(parts) <= _MOST_PARTS:
        step = minutes // gcd(minutes, _HOUR)
        firsts = {start % _HOUR: start // _HOUR for start in range(_HOUR * step - minutes, -1, -minutes)}
        written = [f"'{minute} {firsts[minute]}-23/{step} * * *'" for minute in parts]
        return f"{cannot}: {', '.join(written[:-1])} and {written[-1]} alternate"
    often = (
        "0 0 * * *"
        if minutes > _DAY
        else "0 * * * *"
        if minutes > _HOUR
        else f"*/{max(gcd(minutes, _HOUR), 5)} * * * *"
    )
    return f"{cannot}: write '{often}', and let the job look when it ran last (last_run_at in plugin_jobs)"


def _quoted(text: str, is_cron: IsCron) -> str | None:
    inner = text.strip().strip(_QUOTES).strip()
    return f"leave out the quotation marks: write {inner!r}" if inner != text.strip() and is_cron(inner) else None


def _comment(text: str, is_cron: IsCron) -> str | None:
    found = _COMMENT.fullmatch(text)
    return f"leave the comment out: write {found[1].strip()!r}" if found and is_cron(found[1].strip()) else None


def _zone(text: str, is_cron: IsCron) -> str | None:
    found = _ZONE.fullmatch(text)
    if found is None or not is_cron(found[2].strip()):
        return None
    return f'write {found[2].strip()!r}, and the zone into plugin.json: "timezone": "{found[1]}"'


def _zone_behind(text: str, is_cron: IsCron) -> str | None:
    cron, _, zone = text.strip().rpartition(" ")
    named = re.fullmatch(r"\(?(UTC|GMT|Z|[A-Z][A-Za-z_]+(?:/[A-Z][\w+-]*)+)\)?", zone)
    if named is None or not is_cron(cron.strip()):
        return None
    name = named[1] if "/" in named[1] else "UTC"
    return f'write {cron.strip()!r}, and the zone into plugin.json: "timezone": "{name}"'


def _several(text: str, is_cron: IsCron) -> str | None:
    parts = [part.strip() for part in _BETWEEN.split(text) if part.strip()]
    if len(parts) < 2 or not all(map(is_cron, parts)):  # noqa: PLR2004
        return None
    return f"a job has one schedule: give {parts[0]!r} to this one, and {parts[1]!r} to a second job"


def _spaces(text: str, is_cron: IsCron) -> str | None:
    closed = " ".join(_AROUND_SIGN.sub(r"\1", text).split())
    if closed == " ".join(text.split()) or not is_cron(closed):
        return None
    sign = next(found[1] for found in _AROUND_SIGN.finditer(text) if found[0] != found[1])
    return f"there is a space beside {sign!r}: write {closed!r}"


def _named(text: str, is_cron: IsCron) -> str | None:
    name, *rest = text.split() or [""]
    return f"write {name!r} alone" if name[:1] == "@" and rest and is_cron(name) else None


def _event_bridge(text: str, is_cron: IsCron) -> str | None:
    found = _EVENT_BRIDGE.fullmatch(text)
    fields = found[1].split() if found else []
    if len(fields) != _SIX:
        return None
    return _written("that is EventBridge's form", _translated(fields[:_FIVE]), fields[-1:], is_cron)


def _seconds(text: str, is_cron: IsCron) -> str | None:
    """Read six fields with seconds or with a year, and seven with both, as Quartz and Spring have them."""
    fields = text.split()
    if len(fields) == _SIX and re.fullmatch(r"(?:19|20)\d\d", fields[-1]):
        return _written("that is cron with a year", _translated(fields[:_FIVE]), fields[-1:], is_cron)
    if len(fields) not in {_SIX, _SEVEN}:
        return None
    years = fields[_SIX:]
    quartz = "?" in fields or bool(years)
    rest = _translated(fields[1:_SIX]) if quartz else fields[1:_SIX]
    known = not years or bool(_YEAR.fullmatch(years[0]))
    if not known or not re.fullmatch(r"[\d*/,?-]+", fields[0]):
        return None
    kind = "that is cron with seconds (Quartz)" if quartz else "that is cron with seconds"
    if fields[0] not in _NO_SECONDS or fields[0][0] == rest[0] == "*":
        kind = f"{kind}, and cron is due once a minute at most"
    return _written(kind, rest, years, is_cron)


def _written(kind: str, fields: list[str], years: list[str], is_cron: IsCron) -> str | None:
    cron = " ".join(fields)
    if not is_cron(cron):
        return None
    without = f", and let the job look at the year ({years[0]})" if years and years[0] not in {"*", "?"} else ""
    return f"{kind}: write {cron!r}{without}"


def _translated(fields: list[str]) -> list[str]:
    """Return five fields of Quartz or EventBridge as cron: `?` is `*`, `0/5` is `*/5`, and Sunday is 0, not 1."""
    *times, weekday = [re.sub(r"^0/", "*/", "*" if field == "?" else field) for field in fields]
    head, slash, step = weekday.partition("/")
    shifted = re.sub(r"(?<![#\d])[1-7]\b", lambda found: str(int(found[0]) - 1), head)
    return [*times, shifted + slash + step]


def _command(text: str, is_cron: IsCron) -> str | None:
    first, rest = " ".join(text.split()[:_FIVE]), text.split()[_FIVE:]
    named = bool(rest) and re.search(r"[A-Za-z/.]{2}", rest[0]) is not None
    return f"a schedule has no command: write {first!r}" if named and is_cron(first) else None


def _every(text: str, _: IsCron) -> str | None:
    found = _EVERY.fullmatch(text) or _RATE.fullmatch(text)
    if found is None:
        return None
    amounts = _AMOUNT.findall(found[1]) if found.re is _EVERY else [(found[1], found[2])]
    return _amounts(amounts)


def _amounts(amounts: list[tuple[str, str]]) -> str | None:
    units = [unit.lower() for _, unit in amounts]
    if any(unit in {"s", "sec", "second"} for unit in units):
        return "cron has no seconds: the most frequent is '* * * * *', every minute"
    if not amounts or any(
        unit not in _MINUTES or len(number) > _SIX for number, unit in zip(*_columns(amounts), strict=True)
    ):
        return None
    minutes = sum(int(number) * _MINUTES[unit.lower()] for number, unit in amounts)
    return every_minutes(minutes) if minutes else None


def _columns(amounts: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [number for number, _ in amounts], [unit.lower() for _, unit in amounts]


def _words(text: str, _: IsCron) -> str | None:
    if found := _WORD.fullmatch(text):
        return f"did you mean '@{text.strip().lstrip('@').lower()}'?" if (found[1] or found[2]) else None
    if found := _PHRASE.fullmatch(text):
        number = {None: "1", "other": "2", "second": "2"}.get(found[1] and found[1].lower(), found[1])
        unit = found[2].lower()
        named = {"month": "@monthly", "year": "@yearly"}.get(unit) if number == "1" else None
        return f"did you mean {named!r}?" if named else _meant(_amounts([(str(number), unit)]))
    if (found := _CLOCK.fullmatch(text)) and (found[2] or found[3]):
        hour = int(found[1]) % 12 + 12 * (found[3].lower() == "pm") if found[3] else int(found[1])
        minute = int(found[2] or 0)
        return f"did you mean '{minute} {hour} * * *'?" if hour < 24 and minute < _HOUR else None  # noqa: PLR2004
    found = _INTERVAL.fullmatch(text)
    return _meant(_amounts(_AMOUNT.findall(found[1]))) if found else None


def _meant(advice: str | None) -> str | None:
    if advice is None or not advice.startswith("write "):
        return advice
    return f"did you mean {advice.removeprefix('write ')}?"
