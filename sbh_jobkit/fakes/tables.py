"""The tenant's tables, in memory, as their author fills them and looks at them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit import filters as language
from sbh_jobkit.errors import UnknownTableError, WorldError, did_you_mean
from sbh_jobkit.fakes import csvjson as _rows
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.persistent_list import PersistentList
from sbh_jobkit.run.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.latency import Latency
    from sbh_jobkit.fakes.persistent_list import ListSnapshot

    Row = dict[str, Any]
    Gate = Callable[[str, str], None]

_HERE = Path()
_WHOLE = frozenset({str, int, float, bool, type(None), bytes})
"""Types that need no copy."""
_WRITTEN = _WHOLE | {datetime, date}
"""Types whose repr tells all of a value: 1 is not True, and a datetime has its fold and its zone."""


class Tables:
    """`world.db`: insert, update, delete and look at rows."""

    def __init__(self, zone: Callable[[], ZoneInfo], folder: Callable[[], Path] = lambda: _HERE) -> None:
        """Start without tables; naive times in filters are in the zone, relative paths in the folder, as those tell."""
        self._tables: dict[str, PersistentList[Row]] = {}
        self._numbers: dict[str, int] = {}
        self._computed: dict[str, Callable[[], list[Row]]] = {}
        self._kept: dict[str, str] = {}
        self._selections: dict[str, _Selection] = {}
        self._latest: TablesState | None = None
        self._zone = zone
        self._folder = folder
        self.latency = 0

    @property
    def latency(self) -> float:
        """How many seconds of virtual time each of a job's queries takes; set seconds, or text such as "5ms"."""
        return self._latency

    @latency.setter
    def latency(self, latency: Latency) -> None:
        self._latency = _latency.read(latency, "world.db.latency")

    def __contains__(self, table: object) -> bool:
        """Whether the table exists."""
        return isinstance(table, str) and (table in self._tables or table in self._computed)

    def __iter__(self) -> Iterator[str]:
        """Go through the tables' names."""
        return iter([*self._tables, *self._computed])

    def __getitem__(self, table: str) -> Any:
        """Show a table as a pandas DataFrame."""
        return frame(self.rows(table), asked="world.db[…]", instead=", or use world.db.rows(…)")

    def __repr__(self) -> str:
        """Count the rows by table."""
        return f"<db: {', '.join(f'{name} {len(rows)}' for name, rows in self._tables.items()) or 'no tables'}>"

    def create(self, *tables: str) -> None:
        """Make tables that start empty."""
        for table in tables:
            self._check_writable(table)
        for table in tables:
            self._tables.setdefault(table, PersistentList())

    def compute(self, table: str, rows: Callable[[], list[Row]], *, because: str) -> None:
        """Make a table whose rows are asked for when someone queries it, and that nobody else can write; say why."""
        self._computed[table] = rows
        self._kept[table] = because

    def insert(self, table: str, rows: Mapping[str, Any] | Iterable[Mapping[str, Any]] | Any) -> None:
        """Add a row, several, or a DataFrame, all or none; a row without `id` gets the next number."""
        self._check_writable(table)
        added = [copied(row) for row in _as_rows(table, rows)]
        stored = self._about_to_change(table, self._tables.setdefault(table, PersistentList()))
        for row in added:
            number = self._numbers[table] = self._numbers.get(table, 0) + 1  # also with an id, and never again
            stored.append(row if "id" in row else {"id": number, **row})

    def load(self, table: str, path: str | Path) -> None:
        """Insert the rows of a .csv (a header, then text; what is empty is None) or a .json file (a list of objects).

        A relative path begins at the folder of `world.py`. Raises WorldError with the file and the line.
        """
        self._check_writable(table)
        if not isinstance(path, (str, Path)):
            msg = f"world.db.load({table!r}): the path must be text or a Path, got {path!r}"
            raise WorldError(msg)
        self.insert(table, _rows.read(self._folder() / path))

    def update(self, table: str, filters: Mapping[str, Any] | None, changes: Mapping[str, Any]) -> int:
        """Change the rows that match; return how many."""
        self._check_writable(table)
        rows, matches = self._own(table), self._predicate(filters)
        matching = {id(row): {**row, **copied(changes)} for row in rows if matches(row)}
        rows.replace(lambda row: matching.get(id(row), row))
        return len(matching)

    def delete(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Remove the rows that match; return how many."""
        self._check_writable(table)
        matches = self._predicate(filters)
        return self._own(table).retain(lambda row: not matches(row))

    def rows(self, table: str, filters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return copies of the rows that match, in insertion order."""
        return list(self.select(table, filters))

    def select(
        self, table: str, filters: Mapping[str, Any] | None, *, first: int = 0, end: int | None = None
    ) -> list[Row]:
        """Return copies of matching rows number `first` to `end`."""
        rows = self._stored(table)
        if self._takes_all(filters):
            return [copied(row) for row in rows[first:end]]
        return [copied(row) for row in islice(filter(self._predicate(filters), rows), first, end)]

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Do the same for one who comes back for the next page: rows are not looked at again for it."""
        if self._takes_all(filters) or table in self._computed:
            return self.select(table, filters, first=first, end=end)
        rows, key = self._stored(table), (_spelled(filters), self._zone())
        selection = self._selections.pop(table, None)  # nobody else has it now, and a limit that hits leaves it out
        if selection is None or selection.key != key or key[0] is None:
            selection = _Selection(key, filter(self._predicate(filters), rows))
        found = selection.rows(first, end)
        self._selections[table] = selection
        return [copied(row) for row in found]

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count the rows that match."""
        rows = self._stored(table)
        return len(rows) if self._takes_all(filters) else sum(map(self._predicate(filters), rows))

    @staticmethod
    def _takes_all(filters: Mapping[str, Any] | None) -> bool:
        """Whether there is nothing to filter by; raises FilterError for what is nothing and no filter, such as []."""
        if not filters:
            language.parse(filters)
        return not filters

    def snapshot(self) -> TablesState:
        """Keep the rows as they are now."""
        rows = {name: rows.snapshot() for name, rows in self._tables.items()}
        state = TablesState(rows, dict(self._numbers), self._latency)
        self._latest = self._latest if self._latest == state else state
        return self._latest

    def restore(self, state: TablesState) -> None:
        """Have the rows of a snapshot again."""
        self._selections.clear()
        self._numbers, self._latency = dict(state.numbers), state.latency
        self._tables = {name: PersistentList() for name in state.rows}
        for name, past in state.rows.items():
            self._tables[name].restore(past)

    def _own(self, table: str) -> PersistentList[Row]:
        """Return the rows of a table that is no computed one and about to change."""
        self._stored(table)
        return self._about_to_change(table, self._tables[table])

    def _about_to_change(self, table: str, rows: PersistentList[Row]) -> PersistentList[Row]:
        self._selections.pop(table, None)
        return rows

    def _check_writable(self, table: str) -> None:
        if not isinstance(table, str):
            msg = f"a table's name must be text, got {table!r}"
            raise WorldError(msg)
        if table in self._kept:
            msg = f"table {table!r} is kept by the kit: {self._kept[table]}"
            raise WorldError(msg)

    def _stored(self, table: str) -> Sequence[Row]:
        if table not in self:
            known = did_you_mean(str(table), self) or f"; there are {', '.join(self) or 'none yet'}"
            msg = f"there is no table {table!r}{known}"
            raise UnknownTableError(msg)
        return self._computed[table]() if table in self._computed else self._tables[table]

    def _predicate(self, filters: Mapping[str, Any] | None) -> Callable[[Mapping[str, Any]], bool]:
        return language.parse(filters).predicate(self._zone())


@dataclass(frozen=True, slots=True)
class TablesState:
    """Every table's rows and the last number that it gave, at one moment, and how long a query takes."""

    rows: dict[str, ListSnapshot[Row]]
    numbers: dict[str, int]
    latency: float


class _Selection:
    """The rows of a table that match a filter, found as far as somebody has asked."""

    __slots__ = ("_found", "_rest", "key")

    def __init__(self, key: tuple[str | None, ZoneInfo], matching: Iterator[Row]) -> None:
        self.key = key
        self._found: list[Row] = []
        self._rest = matching

    def rows(self, first: int, end: int) -> list[Row]:
        self._found.extend(islice(self._rest, max(0, end - len(self._found))))
        return self._found[first:end]


def _spelled(filters: Any) -> str | None:
    """Write a filter down so that two that are written alike mean the same; None where that cannot be known."""
    waiting = [filters]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            waiting += [*value, *value.values()]
        elif type(value) in {list, tuple}:
            waiting += value
        elif type(value) not in _WRITTEN:
            return None
    return repr(filters)


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
