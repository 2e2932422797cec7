"""The tenant's tables, in memory: what an author reads and writes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit import filters as language
from sbh_jobkit.errors import Members, UnknownTableError, WorldError, did_you_mean
from sbh_jobkit.fakes import csvjson as _rows
from sbh_jobkit.fakes import filter_hints
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.persistent_list import PersistentList
from sbh_jobkit.fakes.plugin_jobs import TABLE as PLUGIN_JOBS
from sbh_jobkit.run.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.latency import Latency
    from sbh_jobkit.fakes.persistent_list import ListSnapshot

    Row = dict[str, Any]
    Gate = Callable[[str, str], None]

_HERE = Path()
_IMMUTABLE = frozenset({str, int, float, bool, type(None), bytes})
"""Immutable types: their values are not copied."""
_EXACT_REPR = _IMMUTABLE | {datetime, date}
"""Types whose values are equal if their reprs are: 1 and True differ, and a datetime shows fold and zone."""


class Tables(Members):
    """`world.db`: insert, update, delete and read rows."""

    _called = "world.db"

    def __init__(
        self,
        zone: Callable[[], ZoneInfo],
        folder: Callable[[], Path] = lambda: _HERE,
        not_begun: Callable[[], str] = lambda: "",
    ) -> None:
        """Start without tables.

        `zone()` is the zone of naive times in filters, `folder()` that of relative paths, `not_begun()` the end of an
        error about a missing table.
        """
        self._tables: dict[str, PersistentList[Row]] = {}
        self._numbers: dict[str, int] = {}
        self._computed: dict[str, Callable[[], list[Row]]] = {}
        self._read_only: dict[str, str] = {}
        self._selections: dict[str, _Selection] = {}
        self._latest: TablesState | None = None
        self._zone = zone
        self._folder = folder
        self._not_begun = not_begun
        self.latency = 0

    @property
    def latency(self) -> float:
        """The virtual time of each query by a job, in seconds; set a number, or text such as "5ms"."""
        return self._latency

    @latency.setter
    def latency(self, latency: Latency) -> None:
        self._latency = _latency.read(latency, "world.db.latency")

    def __contains__(self, table: object) -> bool:
        """Whether the table exists."""
        return isinstance(table, str) and (table in self._tables or table in self._computed)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the tables."""
        return iter([*self._tables, *self._computed])

    def __getitem__(self, table: str) -> Any:
        """Return a table as a pandas DataFrame."""
        return frame(self.rows(table), asked="world.db[…]", instead=", or use world.db.rows(…)")

    def __repr__(self) -> str:
        """Show the number of rows of each table."""
        return f"<db: {', '.join(f'{name} {len(rows)}' for name, rows in self._tables.items()) or 'no tables'}>"

    def create(self, *tables: str) -> None:
        """Create empty tables; existing tables stay as they are."""
        for table in tables:
            self._check_writable(table)
        for table in tables:
            self._tables.setdefault(table, PersistentList())

    def compute(self, table: str, rows: Callable[[], list[Row]], *, because: str) -> None:
        """Create a read-only table: `rows()` is called for each query; `because` explains it in errors."""
        self._computed[table] = rows
        self._read_only[table] = because

    def insert(self, table: str, rows: Mapping[str, Any] | Iterable[Mapping[str, Any]] | Any) -> None:
        """Insert a dict, a list of dicts or a DataFrame, all rows or none; a row without `id` gets the next number."""
        self._check_writable(table)
        added = [copied(row) for row in _as_rows(table, rows)]
        stored = self._tables.setdefault(table, PersistentList())
        self._selections.pop(table, None)
        for row in added:
            number = self._numbers[table] = (
                self._numbers.get(table, 0) + 1
            )  # counts rows with an id, too; a number is never used twice
            stored.append(_stored_row(row if "id" in row else {"id": number, **row}))

    def load(self, table: str, path: str | Path) -> None:
        """Insert the rows of a .csv file (a header, then text; empty is None) or a .json file (a list of objects).

        A relative path begins at the folder of `world.py`. Raises WorldError with the file and the line.
        """
        self._check_writable(table)
        if not isinstance(path, (str, Path)):
            msg = f"world.db.load({table!r}): the path must be text or a Path, got {path!r}"
            raise WorldError(msg)
        self.insert(table, _rows.read(self._folder() / path))

    def update(self, table: str, filters: Mapping[str, Any] | None, changes: Mapping[str, Any]) -> int:
        """Set the fields `changes` in the matching rows; return how many matched."""
        self._check_writable(table)
        rows, matches = self._writable(table), self._predicate(filters)
        matching = {id(row): _stored_row({**row, **copied(changes)}) for row in rows if matches(row)}
        rows.replace(lambda row: matching.get(id(row), row))
        return len(matching)

    def delete(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Remove the matching rows; return how many."""
        self._check_writable(table)
        matches = self._predicate(filters)
        return self._writable(table).retain(lambda row: not matches(row))

    def rows(self, table: str, filters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return copies of the matching rows, in insertion order."""
        return list(self.select(table, filters))

    def select(
        self, table: str, filters: Mapping[str, Any] | None, *, first: int = 0, end: int | None = None
    ) -> list[Row]:
        """Return copies of the matching rows with numbers in [first, end)."""
        rows = self._stored(table)
        if self._matches_all(filters):
            return [copied(row) for row in rows[first:end]]
        return [copied(row) for row in islice(filter(self._predicate(filters), rows), first, end)]

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Return what `select` does; the next page of the same filter continues the search where this one stops."""
        if self._matches_all(filters) or table in self._computed:
            return self.select(table, filters, first=first, end=end)
        rows, key = self._stored(table), (_filter_key(filters), self._zone())
        selection = self._selections.pop(table, None)  # if a limit ends the run in here, it is dropped
        if selection is None or selection.key != key or key[0] is None:
            selection = _Selection(key, filter(self._predicate(filters), rows))
        found = selection.rows(first, end)
        self._selections[table] = selection
        return [copied(row) for row in found]

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count the matching rows."""
        rows = self._stored(table)
        return len(rows) if self._matches_all(filters) else sum(map(self._predicate(filters), rows))

    @staticmethod
    def _matches_all(filters: Mapping[str, Any] | None) -> bool:
        """Whether the filter is None or {}; raises FilterError for other empty values, such as []."""
        if not filters:
            language.parse(filters)
        return not filters

    def snapshot(self) -> TablesState:
        """Return the tables as they are now."""
        kept, rows = self._latest, {name: rows.snapshot() for name, rows in self._tables.items()}
        if kept is None or (kept.rows, kept.numbers, kept.latency) != (rows, self._numbers, self._latency):
            kept = self._latest = TablesState(rows, dict(self._numbers), self._latency)
        return kept

    def restore(self, state: TablesState) -> None:
        """Set the tables of a snapshot."""
        self._selections.clear()
        self._numbers, self._latency = dict(state.numbers), state.latency
        self._tables = {name: PersistentList() for name in state.rows}
        for name, rows in state.rows.items():
            self._tables[name].restore(rows)

    def _writable(self, table: str) -> PersistentList[Row]:
        """Return the rows of a table that is about to change, and drop the page search on it."""
        self._stored(table)
        self._selections.pop(table, None)
        return self._tables[table]

    def _check_writable(self, table: str) -> None:
        if not isinstance(table, str):
            msg = f"a table's name must be text, got {table!r}"
            raise WorldError(msg)
        if table in self._read_only:
            msg = f"table {table!r} cannot be changed: {self._read_only[table]}"
            raise WorldError(msg)

    def _stored(self, table: str) -> Sequence[Row]:
        if table not in self:
            known = did_you_mean(str(table), self) or _known_tables([*self])
            msg = f"there is no table {table!r}{known}{self._not_begun()}"
            raise UnknownTableError(msg)
        return self._computed[table]() if table in self._computed else self._tables[table]

    def explain(self, table: str, filters: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return why a filter that matched no row did not, and what to do, if that is probably a mistake."""
        complete = table in self._computed  # a row of the kit's own tables has all their fields
        return filter_hints.explain(table, self._stored(table), language.parse(filters), complete=complete)

    def _predicate(self, filters: Mapping[str, Any] | None) -> Callable[[Mapping[str, Any]], bool]:
        return language.parse(filters).predicate(self._zone())


@dataclass(frozen=True, slots=True)
class TablesState:
    """The rows and the last given number of each table, and the latency, of a snapshot."""

    rows: dict[str, ListSnapshot[Row]]
    numbers: dict[str, int]
    latency: float


class _Selection:
    """A search for the rows that match a filter; it has gone as far as the last page that was read."""

    __slots__ = ("_found", "_matching", "key")

    def __init__(self, key: tuple[str | None, ZoneInfo], matching: Iterator[Row]) -> None:
        self.key = key
        self._found: list[Row] = []
        self._matching = matching

    def rows(self, first: int, end: int) -> list[Row]:
        self._found.extend(islice(self._matching, max(0, end - len(self._found))))
        return self._found[first:end]


def _filter_key(filters: Any) -> str | None:
    """Return a text that only equal filters share, or None if a value's repr may be ambiguous."""
    waiting = [filters]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            waiting += [*value, *value.values()]
        elif type(value) in {list, tuple}:
            waiting += value
        elif type(value) not in _EXACT_REPR:
            return None
    return repr(filters)


def _known_tables(tables: list[str]) -> str:
    if tables == [PLUGIN_JOBS]:
        return f"; the only one is {PLUGIN_JOBS}, which the kit fills"
    return f"; there are {', '.join(tables) or 'none yet'}"


class _PlainRow(dict[str, Any]):
    """A stored row whose values are all immutable: jobs read many rows, and a shallow copy of these is enough."""

    __slots__ = ()


def _stored_row(row: Row) -> Row:
    return _PlainRow(row) if _IMMUTABLE.issuperset(map(type, row.values())) else row


def copied(row: Mapping[str, Any]) -> Row:
    """Return a deep copy of a row."""
    if type(row) is _PlainRow:
        return row.copy()
    return {key: value if type(value) in _IMMUTABLE else deepcopy(value) for key, value in row.items()}


def _as_rows(table: str, rows: Any) -> Iterator[Mapping[str, Any]]:
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame; isinstance would need pandas
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
