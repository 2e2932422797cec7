"""Redaction: in all that is kept of a run, `‹secret:NAME›` replaces the values of secrets."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sbh_jobkit.machine import interrupts
from sbh_jobkit.plugin.places import PACKAGE, authors_terms
from sbh_jobkit.run.escapes import Escapes, View, may_be_escaped, without_begun
from sbh_jobkit.run.outcome import DEEPEST, is_plain, texts_of
from sbh_jobkit.run.spellings import SHORTEST, Spelling, fold, spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NONE: frozenset[str] = frozenset()
_MOST_BITS = 14_000
_MOST_REPEATS = 10_000
"""How often a copy looks into lists and dicts that it has met before: one that holds itself has endless paths."""
_SHORT, _MOST_KNOWN = 300, 2_000
"""Texts up to this length are looked at once, and so many are remembered: a job asks for the same addresses again."""
_PLAIN = (int, float, date, time, timedelta, Decimal, UUID, Enum)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_API = re.compile(r"[a-z]+://[\w.-]+(:\d+)?(/(v?\d{1,3}|[a-z_-]+))*/?", re.ASCII)
"""The address of an API, such as `https://api.example.com/rest/v2`: replaced in texts, but it is not a leak."""


class _Found(NamedTuple):
    """Where a text shows a secret."""

    start: int
    end: int
    name: str
    harmless: bool
    partial: bool
    """Whether it is the beginning of a value that goes on differently."""


class _Secret(NamedTuple):
    name: str
    harmless: bool
    """Whether it is the address of an API, which lets nobody in."""


class Redactor:
    """Replaces the values of a tenant's secrets by their names."""

    __slots__ = ("_as_written", "_escapes", "_folded", "_known", "_secrets", "_shown_names", "given")

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the names of the secrets by their values."""
        self.given = dict(names)
        """The names by values that it was made for."""
        self._secrets: dict[Spelling, _Secret] = {}
        for value, name in sorted(names.items(), key=lambda item: -len(item[0])):
            secret = _Secret(name, _API.fullmatch(value) is not None)
            for spelling in spellings(value):
                self._secrets.setdefault(spelling, secret)
        for value, name in names.items():
            for own in spellings(value)[:1]:  # what is a secret itself is no other one's spelling
                self._secrets[own] = _Secret(name, _API.fullmatch(value) is not None)
        self._shown_names = _without_values(names)
        self._known: dict[str, str] = {}
        self._escapes = Escapes(names)
        self._folded = tuple(spelling.text for spelling in self._secrets if spelling.folded)
        self._as_written = tuple(spelling.text for spelling in self._secrets if not spelling.folded)

    def __len__(self) -> int:
        """Return how many values it was made for."""
        return len(self.given)

    def concerns(self, text: str) -> bool:
        """Whether a text has anything that must be replaced."""
        return PACKAGE in text or (bool(self._secrets) and self._shows(text))

    def names(self, text: str) -> frozenset[str]:
        """Return the names of the secrets whose values are in a text, except mere addresses of APIs."""
        if not self._secrets or not self._shows(text):
            return _NONE
        return frozenset(found.name for found in self._find(text) if not found.harmless)

    def after_base(self, url: str) -> str:
        """Return the rest of a URL after a secret that it begins with, such as the address of a webhook."""
        base = next(iter(self._find(url)), None)
        return url[base.end :] if base is not None and base.start == 0 and "://" in url[: base.end] else url

    def text(self, text: str) -> str:
        """Return the text with names in place of values."""
        if not self._secrets or len(text) < SHORTEST:
            return text
        known = self._known.get(text)
        if known is not None:
            return known
        shown = self._replaced(text, "‹secret:{}›".format) if self._shows(text) else text
        if len(text) < _SHORT:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text] = shown
        return shown

    def beginning(self, text: str) -> str:
        """Return a text that was cut, redacted, and without a value's first characters at its end."""
        end = len(text)
        for view in (*self._escapes.views(text), *self._escapes.views(without_begun(text))):
            if (begun := self._begun(view.text)) < len(view.text):
                end = min(end, view.places[begun])
        return self.text(text[:end])

    def _begun(self, text: str) -> int:
        """Return where the longest first part of a value begins with which a text ends, else the text's length."""
        low, end = fold(text), len(text)
        for spelling in self._secrets:
            whole, searched = spelling.text, low if spelling.folded else text
            for length in range(min(len(whole) - 1, len(text)), SHORTEST - 1, -1):
                if searched.endswith(whole[:length]):
                    end = min(end, len(text) - length)
                    break
        return end

    def pasteable(self, text: str) -> str:
        """Return a Python expression for the text, with `world.secrets[…]` in place of a secret's value."""
        inner = self._replaced(text, "{{world.secrets['{}']}}".format)
        return f'"{text}"' if inner is text else f'f"{inner}"'

    def value(self, value: Any) -> Any:
        """Return a copy of what a job returned or emitted, with names in place of values in every text."""
        return self.copy(value)[0]

    def copy(self, value: Any, *, plain: bool | None = None) -> tuple[Any, frozenset[str]]:
        """Return such a copy, and the names of the secrets that were in it, except mere addresses of APIs.

        `plain` says whether the value is plain, where that is known.
        """
        if value is None:
            return None, _NONE
        if (is_plain(value) if plain is None else plain) and not self.concerns(texts_of(value)):
            return (dict(value) if type(value) is dict else value), _NONE
        copy = _Copy(self)
        return copy.copy(value), frozenset(copy.names) if copy.names else _NONE

    def _shows(self, text: str) -> bool:
        if len(text) < SHORTEST:
            return False
        if self._has(text):
            return True
        return may_be_escaped(text) and any(map(self._has, self._escapes.texts(text)))

    def _has(self, text: str) -> bool:
        if self._folded:
            low = fold(text)
            for spelling in self._folded:
                if spelling in low:
                    return True
        for spelling in self._as_written:  # noqa: SIM110  it is asked of each text, and a generator costs more
            if spelling in text:
                return True
        return False

    def _find(self, text: str) -> Iterator[_Found]:
        """Yield every place of a secret, from left to right, the longest first where several begin."""
        found = [each for view in self._escapes.views(text) for each in self._in(view)]
        end = 0
        for each in sorted(found, key=lambda one: (one.start, -one.end, one.partial, one.harmless)):
            if each.end > end:
                yield each
                end = each.end

    def _in(self, view: View) -> Iterator[_Found]:
        low = fold(view.text)
        for spelling in self._secrets:
            searched = low if spelling.folded else view.text
            start = searched.find(spelling.text)
            while start >= 0:
                end = start + len(spelling.text)
                for letter in spelling.rest:
                    if not searched.startswith(letter, end):
                        break
                    end += 1
                first, last = view.places[start], view.places[end]
                yield _Found(first, last, *self._secrets[spelling], partial=bool(spelling.rest))
                start = searched.find(spelling.text, end)

    def _replaced(self, text: str, mark: Callable[[str], str]) -> str:
        parts, end, last = [], 0, ""
        for found in self._find(text):
            if found.start >= end or found.name != last:  # two spellings of one secret can share characters
                parts += [text[end : found.start], mark(self._shown_names.get(found.name, found.name))]
            end, last = found.end, found.name
        return "".join([*parts, text[end:]]) if parts else text


class _Copy:
    """Copies one value; it ends also if the value contains itself."""

    __slots__ = ("_met", "_path", "_redactor", "_repeats", "names")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._path: set[int] = set()
        self._met: set[int] = set()
        self._repeats = 0
        self.names: set[str] = set()

    def copy(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value if type(value) is str else str.__str__(value))  # its class may show another
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # Python refuses to write it
            return f"<a whole number of {value.bit_length():,} bits>"
        if isinstance(value, _PLAIN):
            return self._plain(value)
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._container(value)
        return self._text(_ADDRESS.sub("", _shown(value, repr)))

    def _text(self, text: str) -> str:
        if not self._redactor.concerns(text):
            return text
        self.names |= self._redactor.names(text)
        return authors_terms(self._redactor.text(text))

    def _plain(self, value: Any) -> Any:
        """Return a number, a time or a member of an enumeration as it is, unless it shows a secret."""
        if not len(self._redactor):
            return value
        masked = [kind.__repr__(value) for kind in (int, float) if isinstance(value, kind) and type(value) is not kind]
        for text in (_shown(value, str), _shown(value, repr), *masked):  # JSON has the number, whatever its class shows
            if self._redactor.concerns(text):
                return self._text(text)
        return value

    def _container(self, value: Any) -> Any:
        here = id(value)
        self._repeats += here in self._met
        if here in self._path or len(self._path) > DEEPEST or self._repeats > _MOST_REPEATS:
            return "…"
        self._met.add(here)
        self._path.add(here)
        try:
            return self._filled(value)
        except Exception as error:  # noqa: BLE001  a list or dict of the plugin's own kind may raise anything
            return self._text(f"<{type(value).__name__}: reading it raised {type(error).__name__}>")
        finally:
            self._path.discard(here)

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
            return self._text(_shown(value, repr))
        return copy


def _without_values(names: Mapping[str, str]) -> dict[str, str]:
    """Return what to show of the names that have a value in them, as a job can name a secret that it sets."""
    every = "\n".join(dict.fromkeys(names.values()))
    values = sorted((value for value in names if len(value) >= SHORTEST and value in every), key=len, reverse=True)
    shown = {}
    for name in names.values() if values else ():
        left = name
        for value in values:
            left = left.replace(value, "…")
        shown[name] = left
    return shown


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    try:
        return show(value)
    except BaseException as error:
        if interrupts.must_pass(error):
            raise
        return f"<{type(value).__name__}: its {show.__name__} raised {type(error).__name__}>"
