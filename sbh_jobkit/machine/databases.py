"""Files that SQLite writes beside the one that was connected to: `ATTACH` and `VACUUM INTO` name them in a statement.

Python says nothing of these, so each connection that a plugin makes gets an authorizer, which SQLite asks first, and a
trace of its statements, which has the name of a file that is given as a parameter.
"""

from __future__ import annotations

import re
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT = "sqlite3.connect"
"""Python's audit event for a file that SQLite opens, which is also ours for one that it attaches."""
_ATTACH = re.compile(r"\s*attach\s+(?:database\s+)?'((?:[^']|'')*)'", re.IGNORECASE)


def install(of_plugin: Callable[[], bool]) -> None:
    """Replace `sqlite3.connect`; `of_plugin` says whether this thread runs a plugin's code."""
    import sqlite3

    sqlite3.connect = sqlite3.dbapi2.connect = _watched(sqlite3.connect, of_plugin)


def _watched(connect: Callable[..., Any], of_plugin: Callable[[], bool]) -> Callable[..., Any]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        if of_plugin():
            _watch(connection)
        return connection

    return call


def _watch(connection: Any) -> None:
    """Hear of the files that a connection attaches."""
    import sqlite3

    unnamed = False

    def authorize(action: int, name: str | None, *_: object) -> int:
        nonlocal unnamed
        if action == sqlite3.SQLITE_ATTACH:
            unnamed = name is None
            if name:
                sys.audit(CONNECT, name)
        return sqlite3.SQLITE_OK

    def trace(statement: str) -> None:
        nonlocal unnamed
        found = _ATTACH.match(statement) if unnamed else None
        if found is not None and found[1]:
            unnamed = False
            sys.audit(CONNECT, found[1].replace("''", "'"))

    connection.set_authorizer(authorize)
    connection.set_trace_callback(trace)
