"""SeededRandom that is the same in every simulation with the same seed, and that a snapshot can go back to."""

from __future__ import annotations

from random import Random
from typing import Any


class SeededRandom(Random):
    """`world.random`: draws as `random.Random` does, and knows whether it has drawn since it was last kept."""

    def __init__(self, seed: int = 0) -> None:
        """Begin with a seed."""
        self._kept: Any = None
        super().__init__(seed)

    def seed(self, *seed: Any, **version: Any) -> None:
        """Begin anew."""
        self._kept = None
        super().seed(*seed, **version)

    def random(self) -> float:
        """Draw a number from 0 to before 1."""
        self._kept = None
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        """Draw k random bits."""
        self._kept = None
        return super().getrandbits(k)

    def snapshot(self) -> Any:
        """Keep what would be drawn next; as long as nothing is drawn, it is the same value and costs nothing."""
        if self._kept is None:
            self._kept = self.getstate()
        return self._kept

    def restore(self, state: Any) -> None:
        """Draw what would have been drawn at a snapshot."""
        self.setstate(state)
        self._kept = state
