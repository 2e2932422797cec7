"""Instants: seconds since 1970 in Python, whole microseconds since 1970 in the store."""

from __future__ import annotations

from datetime import UTC

from sbh_jobkit import clock

_SECOND = 1_000_000


def now() -> float:
    """Return the time, in seconds since 1970."""
    return clock.now(UTC).timestamp()


def to_store(epoch: float) -> int:
    """Return an instant in microseconds, given in seconds since 1970."""
    return round(epoch * _SECOND)


def from_store(microseconds: int) -> float:
    """Return an instant in seconds since 1970; whole seconds are exact."""
    seconds, rest = divmod(microseconds, _SECOND)
    return seconds + rest / _SECOND
