"""Random numbers with a seed and snapshots: the same seed gives the same simulation."""

from __future__ import annotations

from random import Random
from typing import Any


class SeededRandom(Random):
    """`world.random`: a `random.Random` that can be part of a snapshot."""

    def __init__(self, seed: int = 0) -> None:
        """Start with a seed."""
        self._kept: Any = None
        super().__init__(seed)

    def seed(self, *seed: Any, **version: Any) -> None:
        """Start again with another seed."""
        self._kept = None
        super().seed(*seed, **version)

    def random(self) -> float:
        """Return a number in [0, 1)."""
        self._kept = None
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        """Return an integer of `k` random bits."""
        self._kept = None
        return super().getrandbits(k)

    def snapshot(self) -> Any:
        """Return the state; it is computed only if a number was drawn since the last call."""
        if self._kept is None:
            self._kept = self.getstate()
        return self._kept

    def restore(self, state: Any) -> None:
        """Set the state of a snapshot: the same numbers follow."""
        self.setstate(state)
        self._kept = state
