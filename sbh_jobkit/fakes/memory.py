"""The memory that a run uses: scripted by the world's author, or measured."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sbh_jobkit.errors import Members, WorldError
from sbh_jobkit.run.limits import RealMemory

_NEAR = 0.9
"""The share of the limit from which `check_memory_usage` returns False."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """The memory settings of a snapshot."""

    limit_mb: float
    used_mb: float
    measured: bool


class Memory(Members):
    """`world.memory`: how much memory jobs use and may use; `ctx.check_memory_usage()` compares the two."""

    _called = "world.memory"

    def __init__(self) -> None:
        """Start with a limit of 100 MB and no memory in use."""
        self.limit_mb = 100.0
        self.used_mb = 0.0
        self._kept: MemoryState | None = None
        self.measured = False
        """If True, a run's real memory is measured, and a run over the limit ends; this makes runs slower."""

    def __repr__(self) -> str:
        """Show the memory in use and the limit."""
        used = "measured" if self.measured else f"{self.used_mb:g}"
        return f"<memory: {used} of {self.limit_mb:g} MB>"

    @property
    def limit_mb(self) -> float:
        """The memory limit of a run, in MB."""
        return self._limit_mb

    @limit_mb.setter
    def limit_mb(self, mb: float) -> None:
        self._limit_mb = _amount("world.memory.limit_mb", mb, above=True)

    def use(self, mb: float) -> None:
        """Set the memory that jobs use from now on, in MB."""
        self.used_mb = _amount("world.memory.use", mb)

    @property
    def is_near(self) -> bool:
        """Whether at least 90 % of the limit is in use."""
        used = RealMemory.used_mb() if self.measured else self.used_mb
        return used >= self.limit_mb * _NEAR

    def snapshot(self) -> MemoryState:
        """Return the settings as they are now."""
        kept, now = self._kept, (self._limit_mb, self.used_mb, self.measured)
        if kept is None or (kept.limit_mb, kept.used_mb, kept.measured) != now:
            kept = self._kept = MemoryState(*now)
        return kept

    def restore(self, state: MemoryState) -> None:
        """Set the settings of a snapshot."""
        self.limit_mb, self.used_mb, self.measured = state.limit_mb, state.used_mb, state.measured


def _amount(member: str, mb: object, *, above: bool = False) -> float:
    if isinstance(mb, bool) or not isinstance(mb, (int, float)) or not 0 <= mb < inf or (above and not mb):
        msg = f"{member}: {mb!r} is not an amount of memory; give MB as a number {'above' if above else 'from'} 0"
        raise WorldError(msg)
    return float(mb)
