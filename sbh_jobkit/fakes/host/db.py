"""`ctx.db` on today's host: one fixed user, one fixed project, and nothing else (D1, D3, D43)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.db import Database
from sbh_jobkit.context.gate import Gate
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.services import FakeRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.context.backends import Hints
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.run.recorder import Recorder

    Row = dict[str, Any]

_NOT_GIVEN: Any = None.__class__  # an argument that no caller passes; None would be a value
ROWS: Mapping[str, Row] = {
    "users": {"id": "1", "email": "user@example.com", "first_name": "Test", "last_name": "User", "role": "user"},
    "projects": {"id": "1", "name": "Sample Project", "description": "A sample project", "status": "active"},
}
"""The rows of today's host by table, whatever the tenant holds; the fields are the host's, the values stand for its."""


class HostDatabase(Database):
    """The tables, of which the host answers two, each with its one row."""

    __slots__ = ("_promised", "_rows")

    def __init__(
        self, tables: Tables, rows: FakeRows, recorder: Recorder, gate: Gate, hints: Hints, *, unread: Recorder
    ) -> None:
        """Answer as the host does.

        Each answer is compared with the guide's, from `tables`; `unread` takes the faults of the guide's answers, and
        is not used.
        """
        super().__init__(rows, recorder, gate, hints)
        self._rows = rows
        self._promised = Database(FakeRows(tables, None), unread, Gate(unread), hints)

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = _NOT_GIVEN
    ) -> list[Row]:
        """Return the table's one row, or nothing (D3); raises TypeError for an offset (D1)."""
        if offset is not _NOT_GIVEN:
            message = f"today's host accepts no offset: ctx.db.query({table!r}, offset={offset!r}) raises TypeError"
            self._recorder.divergence("D1", "ctx.db.query", message)
            msg = "ctx.db.query() takes no offset"
            raise TypeError(msg)
        self._gate("db.query", "db.read")
        rows = self._host_rows(table)
        self._recorder.rows_read += len(rows)
        self._compare("query", table, rows, lambda: self._promised.query(table, filters, limit))
        return rows

    def get_by_id(self, table: str, record_id: Any = _NOT_GIVEN, *, id: Any = _NOT_GIVEN) -> Row | None:  # type: ignore[override] # noqa: A002  the names of the host and of the contract
        """Return the table's one row, whatever the id, or None (D3); raises TypeError for the name `id` (D43)."""
        if id is not _NOT_GIVEN or record_id is _NOT_GIVEN:
            if id is not _NOT_GIVEN:
                message = f"today's host calls it record_id: ctx.db.get_by_id({table!r}, id={id!r}) raises TypeError"
                self._recorder.divergence("D43", "ctx.db.get_by_id", message)
            msg = "ctx.db.get_by_id() takes table and record_id"
            raise TypeError(msg)
        self._gate("db.get_by_id", "db.read")
        row = next(iter(self._host_rows(table)), None)
        self._recorder.rows_read += row is not None
        self._compare("get_by_id", table, row, lambda: self._promised.get_by_id(table, record_id))
        return row

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Return 1 for users and projects, 0 for other tables (D3)."""
        self._gate("db.count", "db.read")
        number = len(self._host_rows(table))
        self._compare("count", table, number, lambda: self._promised.count(table, filters))
        return number

    def _host_rows(self, table: object) -> list[Row]:
        self._rows.connect()
        return [dict(ROWS[table])] if isinstance(table, str) and table in ROWS else []

    def _compare(self, member: str, table: object, answer: Any, promise: Callable[[], Any]) -> None:
        if _is_same(promise, answer):
            return
        known = "one row of its own" if answer else "no row"
        shown = "that row" if answer and member != "count" else f"{answer!r}"
        message = f"today's host has {known} in {table!r}: ctx.db.{member} returns {shown}"
        self._recorder.divergence("D3", f"ctx.db.{member}", message)


def _is_same(promise: Callable[[], Any], answer: Any) -> bool:
    """Whether the guide's answer is the same, compared by repr: some values in rows cannot be compared by ==."""
    try:
        promised = promise()
    except JobkitError:
        return False
    if isinstance(promised, list) and len(promised) != len(answer):
        return False
    return repr(promised) == repr(answer)
