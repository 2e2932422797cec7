"""Instants: seconds since 1970 in Python, whole microseconds since 1970 in the store."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import text

from sbh_jobkit import clock

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_SECOND = 1_000_000
_DATABASE_NOW = text("SELECT EXTRACT(EPOCH FROM clock_timestamp())")


def now() -> float:
    """Return the time, in seconds since 1970."""
    return clock.now(UTC).timestamp()


def now_in(connection: Connection) -> float:
    """Return the time of the database, which all machines share; a SQLite file has that of this machine."""
    return now() if connection.dialect.name == "sqlite" else float(connection.execute(_DATABASE_NOW).scalar_one())


def to_store(epoch: float) -> int:
    """Return an instant in microseconds, given in seconds since 1970."""
    return round(epoch * _SECOND)


def from_store(microseconds: int) -> float:
    """Return an instant in seconds since 1970; whole seconds are exact."""
    seconds, rest = divmod(microseconds, _SECOND)
    return seconds + rest / _SECOND
