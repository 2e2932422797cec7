"""How a report writes numbers, times and other people's text.

Names of days and months are spelled here, not by the machine's locale: a report's bytes are the same everywhere.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_VISIBLE = 0x2400
_SPACE = 0x20
_DELETE = 0x7F
_SIZES = ((86_400, "d"), (3_600, "h"), (60, "min"))
_FEW = 10
_LONGEST_LINE = 300


def escape(text: object) -> str:
    """Escape any text for HTML; terminal colours are removed, and control characters are shown as visible signs."""
    lines = _ANSI.sub("", str(text)).replace("\r\n", "\n").replace("\r", "\n")
    return html.escape(_CONTROL.sub(lambda match: _visible(match[0]), lines))


def _visible(character: str) -> str:
    code = ord(character)
    if code < _SPACE:
        return chr(_VISIBLE + code)
    return (
        "\u2421"
        if code == _DELETE
        else f"\N{MATHEMATICAL LEFT ANGLE BRACKET}U+{code:04X}\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
    )


def clip(text: str, length: int) -> str:
    """Cut the middle of a long text, and write there how much is not shown."""
    if len(text) <= length:
        return text
    half = length // 2
    left_out = count(len(text) - 2 * half, "character")
    return f"{text[:half]}\n[… {left_out} not shown …]\n{text[-half:]}"


def one_line(text: str) -> str:
    """Write a text in one line, cut after 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"


def compact(value: Any) -> str:
    """Write a value as JSON in one line."""
    from sbh_jobkit.run.run import jsonable

    return one_line(json.dumps(jsonable(value), ensure_ascii=False))


def count_actions(actions: Iterable[str]) -> str:
    """Write how often each action occurs, `2 added, 1 removed`."""
    return ", ".join(f"{number:,} {action}" for action, number in sorted(Counter(actions).items()))


def count(number: int, noun: str) -> str:
    """Write a number with its noun, `2,298 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_duration(length: timedelta) -> str:
    """Write a duration in its two largest units, `3 min 20 s`."""
    seconds = length.total_seconds()
    if seconds < _FEW:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    parts, rest = [], round(seconds)
    for size, unit in _SIZES:
        whole, rest = divmod(rest, size)
        parts.append((whole, unit))
    parts.append((rest, "s"))
    first = next(place for place, (whole, _) in enumerate(parts) if whole)
    return " ".join(f"{whole} {unit}" for whole, unit in parts[first : first + 2] if whole)


def distance(at: datetime, now: datetime) -> str:
    """Return how far ahead a time is in its two largest units, such as `in 6d 17h`."""
    seconds = round(at.timestamp() - now.timestamp())  # elapsed: within one zone Python subtracts what clocks show
    if seconds < 0:
        return "past"
    return f"in {times.format_elapsed(seconds)}" if seconds else "now"


def format_time(at: datetime) -> str:
    """Write a local time with its weekday, `Mon 2026-01-05 02:00`, and its offset where that time occurs twice."""
    return f"{DAYS[at.weekday()]} {at:%Y-%m-%d} {time_of_day(at)}"


def time_of_day(at: datetime) -> str:
    """Write the time of day, with its offset where that time occurs twice."""
    text = at.strftime("%H:%M:%S" if at.second else "%H:%M")
    return f"{text} ({format_offset(at.utcoffset())})" if occurs_twice(at) else text


def occurs_twice(at: datetime) -> bool:
    """Whether clocks show this local time twice."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def format_offset(length: timedelta | None) -> str:
    """Write an offset from UTC, `+02:00`."""
    minutes = round((length or timedelta(0)).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def time_element(at: datetime) -> str:
    """Write a time as a `<time>` element."""
    return f'<time datetime="{at.isoformat()}">{escape(format_time(at))}</time>'
