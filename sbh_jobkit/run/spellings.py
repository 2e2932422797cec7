"""The ways in which programs write one value, apart from escapes: in capitals, as a number, in base64, or cut short."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 4
"""Shorter values are not looked for: they are part of ordinary text."""
_FOLDED_FROM = 8
"""From this length on, a value is found in upper and lower case, too; shorter ones are also ordinary words."""
_SHORTEST_CODE = 6
"""Shorter codes in base64 and hex are part of ordinary text."""
_SHORTEST_PREFIX = 10
_URL_SAFE = str.maketrans("+/", "-_")


class Spelling(NamedTuple):
    """One way to write a value."""

    text: str
    """What to look for; in small letters where `folded`."""
    folded: bool
    """Whether capitals do not matter."""
    rest: str = ""
    """What follows in the whole value, if this is its beginning only."""


def fold(text: str) -> str:
    """Return a text in small letters, with each character at its place."""
    low = text.lower()
    if text.isascii():
        return low
    if len(low) != len(text):
        low = "".join(small if len(small := each.lower()) == 1 else each for each in text)
    return low.replace("\u03c2", "\u03c3")  # a capital sigma becomes either, by what follows it


@lru_cache(maxsize=1 << 12)
def spellings(value: str) -> tuple[Spelling, ...]:
    """Return every way to write a value, the value itself first; none for one that is too short."""
    if len(value) < SHORTEST:
        return ()
    found: dict[Spelling, None] = {}
    for own in dict.fromkeys((value, value.strip())):  # files of keys end in a new line, which programs strip
        folded = len(own) >= _FOLDED_FROM
        codes = [code for code in _codes(own) if len(code) >= _SHORTEST_CODE]
        for text in (*_signs(own), *(_capitals(own) if folded else ()), *_values(own), *codes):
            if len(text) >= SHORTEST:
                found[Spelling(fold(text) if folded else text, folded)] = None
        for code in _hex(own) if len(own) >= SHORTEST else ():
            found[Spelling(code, folded=True)] = None
    half = max(_SHORTEST_PREFIX, (len(value) + 1) // 2)
    if half < len(value) and "://" not in value:  # the first half of an address is its host
        for low in dict.fromkeys(map(fold, _signs(value))):
            found[Spelling(low[:half], folded=True, rest=low[half:])] = None
    return tuple(found)


def _capitals(text: str) -> Iterator[str]:
    """Yield a text in capitals and small letters, where one letter can become two."""
    if not text.isascii():
        yield from (text.upper(), text.lower(), text.title(), text.capitalize(), text.casefold())


def _signs(text: str) -> Iterator[str]:
    """Yield a text as it is, with the spaces of forms, and with the quotes of CSV and SQL."""
    yield text
    yield from (text.replace(" ", "+"), text.replace('"', '""'), text.replace("'", "''"))


def _values(text: str) -> Iterator[str]:
    """Yield how a number, an identifier or a time is shown once a program has read it from a text."""
    with suppress(ValueError):
        yield from (str(whole := int(text)), f"{whole:,}", f"{whole:_}")
    with suppress(ValueError):
        yield str(float(text))
    with suppress(ValueError):
        yield from (str(known := UUID(text)), known.hex, str(known.int))
    for kind in (date, datetime):
        with suppress(ValueError):
            if (read := kind.fromisoformat(text)).isoformat()[:10] == text[:10]:
                yield from (repr(read), str(read), read.isoformat())


def _codes(text: str) -> Iterator[str]:
    """Yield a text in base64, also inside the base64 of a longer text."""
    data = text.encode("utf-8", "surrogatepass")
    yield encodebytes(data).decode().strip()
    for before in range(3):  # how many bytes of the longer text share the first four characters
        code = b64encode(b"\0" * before + data).decode()
        skipped, whole = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
        for each in (code[skipped:whole], code[skipped:].rstrip("="), code[skipped:]):
            yield each
            yield each.translate(_URL_SAFE)


def _hex(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    yield from (data.hex(), data.hex(":"), data.hex(" "), data.hex("-"))
