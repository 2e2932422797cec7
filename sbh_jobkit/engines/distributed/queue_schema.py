"""The queue's tables: made and migrated by a command, and held against what this Procrastinate knows at every start."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import text

from sbh_jobkit.engines import rights
from sbh_jobkit.engines.store import MIGRATE, Store
from sbh_jobkit.errors import StoreError
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from sqlalchemy.engine import Connection

SCHEMA = "sbh_queue"
WHOLE = "schema.sql"
"""Procrastinate's script that makes all of its tables."""
_OLDEST = 130_000
"""The oldest version of PostgreSQL that will do."""
_FIND = text(f"SELECT to_regclass('{SCHEMA}.applied')")
_APPLIED = text(f"SELECT name FROM {SCHEMA}.applied")  # noqa: S608  our own name


def open_shared(url: str, *, has_queue: bool = True) -> Store:
    """Open a store that has all tables for workers; raises StoreError with what to do about another one.

    With another engine than Procrastinate, those of its queue need not be there.
    """
    require_shared(url)
    store = Store.open(url, migrates=False)
    try:
        with store.read() as connection:
            require_version(connection, store.shown)
            rights.require(connection, store.shown, SCHEMA)
        if has_queue:
            require(store)
    except BaseException:
        store.close()
        raise
    return store


def require_shared(url: str) -> None:
    """Raise StoreError for the URL of a SQLite file."""
    if url.startswith("sqlite"):
        msg = f"workers need a store in PostgreSQL, and {url!r} is SQLite; name one with --store postgresql://…"
        raise StoreError(msg)


def require(store: Store) -> None:
    """Raise StoreError for a store without the queue's tables, or with others than this Procrastinate knows."""
    with store.read() as connection:
        found = _found(connection)
    newest = _steps()[-1].name
    if found is None:
        msg = f"the store {store.shown!r} has no queue for workers yet; {MIGRATE}"
    elif found < newest:
        msg = f"the queue of the store {store.shown!r} is of an older version ({found}); {MIGRATE}"
    elif found > newest:
        msg = f"the queue of the store {store.shown!r} is of a newer version ({found}) than this Procrastinate knows"
        msg += f" ({newest}); install the newer one"
    else:
        return
    raise StoreError(msg)


def require_version(connection: Connection, shown: str, version: int | None = None) -> None:
    """Raise StoreError for a PostgreSQL that is too old; without `version`, the server is asked for its own."""
    if version is None:
        version = int(connection.execute(text("SELECT current_setting('server_version_num')")).scalar_one())
    if version < _OLDEST:
        msg = f"workers need PostgreSQL 13 or newer, and the store {shown!r} is version {version // 10_000}"
        raise StoreError(msg)


def migrate(store: Store) -> list[str]:
    """Make the queue's tables, or bring them up to date; return what was applied."""
    with store.write() as connection:
        return apply(connection, store.shown)


def apply(connection: Connection, shown: str) -> list[str]:
    """Do the same in the transaction of the caller; raises StoreError."""
    require_version(connection, shown)
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('sbh_queue'))"))  # one at a time
    found, steps = _found(connection), _steps()
    if found is None:
        todo = [WHOLE]
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        connection.execute(text(f"CREATE TABLE {SCHEMA}.applied (name text PRIMARY KEY)"))
        scripts = [_sql(WHOLE)]
    else:
        scripts = [step for step in steps if step.name > found]
        todo = [step.name for step in scripts]
    before = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
    for script in scripts:
        _execute(connection, script, shown)
    connection.exec_driver_sql(f"SET LOCAL search_path TO {before}")
    connection.execute(text(f"DELETE FROM {SCHEMA}.applied"))  # noqa: S608  our own name
    connection.execute(text(f"INSERT INTO {SCHEMA}.applied VALUES (:name)"), {"name": steps[-1].name})  # noqa: S608
    return todo


def _execute(connection: Connection, script: Traversable, shown: str) -> None:
    from psycopg import Error

    driver = connection.connection.driver_connection
    try:
        driver.execute(script.read_text(encoding="utf-8"))  # type: ignore[union-attr] # the connection is open
    except Error as error:
        msg = f"the queue of the store {shown!r} cannot be migrated by {script.name}: {f'{error}'.splitlines()[0]}"
        raise StoreError(msg) from error


def _found(connection: Connection) -> str | None:
    if connection.execute(_FIND).scalar() is None:
        return None
    return connection.execute(_APPLIED).scalar()


def _steps() -> list[Traversable]:
    """Return Procrastinate's migrations, in their order."""
    folder = _sql("migrations")
    return sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)


def _sql(name: str) -> Traversable:
    with needed("a queue for workers", "distributed"):
        import procrastinate  # noqa: F401  only to say so where it is missing
    return files("procrastinate") / "sql" / name
