"""The memory that a run may use: scripted by the world's author, or measured."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sbh_jobkit.errors import WorldError
from sbh_jobkit.run.limits import RealMemory

_NEAR = 0.9
"""Share of the limit from which `check_memory_usage` answers False."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """What was scripted at one moment."""

    limit_mb: float
    used_mb: float
    measured: bool


class Memory:
    """`world.memory`: what `ctx.check_memory_usage()` measures, against `limit_mb`."""

    def __init__(self) -> None:
        """Let jobs have 100 MB, of which they use nothing."""
        self.limit_mb = 100.0
        self.used_mb = 0.0
        self._kept: MemoryState | None = None
        self.measured = False
        """Whether what Python allocates in a run is counted, and passing the limit ends it; it is slower then."""

    def __repr__(self) -> str:
        """Say how much is used of how much."""
        used = "measured" if self.measured else f"{self.used_mb:g}"
        return f"<memory: {used} of {self.limit_mb:g} MB>"

    @property
    def limit_mb(self) -> float:
        """How much a run may use, in MB."""
        return self._limit_mb

    @limit_mb.setter
    def limit_mb(self, mb: float) -> None:
        self._limit_mb = _amount("world.memory.limit_mb", mb, above=True)

    def use(self, mb: float) -> None:
        """Let jobs use that much from now on."""
        self.used_mb = _amount("world.memory.use", mb)

    @property
    def is_near(self) -> bool:
        """Whether the limit is near or passed."""
        used = RealMemory.used_mb() if self.measured else self.used_mb
        return used >= self.limit_mb * _NEAR

    def snapshot(self) -> MemoryState:
        """Keep what is scripted now."""
        state = MemoryState(self.limit_mb, self.used_mb, self.measured)
        self._kept = self._kept if self._kept == state else state
        return self._kept

    def restore(self, state: MemoryState) -> None:
        """Use what was scripted at a snapshot."""
        self.limit_mb, self.used_mb, self.measured = state.limit_mb, state.used_mb, state.measured


def _amount(member: str, mb: object, *, above: bool = False) -> float:
    if isinstance(mb, bool) or not isinstance(mb, (int, float)) or not 0 <= mb < inf or (above and not mb):
        msg = f"{member}: {mb!r} is not an amount of memory; give MB as a number {'above' if above else 'from'} 0"
        raise WorldError(msg)
    return float(mb)
