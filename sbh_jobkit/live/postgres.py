"""PostgreSQL's driver, held to reading: psycopg begins every transaction READ ONLY, and its cursors send only queries.

The transaction alone is not enough: a statement that ends it could begin another, one that writes.
"""

from __future__ import annotations

import re
from typing import Any, Self

from sbh_jobkit.live.optional import needed

with needed("a PostgreSQL database", "postgres"):
    import psycopg

# Comments are not skipped: where one ends is the database's to say. The semicolon is how SQLAlchemy tries a connection.
_QUERY = re.compile(r"[\s(]*(SELECT|WITH|VALUES|TABLE|SHOW)\b|;\Z", re.ASCII | re.IGNORECASE)


class NotAQueryError(psycopg.errors.ReadOnlySqlTransaction):
    """A statement that may do more than read."""


class ReadingCursor(psycopg.Cursor[Any]):
    """Sends queries, and nothing that begins, ends or changes a transaction."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Send one query; raises NotAQueryError for another statement."""
        _check(query)
        return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:
        """Send one query several times."""
        _check(query)
        super().executemany(query, params_seq, returning=returning)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """Raise NotAQueryError: copying is not reading."""
        del params, options
        raise _refusal(statement)


def begin_read_only(connection: Any, _: object = None) -> None:
    """Let every transaction of a new connection read alone, from one state of the database."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _check(query: Any) -> None:
    text = query.decode("utf-8", "replace") if isinstance(query, bytes) else query
    if isinstance(text, str) and not _QUERY.match(text):
        raise _refusal(text)


def _refusal(statement: object) -> NotAQueryError:
    first = " ".join(f"{statement}".split())[:40]
    return NotAQueryError(f"only queries are sent to a tenant's database, got {first!r}")
