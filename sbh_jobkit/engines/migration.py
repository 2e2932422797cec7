"""Older stores brought up to date: the tables of version 1 become those of today, with all that is in them.

All of it is one transaction. What came after version 2 only adds: tables, indexes, and columns that may be empty. So
processes of the older kit, which do not know them, go on meanwhile and afterwards. A store of version 1 has a row for
each due instant, not for each attempt: its tables are made again and filled from the old ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, literal, select, text, update
from sqlalchemy.schema import CreateColumn, MetaData, Table

from sbh_jobkit.engines import schema

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Index
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import ReflectedIndex

OLDEST = 1
_PATIENCE = "SET LOCAL lock_timeout = '5s'"
"""How long PostgreSQL waits for others, such as a backup: workers wait behind it, and their leases go on."""


def migrate(connection: Connection) -> None:
    """Bring an older store up to date, unless another process just did; the transaction is the caller's."""
    version = select(schema.store_version.c.version).with_for_update()
    if connection.execute(version).scalar_one() == schema.VERSION:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(_PATIENCE))
    there = inspect(connection).get_table_names()
    for table in schema.metadata.sorted_tables:
        if table.name in there:
            _bring_up(connection, table)
    schema.metadata.create_all(connection)
    connection.execute(update(schema.store_version).values(version=schema.VERSION))


def _bring_up(connection: Connection, table: Table) -> None:
    found = {column["name"] for column in inspect(connection).get_columns(table.name)}
    new = [column for column in table.c if column.name not in found]
    if found - set(table.c.keys()) or not all(column.nullable for column in new):
        _make_again(connection, table)
        return
    quote = connection.dialect.identifier_preparer.quote
    for column in new:
        described = CreateColumn(column).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {quote(table.name)} ADD COLUMN {described}"))
    indexes = {index["name"]: index for index in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        found_index = indexes.get(index.name)
        if found_index is not None and _is_same(index, found_index, connection.dialect.name):
            continue
        if found_index is not None:
            index.drop(connection)
        index.create(connection)


def _is_same(index: Index, found: ReflectedIndex, dialect: str) -> bool:
    """Whether an index has the same columns, and leaves rows out if it is to do so."""
    is_partial = index.dialect_options[dialect]["where"] is not None
    was_partial = f"{dialect}_where" in found.get("dialect_options", {})
    return [column.name for column in index.columns] == found["column_names"] and is_partial == was_partial


def _make_again(connection: Connection, table: Table) -> None:
    quote = connection.dialect.identifier_preparer.quote
    old_name = f"{table.name}_old"
    for index in inspect(connection).get_indexes(table.name):  # the new ones have the same names
        connection.execute(text(f"DROP INDEX {quote(index['name'] or '')}"))
    connection.execute(text(f"ALTER TABLE {quote(table.name)} RENAME TO {quote(old_name)}"))
    old = Table(old_name, MetaData(), autoload_with=connection)
    table.create(connection)
    names = [column.name for column in table.c if column.name in old.c or not column.nullable]
    values: list[ColumnElement[object]] = [
        old.c[name] if name in old.c else literal(_default(table, name), table.c[name].type) for name in names
    ]
    connection.execute(insert(table).from_select(names, select(*values), include_defaults=False))
    old.drop(connection)


def _default(table: Table, name: str) -> object:
    """Return what a column holds that the old table did not have."""
    default = table.c[name].default
    assert default is not None  # noqa: S101  a column that may not be empty has one, or older stores could not be read
    return default.arg  # type: ignore[attr-defined]  # each is a plain value
