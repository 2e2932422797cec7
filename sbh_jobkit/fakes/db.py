"""What a job sees of the tenant's tables: it reads copies, and cannot write."""

from __future__ import annotations

from functools import partial
from sys import maxsize
from typing import TYPE_CHECKING, Any, TypeVar

from sbh_jobkit.errors import FilterError, PermissionDenied, UnknownTableError, did_you_mean
from sbh_jobkit.fakes.faults import latency as _latency

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.run.recorder import Recorder

    Row = dict[str, Any]
    Gate = Callable[[str, str], None]

_Answer = TypeVar("_Answer")
_WRITES = frozenset({"insert", "update", "delete", "execute", "create", "upsert", "save", "commit"})
_INSTEAD = "keep what a job makes with ctx.files.upload, or send it to an API with ctx.http"


class FakeDatabase:
    """`ctx.db`: read-only; rows are copies, so that changing them changes nothing."""

    __slots__ = ("_gate", "_journal", "_tables", "_trouble")

    def __init__(self, tables: Tables, journal: Recorder, gate: Gate, trouble: FaultInjector | None = None) -> None:
        """Read the tenant's tables."""
        self._tables = tables
        self._journal = journal
        self._gate = gate
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        """Refuse to write once it is called, and say so in the run; any other name is unknown."""
        if name in _WRITES:
            return partial(self._refuse_to, name)
        msg = f"ctx.db has no {name!r}{did_you_mean(name, ('query', 'get_by_id', 'count'))}"
        raise AttributeError(msg)

    def _refuse_to(self, name: str, *_: object, **__: object) -> None:
        message = f"ctx.db is read-only to a job: {name} is not offered; it has query, get_by_id and count"
        self._journal.fault("db-write", f"ctx.db.{name}", message, _INSTEAD)
        raise PermissionDenied(message)

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = 0
    ) -> list[Row]:
        """Return matching rows in insertion order; raises for an unknown table or a wrong filter, and notes a fault."""
        self._gate("db.query", "db.read")
        for name, number in (("limit", limit), ("offset", offset)):
            if not isinstance(number, int) or number < 0:
                msg = f"db.query({table!r}): {name} must be a whole number from 0, got {number!r}"
                self._journal.fault("filter-invalid", "ctx.db.query", msg)
                raise FilterError(msg)
        found = self._asked(
            "query",
            table,
            lambda: self._tables.page(table, filters, min(offset, maxsize), min(offset + limit, maxsize)),
        )
        self._journal.rows_read += len(found)
        return found

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return one row, or None."""
        self._gate("db.get_by_id", "db.read")
        found = self._asked("get_by_id", table, lambda: self._tables.select(table, {"id": {"$eq": id}}, end=1))
        self._journal.rows_read += len(found)
        return found[0] if found else None

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count matching rows."""
        self._gate("db.count", "db.read")
        return self._asked("count", table, lambda: self._tables.count(table, filters))

    def _asked(self, member: str, table: str, answer: Callable[[], _Answer]) -> _Answer:
        _latency.advance(self._tables.latency)
        self._meet_trouble()
        try:
            return answer()
        except UnknownTableError as error:
            paste = f'world.db.insert("{table}", [{{…}}]), or world.db.create("{table}") for an empty one'
            advice = paste if isinstance(table, str) else "give the table's name as text"
            self._journal.fault("table-unknown", f"ctx.db.{member}", str(error), advice)
            raise
        except FilterError as error:
            self._journal.fault("filter-invalid", f"ctx.db.{member}", f"table {table!r}: {error}")
            raise

    def _meet_trouble(self) -> None:
        if self._trouble is not None and (refused := self._trouble.ask("db")) is not None:
            raise TimeoutError(refused.text)
