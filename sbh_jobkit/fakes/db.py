"""The tenant's tables, in memory: the author writes, a job reads copies."""

from __future__ import annotations

from copy import deepcopy
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

from sbh_jobkit import filters as language
from sbh_jobkit.errors import FilterError, UnknownTableError, WorldError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.journal import Journal

    Row = dict[str, Any]
    Gate = Callable[[str, str], None]

_Answer = TypeVar("_Answer")
_WHOLE = frozenset({str, int, float, bool, type(None), bytes})
"""Types that need no copy."""


class Tables:
    """`world.db`: insert, update, delete and look at rows."""

    def __init__(self, zone: Callable[[], ZoneInfo]) -> None:
        """Start without tables; naive times in filters are in the zone that `zone` tells."""
        self._tables: dict[str, list[Row]] = {}
        self._numbers: dict[str, count[int]] = {}
        self._computed: dict[str, Callable[[], list[Row]]] = {}
        self._kept: dict[str, str] = {}
        self._zone = zone

    def __contains__(self, table: object) -> bool:
        """Whether the table exists."""
        return isinstance(table, str) and (table in self._tables or table in self._computed)

    def __iter__(self) -> Iterator[str]:
        """Go through the tables' names."""
        return iter([*self._tables, *self._computed])

    def __getitem__(self, table: str) -> Any:
        """Show a table as a pandas DataFrame."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            msg = "world.db[…] shows tables with pandas: pip install 'sbh-jobkit[notebook]', or use world.db.rows(…)"
            raise WorldError(msg) from error
        return DataFrame(self.rows(table))

    def __repr__(self) -> str:
        """Count the rows by table."""
        return f"<db: {', '.join(f'{name} {len(rows)}' for name, rows in self._tables.items()) or 'no tables'}>"

    def create(self, *tables: str) -> None:
        """Make tables that start empty."""
        for table in tables:
            self._check_writable(table)
        for table in tables:
            self._tables.setdefault(table, [])

    def compute(self, table: str, rows: Callable[[], list[Row]], *, because: str) -> None:
        """Make a table whose rows are asked for when someone queries it, and that nobody else can write; say why."""
        self._computed[table] = rows
        self._kept[table] = because

    def insert(self, table: str, rows: Mapping[str, Any] | Iterable[Mapping[str, Any]] | Any) -> None:
        """Add a row, several, or a DataFrame, all or none; a row without `id` gets the next number."""
        self._check_writable(table)
        added = [copied(row) for row in _as_rows(table, rows)]
        numbers = self._numbers.setdefault(table, count(1))
        stored = self._tables.setdefault(table, [])
        for row in added:
            number = next(numbers)  # also for a row with an id, and never again after a delete
            stored.append(row if "id" in row else {"id": number, **row})

    def update(self, table: str, filters: Mapping[str, Any] | None, changes: Mapping[str, Any]) -> int:
        """Change the rows that match; return how many."""
        self._check_writable(table)
        matching = list(filter(self._predicate(filters), self._stored(table)))
        for row in matching:
            row.update(copied(changes))
        return len(matching)

    def delete(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Remove the rows that match; return how many."""
        self._check_writable(table)
        rows, matches = self._stored(table), self._predicate(filters)
        kept = [row for row in rows if not matches(row)]
        removed = len(rows) - len(kept)
        rows[:] = kept
        return removed

    def rows(self, table: str, filters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return copies of the rows that match, in insertion order."""
        return list(self.select(table, filters))

    def select(
        self, table: str, filters: Mapping[str, Any] | None, *, first: int = 0, end: int | None = None
    ) -> list[Row]:
        """Return copies of matching rows number `first` to `end`."""
        rows = self._stored(table)
        if not filters:
            return [copied(row) for row in rows[first:end]]
        return [copied(row) for row in islice(filter(self._predicate(filters), rows), first, end)]

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count the rows that match."""
        rows = self._stored(table)
        return sum(map(self._predicate(filters), rows)) if filters else len(rows)

    def _check_writable(self, table: str) -> None:
        if not isinstance(table, str):
            msg = f"a table's name must be text, got {table!r}"
            raise WorldError(msg)
        if table in self._kept:
            msg = f"table {table!r} is kept by the kit: {self._kept[table]}"
            raise WorldError(msg)

    def _stored(self, table: str) -> list[Row]:
        if table not in self:
            known = did_you_mean(str(table), self) or f"; there are {', '.join(self) or 'none yet'}"
            msg = f"there is no table {table!r}{known}"
            raise UnknownTableError(msg)
        return self._computed[table]() if table in self._computed else self._tables[table]

    def _predicate(self, filters: Mapping[str, Any] | None) -> Callable[[Mapping[str, Any]], bool]:
        return language.parse(filters).predicate(self._zone())


def copied(row: Mapping[str, Any]) -> Row:
    """Return a copy of a row that shares nothing that could be changed."""
    return {key: value if type(value) in _WHOLE else deepcopy(value) for key, value in row.items()}


def _as_rows(table: str, rows: Any) -> Iterator[Mapping[str, Any]]:
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame, without loading pandas to ask
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    elif isinstance(rows, dict):
        rows = [rows]
    if not hasattr(rows, "__iter__") or isinstance(rows, (str, bytes)):
        msg = f"table {table!r}: rows must be a dict, a list of dicts or a DataFrame, got {rows!r}"
        raise WorldError(msg)
    for number, row in enumerate(rows):
        if not hasattr(row, "items") or not all(isinstance(key, str) for key in row):
            msg = f"table {table!r}, row {number}: a row is a dict with text keys, got {row!r}"
            raise WorldError(msg)
        yield row


class FakeDatabase:
    """`ctx.db`: read-only; rows are copies, so that changing them changes nothing."""

    __slots__ = ("_gate", "_journal", "_tables")

    def __init__(self, tables: Tables, journal: Journal, gate: Gate) -> None:
        """Read the tenant's tables."""
        self._tables = tables
        self._journal = journal
        self._gate = gate

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
        return self._asked(
            "query", table, lambda: self._tables.select(table, filters, first=offset, end=offset + limit)
        )

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return one row, or None."""
        self._gate("db.get_by_id", "db.read")
        found = self._asked("get_by_id", table, lambda: self._tables.select(table, {"id": {"$eq": id}}, end=1))
        return found[0] if found else None

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count matching rows."""
        self._gate("db.count", "db.read")
        return self._asked("count", table, lambda: self._tables.count(table, filters))

    def _asked(self, member: str, table: str, answer: Callable[[], _Answer]) -> _Answer:
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
