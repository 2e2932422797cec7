"""Files that SQLite writes beside the one that was connected to: `ATTACH` and `VACUUM INTO` name them in a statement.

Python says nothing of these, so each connection that a plugin makes is asked for an authorizer, which SQLite calls.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT = "sqlite3.connect"
"""Python's audit event for a file that SQLite opens, which is also ours for one that it attaches."""


def install(of_plugin: Callable[[], bool]) -> None:
    """Replace `sqlite3.connect`; `of_plugin` says whether this thread runs a plugin's code."""
    import sqlite3

    sqlite3.connect = sqlite3.dbapi2.connect = _watched(sqlite3.connect, of_plugin)


def _watched(connect: Callable[..., Any], of_plugin: Callable[[], bool]) -> Callable[..., Any]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        if of_plugin():
            connection.set_authorizer(_authorize)
        return connection

    return call


def _authorize(action: int, name: str | None, *_: object) -> int:
    import sqlite3

    if action == sqlite3.SQLITE_ATTACH and name:
        sys.audit(CONNECT, name)
    return sqlite3.SQLITE_OK
