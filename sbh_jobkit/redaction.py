"""Secrets' values never leave a run: wherever one stands, `‹secret:NAME›` is shown instead."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHORTEST = 4
"""Shorter values are left alone: they are no secrets, and would blot out ordinary text."""
_DEEPEST = 50
_PLAIN = (int, float, bool, type(None), date, time, timedelta, Decimal, UUID, Enum)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Redactor:
    """Replaces the values of a tenant's secrets by their names."""

    __slots__ = ("_names", "_pattern", "_size")

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the names of secrets by their values."""
        self._size = len(names)
        self._names = {value: name for value, name in names.items() if len(value) >= _SHORTEST}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __len__(self) -> int:
        """Count the values it was made for."""
        return self._size

    def text(self, text: str) -> str:
        """Return the text with names for values."""
        if self._pattern is None or not text:
            return text
        return self._pattern.sub(lambda match: f"‹secret:{self._names[match[0]]}›", text)

    def pasteable(self, text: str) -> str:
        """Return Python that makes the text, with `world.secrets[…]` where a secret's value stands."""
        if self._pattern is None or not self._pattern.search(text):
            return f'"{text}"'
        inner = self._pattern.sub(lambda match: f"{{world.secrets['{self._names[match[0]]}']}}", text)
        return f'f"{inner}"'

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a copy of what a job returned or emitted, with names for values in every text within."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, _PLAIN):
            return value
        if depth > _DEEPEST:
            return "…"
        if isinstance(value, dict):
            return {self.value(key, depth + 1): self.value(item, depth + 1) for key, item in value.items()}
        for kind in (list, tuple, set, frozenset):
            if isinstance(value, kind):
                return kind(self.value(item, depth + 1) for item in value)
        return self.text(_ADDRESS.sub("", f"{value!r}"))
