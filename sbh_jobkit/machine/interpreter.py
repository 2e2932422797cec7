"""What a plugin's code takes away from Python itself is given back: where modules are found, and how deep calls go."""

from __future__ import annotations

import sys
from typing import Any, Self

_LISTS = ("path", "meta_path", "path_hooks")


class Interpreter:
    """Open it around a plugin's code; what the code adds stays."""

    __slots__ = ("_depth", "_lists")

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lists: list[tuple[str, list[Any], list[Any]]] = []
        self._depth = 0

    def __enter__(self) -> Self:
        """Remember how it is."""
        self._lists = [(name, now := getattr(sys, name), now[:]) for name in _LISTS]
        self._depth = sys.getrecursionlimit()
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what is missing."""
        for name, original, before in self._lists:
            now = getattr(sys, name)
            if now is original and now == before:
                continue
            if not isinstance(now, list):
                setattr(sys, name, now := original)
            if not all(each in now for each in before):
                now[:] = [*before, *(each for each in now if each not in before)]
        if sys.getrecursionlimit() < self._depth:
            sys.setrecursionlimit(self._depth)
