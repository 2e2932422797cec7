"""The columns of a table: what kind of value each holds, and how a value of the database becomes one of a row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII | re.DOTALL)


class Kind(StrEnum):
    """What a column holds, where it is not NULL."""

    INTEGER = "integer"
    FLOAT = "float"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TEXT = "text"
    AWARE = "aware"
    """Times with a zone."""
    NAIVE = "naive"
    """Times without a zone."""
    DATE = "date"
    BYTES = "bytes"
    UUID = "uuid"
    JSON = "json"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column."""

    name: str
    kind: Kind
    sql: sa.ColumnElement[Any]
    dynamic: bool
    """Whether each value has a type of its own, as in SQLite."""
    collated: bool = False
    """Whether the column has a collation of its own, for which texts that differ may be equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One table."""

    table: sa.FromClause
    columns: dict[str, Column]
    order: Sequence[sa.ColumnElement[Any]]
    """What rows are sorted by."""
    converted: tuple[tuple[str, Callable[[Any], Any]], ...]
    """The columns' names, each with what makes its values those that a job knows."""

    def rows(self, found: Any) -> list[dict[str, Any]]:
        """Return rows of a result as a job sees them."""
        return [self.row(values) for values in found]

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return one row; values behind those of the columns are left out."""
        return {name: convert(value) for (name, convert), value in zip(self.converted, values, strict=False)}


def read_shape(connection: Connection, name: str) -> Shape:
    """Ask the database for the columns of a table or a view."""
    inspector, lite = sa.inspect(connection), connection.dialect.name == "sqlite"
    described = inspector.get_columns(name)
    table = sa.table(name, *(sa.column(each["name"]) for each in described))
    columns = {
        each["name"]: Column(
            name=each["name"],
            kind=_kind(each["type"], lite=lite),
            sql=table.c[each["name"]],
            dynamic=lite,
            collated=getattr(each["type"], "collation", None) is not None,
        )
        for each in described
    }
    keys = [columns[key] for key in inspector.get_pk_constraint(name)["constrained_columns"]]
    order = [_ordered(column) for column in keys]
    if not order and name in inspector.get_table_names():  # a table without a key: the order on disk
        order = [sa.literal_column("rowid" if lite else "ctid")]
    converted = tuple((name, _CONVERT[column.kind, column.dynamic]) for name, column in columns.items())
    return Shape(table=table, columns=columns, order=order, converted=converted)


def _ordered(column: Column) -> sa.ColumnElement[Any]:
    return sa.collate(column.sql, "C") if column.kind is Kind.TEXT and not column.dynamic else column.sql


def _kind(declared: Any, *, lite: bool) -> Kind:
    if isinstance(declared, (sa.Enum, postgresql.CITEXT)) or (isinstance(declared, sa.CHAR) and not lite):
        return Kind.OTHER  # they compare by rules of their own
    if isinstance(declared, sa.DateTime):
        return Kind.AWARE if declared.timezone and not lite else Kind.NAIVE
    if isinstance(declared, sa.REAL) and not lite:
        return Kind.OTHER  # four bytes: what is read is not the number that SQL compares
    found = next((kind for of, kind in _KINDS if isinstance(declared, of)), Kind.OTHER)
    return Kind.FLOAT if found is Kind.NUMERIC and isinstance(declared, sa.Float) else found


_KINDS: tuple[tuple[Any, Kind], ...] = (
    (sa.Boolean, Kind.BOOLEAN),
    (sa.Integer, Kind.INTEGER),
    (sa.Float, Kind.FLOAT),
    (sa.Numeric, Kind.NUMERIC),
    (sa.Date, Kind.DATE),
    (sa.JSON, Kind.JSON),
    (sa.Uuid, Kind.UUID),
    (sa.LargeBinary, Kind.BYTES),
    (sa.String, Kind.TEXT),
)


def _same(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    """Turn what only PostgreSQL's driver knows into values that a job knows."""
    if isinstance(value, UUID):
        return str(value)
    return bytes(value) if isinstance(value, memoryview) else value


def _flag(value: Any) -> Any:
    return bool(value) if type(value) is int and value in {0, 1} else value


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _day(value: Any) -> Any:
    moment = _moment(value)
    whole = isinstance(moment, datetime) and len(value) == len("2026-01-05")
    return date(moment.year, moment.month, moment.day) if whole else moment


def _object(value: Any) -> Any:
    if not isinstance(value, (str, bytes)):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_CONVERT: dict[tuple[Kind, bool], Callable[[Any], Any]] = {
    **{(kind, False): _same for kind in Kind},
    **{(kind, True): _same for kind in Kind},
    (Kind.UUID, False): _plain,
    (Kind.BYTES, False): _plain,
    (Kind.OTHER, False): _plain,
    (Kind.BOOLEAN, True): _flag,
    (Kind.NAIVE, True): _moment,
    (Kind.AWARE, True): _moment,
    (Kind.DATE, True): _day,
    (Kind.JSON, True): _object,
}
