"""`ctx.db`: a job reads copies of rows, and cannot write."""

from __future__ import annotations

import re
from functools import partial
from sys import maxsize
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sbh_jobkit.context.gate import OfOneRun
from sbh_jobkit.errors import FilterError, Members, PermissionDenied, UnknownTableError
from sbh_jobkit.plugin.members import SYNONYMS, WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sbh_jobkit.context.backends import Hints, Row, RowBackend
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.run.recorder import Recorder

_Answer = TypeVar("_Answer")
_MANY = 100
"""The limit from which a full page is probably taken for all rows; a smaller one is a batch that is meant."""
_FEW = 25
"""The limit from which the same batch in every run is probably taken for all rows."""
_FULL = frozenset({"query-limit", "query-batch"})
_INSTEAD = "keep what a job makes with ctx.files.upload, or send it to an API with ctx.http"


_SQL = re.compile(
    r"[\s(]*(?:select|insert|update|delete|with|create|alter|drop|show|replace|truncate)\s"
    r"|.*(?:\s(?:where|join|union|(?:order|group)\s+by|limit)\s|;\s*(?:--|\w+\s))",
    re.IGNORECASE | re.DOTALL,
)
_AFTER = re.compile(r"\b(?:from|into|update|table)\s+[\"'`\[]?([\w.]+)", re.IGNORECASE)
_NAME = re.compile(r"(?!(?:select|with|show|create)\b)(\w+)\s*(?:;|\s\w)", re.IGNORECASE)
_LONGEST_SHOWN = 60


class Database(OfOneRun, Members):
    """The tenant's tables, read-only."""

    __slots__ = ("_backend", "_gate", "_hints", "_recorder")
    _called = "ctx.db"
    _synonyms: ClassVar[Mapping[str, str]] = SYNONYMS["db"]

    def __init__(self, backend: RowBackend, recorder: Recorder, gate: Gate, hints: Hints) -> None:
        """Read the backend's tables."""
        self._backend = backend
        self._recorder = recorder
        self._gate = gate
        self._hints = hints

    def __getattr__(self, name: str) -> Any:
        """Return a function that refuses to write and records it; any other name is unknown."""
        if name in WRITES:
            return partial(self._refuse_to, name)
        return self._unknown_member(name)

    def _refuse_to(self, name: str, *_: object, **__: object) -> None:
        message = f"ctx.db is read-only to a job: {name} is not offered; it has query, get_by_id and count"
        self._recorder.fault("db-write", f"ctx.db.{name}", message, _INSTEAD)
        raise PermissionDenied(message)

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = 0
    ) -> list[Row]:
        """Return matching rows in insertion order; an unknown table or a wrong filter raises, and is a fault."""
        self._gate("db.query", "db.read")
        for name, number in (("limit", limit), ("offset", offset)):
            if not isinstance(number, int) or number < 0:
                msg = f"db.query({table!r}): {name} must be a whole number from 0, got {number!r}"
                self._recorder.fault("filter-invalid", "ctx.db.query", msg)
                raise FilterError(msg)
        first, end = min(offset, maxsize), min(offset + limit, maxsize)
        found = self._ask("query", table, lambda: self._backend.page(table, filters, first, end))
        self._recorder.rows_read += len(found)
        if len(found) == limit > 0 or offset:
            self._note_limit(table, filters, offset, found if len(found) == limit else None)
        if filters and not offset:
            self._recorder.found("query", (table, *filters)) if found else self._note_empty(table, filters)
        return found

    def _note_limit(
        self, table: str, filters: Mapping[str, Any] | None, offset: int, full: Sequence[Row] | None
    ) -> None:
        """Note that more rows match than a query returned, until the same run asks for the next ones."""
        notes, asked = self._recorder.notes, (table, repr(filters))
        notes[:] = [each for each in notes if each.kind not in _FULL or each.subject[:3] != (*asked, offset)]
        has_row = getattr(self._backend, "has_row", None)
        if full is None or len(full) < _FEW or has_row is None or not has_row(table, filters, offset + len(full)):
            return
        subject = (*asked, offset + len(full))
        if len(full) >= _MANY:
            self._recorder.note("query-limit", subject)
        else:
            self._recorder.note("query-batch", (*subject, repr(full[-1].get("id"))))

    def _note_empty(self, table: str, filters: Mapping[str, Any]) -> None:
        self._recorder.note("query-empty", (table, dict(filters)))

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return one row, or None."""
        self._gate("db.get_by_id", "db.read")
        row = self._ask("get_by_id", table, lambda: self._backend.get(table, id))
        self._recorder.rows_read += row is not None
        return row

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count matching rows."""
        self._gate("db.count", "db.read")
        return self._ask("count", table, lambda: self._backend.count(table, filters))

    def _ask(self, member: str, table: str, answer: Callable[[], _Answer]) -> _Answer:
        try:
            return answer()
        except UnknownTableError as error:
            sql = _sql_problem(
                table, partial(self._recorder.shown, f"ctx.db.{member}", "SQL in place of a table's name")
            )
            advice = self._hints.table(table) if sql is None else None
            self._recorder.fault("table-unknown", f"ctx.db.{member}", sql or str(error), advice)
            if sql is not None:
                raise UnknownTableError(sql) from None
            raise
        except FilterError as error:
            self._recorder.fault("filter-invalid", f"ctx.db.{member}", f"table {table!r}: {error}")
            raise


def _sql_problem(table: object, redacted: Callable[[str], str]) -> str | None:
    """Return what is wrong with SQL in place of a table's name, in one line; None for anything else."""
    if not isinstance(table, str) or not _SQL.match(table):
        return None
    line = " ".join(redacted(table).split())  # before the cut, because half a value is not found
    shown = line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
    first = _NAME.match(line)
    name = found[1] if (found := _AFTER.search(line)) else first[1] if first else "users"
    return f"{shown!r} is SQL; give the name of a table, and filters: ctx.db.query({name!r}, {{'id': 1}})"
