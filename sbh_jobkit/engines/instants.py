"""Instants as the store has them: whole microseconds since 1970."""

from __future__ import annotations

_SECOND = 1_000_000


def to_store(epoch: float) -> int:
    """Return an instant in microseconds, given in seconds since 1970."""
    return round(epoch * _SECOND)


def from_store(microseconds: int) -> float:
    """Return an instant in seconds since 1970; whole seconds are exact."""
    seconds, rest = divmod(microseconds, _SECOND)
    return seconds + rest / _SECOND
