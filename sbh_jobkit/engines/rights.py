"""Whether the user of a PostgreSQL may read and write all tables; asked before anything is made or begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from sbh_jobkit.engines import schema
from sbh_jobkit.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_MISSING = text("""
    SELECT name, schema, "right", current_user AS who
    FROM (
        SELECT oid, relname AS name, relnamespace::regnamespace::text AS schema
        FROM pg_class
        WHERE relkind = 'r' AND relnamespace = to_regnamespace(:more)
           OR oid IN (SELECT to_regclass(own) FROM unnest(CAST(:own AS text[])) AS own)
    ) AS found, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS "right"
    WHERE NOT has_table_privilege(oid, "right") OR NOT has_schema_privilege(schema, 'USAGE')
    ORDER BY schema, name LIMIT 1
""")


def require(connection: Connection, shown: str, more: str | None = None) -> None:
    """Raise StoreError for a user who may not read and write all tables, with what their owner has to type.

    `more` is a schema whose tables are needed, too. A SQLite file has no users.
    """
    if connection.dialect.name == "sqlite":
        return
    own = [table.name for table in schema.metadata.sorted_tables]
    found = connection.execute(_MISSING, {"own": own, "more": more}).first()
    if found is not None:
        msg = f"the user {found.who!r} may not {found.right} the table {found.name} of the store {shown!r}; let its"
        msg += f" owner type: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {found.schema} TO"
        msg += f' "{found.who}"'
        raise StoreError(msg)
