"""A SQLite store moved into PostgreSQL: everything that it holds, in one transaction, or nothing.

Runs, marks, pauses and tokens are the same rows afterwards, and secrets stay encrypted with their key. The plugins that
were uploaded are packed from their folders, since workers fetch them from the store. The old store stays as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.engines import catalogue, identity, schema
from sbh_jobkit.engines.heartbeat import Lives
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.packages import pack
from sbh_jobkit.engines.store import why
from sbh_jobkit.errors import PluginError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store

TABLES = [table for table in schema.metadata.sorted_tables if table is not schema.store_version]
_AT_ONCE = 1_000


def copy(source: Store, target: Store) -> dict[str, int]:
    """Copy all rows of a SQLite store into an empty one in PostgreSQL; return how many each table has.

    Raises StoreError while a scheduler serves the source, for a target that has rows, and for what PostgreSQL refuses.
    """
    try:
        with source.write() as reading, target.write() as writing:  # so nobody else changes either of them
            _require_idle(reading, source)
            _require_empty(writing, target)
            for table in TABLES:
                _copy_rows(reading, writing, table)
            _pack_uploads(writing)
            return {table.name: _count(writing, table) for table in TABLES}
    except SQLAlchemyError as error:
        msg = f"the store {source.shown!r} cannot be copied, and nothing was: {why(error)}"
        raise StoreError(msg) from error


def _require_idle(connection: Connection, store: Store) -> None:
    at = now()
    for each in Lives.read(connection, at).alive(at):
        who = identity.describe(each.worker)
        msg = f"the store {store.shown!r} is served by {who}, which was alive {at - each.end:.0f} s ago; stop it first"
        raise StoreError(msg)


def _require_empty(connection: Connection, store: Store) -> None:
    quote = connection.dialect.identifier_preparer.quote
    connection.execute(text(f"LOCK TABLE {', '.join(quote(table.name) for table in TABLES)} IN EXCLUSIVE MODE"))
    for table in TABLES:
        if rows := _count(connection, table):
            msg = f"the store {store.shown!r} is not empty: {table.name} has {rows:,} rows; copy into a new database"
            raise StoreError(msg)


def _copy_rows(reading: Connection, writing: Connection, table: Table) -> None:
    rows = reading.execution_options(yield_per=_AT_ONCE).execute(select(table).order_by(*table.primary_key.columns))
    for some in rows.mappings().partitions():
        writing.execute(insert(table), [dict(row) for row in some])


def _pack_uploads(connection: Connection) -> None:
    c = schema.plugin.c
    uploads = connection.execute(select(c.tenant, c.plugin, c.path).where(c.is_uploaded, c.package.is_(None))).all()
    for row in uploads:
        try:
            packed = pack(Path(row.path))
        except (PluginError, OSError) as error:
            msg = f"the upload of {row.plugin} at {row.tenant} cannot be packed, and nothing was copied: {error}"
            raise StoreError(msg) from error
        catalogue.write_package(connection, row.tenant, row.plugin, *packed)


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
