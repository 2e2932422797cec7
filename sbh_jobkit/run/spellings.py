"""The ways in which programs write one value: quoted, escaped, in URLs, as bytes, in base64 and hex, or cut short."""

from __future__ import annotations

import json
from base64 import b64encode, encodebytes
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus
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
_BOTH_QUOTES = "'\""
_LEFT_IN_URLS = "!$%&'()*+,/:;=?@[\\]^`{|}"
_MARKUPSAFE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
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
    if len(low) == len(text):
        return low
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


@lru_cache(maxsize=1 << 12)
def spellings(value: str) -> tuple[Spelling, ...]:
    """Return every way to write a value, the value itself first; none for one that is too short."""
    if len(value) < SHORTEST:
        return ()
    texts = dict.fromkeys([value, *_escapes(value)])
    texts = texts | dict.fromkeys(twice for once in texts for twice in _escapes(once))
    texts = texts | dict.fromkeys(text for text in _values(value) if len(text) >= SHORTEST)
    texts = texts | dict.fromkeys(code for code in _codes(value) if len(code) >= _SHORTEST_CODE)
    folded = len(value) >= _FOLDED_FROM
    found = dict.fromkeys(Spelling(fold(text) if folded else text, folded) for text in texts)
    half = max(_SHORTEST_PREFIX, (len(value) + 1) // 2)
    if half < len(value) and "://" not in value:  # the first half of an address is its host
        low = fold(value)
        found[Spelling(low[:half], folded=True, rest=low[half:])] = None
    return tuple(found)


def _escapes(text: str) -> Iterator[str]:
    """Yield a text as it is written inside quotes, in JSON, as bytes, in URLs, in forms and in HTML."""
    data = text.encode("utf-8", "surrogatepass")
    yield repr(text)[1:-1]
    yield repr(text + _BOTH_QUOTES)[1:-4]  # as it is written in a longer text that has both quotes
    yield repr(data)[2:-1]
    yield repr(data + _BOTH_QUOTES.encode())[2:-4]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield from (quote(data), quote(data, safe=""), quote(data, safe=_LEFT_IN_URLS), quote_plus(data))
    yield from (escape(text), escape(text, quote=False), text.translate(_MARKUPSAFE), text.translate(_XML))


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
    """Yield a text in hex and base64, also inside the base64 of a longer text."""
    data = text.encode("utf-8", "surrogatepass")
    yield from (data.hex(), data.hex(":"), data.hex(" "), data.hex("-"))
    yield encodebytes(data).decode().strip()
    for before in range(3):  # how many bytes of the longer text share the first four characters
        code = b64encode(b"\0" * before + data).decode()
        skipped, whole = (before * 8 + 5) // 6, (before + len(data)) * 8 // 6
        for each in (code[skipped:whole], code[skipped:].rstrip("="), code[skipped:]):
            yield each
            yield each.translate(_URL_SAFE)
