"""Texts as they read without their escapes: those of URLs, of JSON and Python, and of HTML.

Programs differ in which characters they escape: httpx leaves `=` in a path as it is and escapes `{`, others do both or
neither. No list of spellings has all mixtures; a text without its escapes has the value as it is.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_TWICE = 2
"""How many layers of escapes are read, such as JSON in JSON."""
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_BEGUN = re.compile(r"(?:%[0-9a-f]?|\\(?:[xu][0-9a-f]{0,3}|U[0-9a-f]{0,7})?|&#?\w{0,7})\Z", re.IGNORECASE)
"""An escape of which a cut left the first characters."""


class View(NamedTuple):
    """A text without one or two layers of its escapes."""

    text: str
    places: Sequence[int]
    """Where each of its characters begins in the text with escapes, and where that ends."""


def _bytes(data: bytes, digits: int) -> Iterator[tuple[str, int]]:
    """Yield the characters of UTF-8, and of Latin-1 where it is not UTF-8; `digits` is how long an escaped byte is."""
    at = 0
    while at < len(data):
        first = data[at]
        size = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4  # noqa: PLR2004  UTF-8
        try:
            character = data[at : at + size].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            size, character = 1, chr(first)
        yield character, size * digits
        at += size


def _percent(text: str) -> Iterator[tuple[str, int]]:
    return _bytes(bytes.fromhex(text.replace("%", "")), 3)


def _backslash(text: str) -> Iterator[tuple[str, int]]:
    kind = text[1].lower()
    if kind == "x":
        yield from _bytes(bytes.fromhex(text.lower().replace(r"\x", "")), 4)
    elif len(text) >= len(r"\000") and text[1:4].isdigit():
        yield from _bytes(bytes(int(digits, 8) for digits in text[1:].split("\\")), 4)
    elif kind != "u":
        yield _SIMPLE.get(kind, kind), 2
    elif len(text) == len(r"\U00000000"):
        yield chr(min(int.from_bytes(bytes.fromhex(text[2:])), sys.maxunicode)), len(text)
    else:
        half = len(r"\u0000")
        pair = "".join(chr(int(text[at + 2 : at + half], 16)) for at in range(0, len(text), half))
        yield pair.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"), len(text)


def _entity(text: str) -> Iterator[tuple[str, int]]:
    read = next((read for each in (text, text.lower()) if len(read := unescape(each)) == 1), None)
    yield from [(read, len(text))] if read is not None else [(each, 1) for each in text]


_READ = {"%": _percent, "\\": _backslash, "&": _entity}
_PERCENT = r"(?i:%[0-9a-f]{2})+"
_BACKSLASH = (
    r"\\U00(?i:[01][0-9a-f]{5})|\\(?i:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u[0-9a-f]{4})"
    r"|(?i:\\x[0-9a-f]{2})+|(?:\\[0-3][0-7]{2})+|\\(?i:[abfnrtv0'\"\\/])"
)
_ENTITY = r"&(?i:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});"
_EACH = tuple(map(re.compile, (_PERCENT, _BACKSLASH, _ENTITY)))
_ALL = re.compile(f"{_PERCENT}|{_BACKSLASH}|{_ENTITY}")


class Escapes:
    """Reads texts without their escapes, to find some values in them."""

    __slots__ = ("_patterns",)

    def __init__(self, values: Iterable[str]) -> None:
        """Read all kinds of escapes at once, or each kind alone if a value has what looks like an escape itself."""
        self._patterns = _EACH if any(map(_ALL.search, values)) else (_ALL,)

    def texts(self, text: str) -> Iterator[str]:
        """Yield what a text reads without one and without two layers of escapes, if it has any."""
        met, layer = {text}, [text]
        for _ in range(_TWICE):
            read = [pattern.sub(_plain, each) for each in layer if may_be_escaped(each) for pattern in self._patterns]
            layer = [each for each in dict.fromkeys(read) if each not in met]
            met.update(layer)
            yield from layer

    def views(self, text: str) -> Iterator[View]:
        """Yield the same with the places of the characters, and the text itself first."""
        met, layer = {text}, [View(text, range(len(text) + 1))]
        yield layer[0]
        for _ in range(_TWICE):
            read = [_view(pattern, each) for each in layer if may_be_escaped(each.text) for pattern in self._patterns]
            layer = [*{each.text: each for each in read if each.text not in met}.values()]
            met.update(each.text for each in layer)
            yield from layer


def may_be_escaped(text: str) -> bool:
    """Whether a text has the sign of an escape; most have none."""
    return "%" in text or "\\" in text or "&" in text


def without_begun(text: str) -> str:
    """Return a text that was cut without an escape that the cut left incomplete."""
    return _BEGUN.sub("", text)


@lru_cache(maxsize=1 << 12)
def _characters(escapes: str) -> tuple[str, tuple[int, ...]]:
    """Return the characters of a match, and in how many characters each is written."""
    read = [*_READ[escapes[0]](escapes)]
    return "".join([character for character, _ in read]), tuple([length for _, length in read])


def _plain(found: re.Match[str]) -> str:
    return _characters(found[0])[0]


def _view(pattern: re.Pattern[str], view: View) -> View:
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for found in pattern.finditer(view.text):
        parts.append(view.text[end : found.start()])
        places += view.places[end : found.start()]
        text, lengths = _characters(found[0])
        parts.append(text)
        at = found.start()
        for length in lengths:
            places.append(view.places[at])
            at += length
        end = found.end()
    return View("".join([*parts, view.text[end:]]), [*places, *view.places[end:]])
