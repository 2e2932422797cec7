"""Redaction: in all that is kept of a run, `‹secret:NAME›` replaces the values of secrets."""

from __future__ import annotations

import json
import re
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus
from uuid import UUID

from sbh_jobkit.plugin.places import PACKAGE, authors_terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHORTEST = 4
"""Shorter values are not replaced: they would hide ordinary text."""
_DEEPEST = 50
_MOST_REPEATS = 10_000
"""How often a copy looks into lists and dicts that it has met before: one that holds itself has endless paths."""
_PLAIN = (int, float, bool, type(None), date, time, timedelta, Decimal, UUID, Enum)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_API = re.compile(r"[a-z]+://[\w.-]+(:\d+)?(/(v?\d{1,3}|[a-z_-]+))*/?", re.ASCII)
"""The address of an API, such as `https://api.example.com/rest/v2`: replaced in texts, but it is not a leak."""
_BOTH_QUOTES = "'\""
_LEFT_IN_URLS = "!$%&'()*+,/:;=?@[\\]^`{|}"


class Redactor:
    """Replaces the values of a tenant's secrets by their names."""

    __slots__ = ("_harmless", "_names", "_pattern", "given")

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the names of the secrets by their values."""
        self.given = dict(names)
        """The names by values that it was made for."""
        plain = {value: name for value, name in names.items() if len(value) >= _SHORTEST}
        self._names = {spelling: name for value, name in plain.items() for spelling in _spellings(value)} | plain
        addresses = list(filter(_API.fullmatch, plain))
        self._harmless = {*addresses, *(spelling for value in addresses for spelling in _spellings(value))}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __len__(self) -> int:
        """Return how many values it was made for."""
        return len(self.given)

    def concerns(self, text: str) -> bool:
        """Whether a text has anything that must be replaced."""
        return PACKAGE in text or (self._pattern is not None and self._pattern.search(text) is not None)

    def names(self, text: str) -> frozenset[str]:
        """Return the names of the secrets whose values are in a text, except mere addresses of APIs."""
        found = {match[0] for match in self._pattern.finditer(text)} if self._pattern is not None else set()
        return frozenset(self._names[spelling] for spelling in found - self._harmless)

    def after_base(self, url: str) -> str:
        """Return the rest of a URL after a secret that it begins with, such as the address of a webhook."""
        base = self._pattern.match(url) if self._pattern is not None else None
        return url[base.end() :] if base is not None and "://" in base[0] else url

    def text(self, text: str) -> str:
        """Return the text with names in place of values."""
        if self._pattern is None or not text:
            return text
        return self._pattern.sub(lambda match: f"‹secret:{self._names[match[0]]}›", text)

    def pasteable(self, text: str) -> str:
        """Return a Python expression for the text, with `world.secrets[…]` in place of a secret's value."""
        if self._pattern is None or not self._pattern.search(text):
            return f'"{text}"'
        inner = self._pattern.sub(lambda match: f"{{world.secrets['{self._names[match[0]]}']}}", text)
        return f'f"{inner}"'

    def value(self, value: Any) -> Any:
        """Return a copy of what a job returned or emitted, with names in place of values in every text."""
        return _Copy(self).copy(value)


class _Copy:
    """Copies one value; it ends also if the value contains itself."""

    __slots__ = ("_met", "_path", "_redactor", "_repeats")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._path: set[int] = set()
        self._met: set[int] = set()
        self._repeats = 0

    def copy(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._container(value)
        return self._text(_ADDRESS.sub("", _shown(value)))

    def _text(self, text: str) -> str:
        return authors_terms(self._redactor.text(text))

    def _container(self, value: Any) -> Any:
        here = id(value)
        self._repeats += here in self._met
        if here in self._path or len(self._path) > _DEEPEST or self._repeats > _MOST_REPEATS:
            return "…"
        self._met.add(here)
        self._path.add(here)
        copy = self._filled(value)
        self._path.remove(here)
        return copy

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self.copy(item) for key, item in value.items()}
        if isinstance(value, (set, frozenset)):
            return (set if isinstance(value, set) else frozenset)(map(self._key, value))
        return (list if isinstance(value, list) else tuple)(map(self.copy, value))

    def _key(self, value: Any) -> Any:
        copy = self.copy(value)
        try:
            hash(copy)
        except TypeError:  # a dict or a list of the plugin's own kind that can be a key
            return self._text(_shown(value))
        return copy


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  a plugin's objects may raise anything, and the run has ended already
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"


def _spellings(value: str) -> Iterator[str]:
    """Yield the ways in which programs write a value: inside quotes, in JSON, as bytes, in URLs and forms."""
    data = value.encode("utf-8", "surrogatepass")
    yield repr(value)[1:-1]
    yield repr(value + _BOTH_QUOTES)[1:-4]  # as it is written in a longer text that has both quotes
    yield repr(data)[2:-1]
    yield repr(data + _BOTH_QUOTES.encode())[2:-4]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (quote(data), quote(data, safe=""), quote(data, safe=_LEFT_IN_URLS), quote_plus(data))
