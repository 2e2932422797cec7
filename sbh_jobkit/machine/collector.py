"""Python's garbage collector, while a simulation keeps every run."""

from __future__ import annotations

import gc
from typing import Self

_SELDOM = 10_000


class SeldomCollected:
    """While it is open, the collector looks for cycles less often: nearly all that is new is kept, and no cycle."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before = gc.get_threshold()

    def __enter__(self) -> Self:
        """Let more objects be made between two looks, unless the collector is off or looks less often already."""
        self._before = first, *others = gc.get_threshold()
        if 0 < first < _SELDOM:
            gc.set_threshold(_SELDOM, *others)
        return self

    def __exit__(self, *_: object) -> None:
        """Set what was set before, unless someone has changed it meanwhile."""
        if gc.get_threshold()[0] == _SELDOM:
            gc.set_threshold(*self._before)
