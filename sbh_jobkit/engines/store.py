"""The store of an engine: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import create_engine, event, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError

from sbh_jobkit.engines import schema
from sbh_jobkit.engines.migration import OLDEST, migrate
from sbh_jobkit.errors import StoreError, did_you_mean
from sbh_jobkit.live.keys import without_password
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

SCHEMES = ("sqlite", "postgresql")
_OWN = {table.name for table in schema.metadata.sorted_tables}
MIGRATE = "type: sbh-jobkit store migrate --store URL"
_NO_RIGHTS = ("42501", "3F000")
"""What PostgreSQL calls a right that is missing, and that no schema may be used."""
NETWORK = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""Settings of connections to PostgreSQL, by which one whose other end is gone is given up within half a minute."""
_HELD = ("40P01", "55P03")
"""What it calls a deadlock, and a lock that others have for too long."""
_TRIES, _PAUSE = 5, 1.0
"""How often a migration is tried that meets what others hold, and the seconds between, in which workers write."""
_IDLE_SINCE, _POOL = "sbh_idle_since", "sbh_pool"
_IDLE = 1.0
"""Seconds after which a connection that nobody used is asked whether it goes on."""
_PATIENCE = 30_000
"""Milliseconds for which SQLite waits for another process to end its transaction."""


class Store:
    """A database with the tables of `schema`."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose tables exist."""
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"

    def __repr__(self) -> str:
        """Name the database, without its password."""
        return f"<Store {self.shown}>"

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        migrates: bool = True,
        in_memory: bool = False,
        beside: Callable[[Connection], object] | None = None,
    ) -> Self:
        """Open a store, such as `sqlite:///jobs.db` or `postgresql://user@host/db`; a new one gets its tables.

        One of an older version is brought up to date. Raises StoreError for a URL, a folder or a database that cannot
        be used, for a store of a newer version, without `create` for a file that is not there, and without `migrates`
        for one that is new, or older. Only with `in_memory` it may be in memory, where no other process finds it.
        `beside` is called in the transaction that makes or migrates the tables, to make others beside them, so that all
        of it is done or nothing.
        """
        engine = _engine(url, create=create, in_memory=in_memory)
        with _usable(engine, migrates=migrates):
            for left in reversed(range(_TRIES)):
                try:
                    with engine.connect() as connection:
                        _check_tables(connection, engine, migrates=migrates)
                        if beside is not None:
                            beside(connection)
                        connection.commit()
                    break
                except DBAPIError as error:
                    if not left or getattr(error.orig, "sqlstate", None) not in _HELD:
                        raise
                    sleep(_PAUSE)
        return cls(engine)

    @classmethod
    def attach(cls, url: str) -> Self:
        """Open a store that the process which has started this one knows; raises StoreError where it is away.

        Its version is not asked for: a newer kit may have migrated it meanwhile, and what it adds does no harm here.
        """
        engine = _engine(url, create=False)
        with _usable(engine, migrates=False), engine.connect():
            return cls(engine)

    @property
    def shown(self) -> str:
        """Its URL for messages, without its password."""
        return _shown(self.engine.url)

    @property
    def url(self) -> str:
        """The URL that opens it from any folder, with its password."""
        return self.engine.url.render_as_string(hide_password=False)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; what it commits survives a power cut."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection that only reads; in PostgreSQL each statement is a transaction of its own."""
        options = {"sbh_reads": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self.engine.connect().execution_options(**options) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def why(error: SQLAlchemyError) -> str:
    """Return what is the matter with the database, in one line and without the statement."""
    text = f"{error.orig if isinstance(error, DBAPIError) else error}".strip()
    return text.splitlines()[0] if text else type(error).__name__


def _engine(url: str, *, create: bool, in_memory: bool = False) -> Engine:
    """Return what opens connections to a database; raises StoreError for a URL, or a folder, that cannot be used."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        if _is_in_memory(parsed) and not in_memory:
            msg = f"the store {url!r} is in memory, where no other process finds it; name a file: sqlite:///jobs.db"
            raise StoreError(msg)
        parsed = _absolute(parsed)
        _check_folder(parsed)
        if not create and not Path(parsed.database or "").exists():
            msg = f"there is no store {url!r}; serve makes it, or name another one with --store"
            raise StoreError(msg)
        engine = create_engine(parsed, connect_args={"timeout": _PATIENCE / 1000})
        _configure_sqlite(engine)
        return engine
    given = network(parsed)
    with needed("a store in PostgreSQL", "postgres"):
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=given)
        _look_at_idle(engine)
        return engine


def network(url: URL) -> dict[str, int]:
    """Return the settings of `NETWORK` that the URL of a PostgreSQL does not make itself."""
    return {name: value for name, value in NETWORK.items() if name not in url.query}


@contextmanager
def _usable(engine: Engine, *, migrates: bool) -> Iterator[None]:
    """Close everything where a store cannot be used, and say why."""
    try:
        yield
    except StoreError:
        engine.dispose()
        raise
    except DBAPIError as error:
        engine.dispose()
        raise StoreError(_explain(engine.url, error, migrates=migrates)) from error


def _explain(url: URL, error: DBAPIError, *, migrates: bool) -> str:
    msg = f"cannot open the store {_shown(url)!r}: {why(error)}"
    if getattr(error.orig, "sqlstate", None) in _NO_RIGHTS:
        needs = "SELECT, INSERT, UPDATE and DELETE on its tables"
        if migrates:
            needs = "CREATE on the database and on its schema, and to own the tables that are there"
        msg += f"; its user needs {needs}"
    if getattr(error.orig, "sqlstate", None) in _HELD:
        msg += "; others use its tables, such as a backup: try again when they have ended"
    return msg


def _shown(url: URL) -> str:
    plain = url.set(drivername=url.get_backend_name())
    return without_password(plain.render_as_string(hide_password=True))


def _parse(url: str) -> URL:
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme not in SCHEMES:
        hint = did_you_mean(scheme, SCHEMES) or f"; use {' or '.join(f'{name}://…' for name in SCHEMES)}"
        msg = f"unknown store {without_password(url)!r}{hint}"
        raise StoreError(msg)
    try:
        parsed = make_url(url)
        if scheme == "sqlite":
            _check_names_file(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        shown = without_password(url)
        msg = f"the store {shown!r} is not a database URL; write sqlite:///jobs.db or postgresql://user@host/database"
        raise StoreError(msg) from error
    return parsed.set(drivername=scheme)  # the driver is ours to choose


def _check_names_file(url: URL) -> None:
    """Raise ValueError for a URL of SQLite with a host, as `sqlite://jobs.db` has, or a path that no file can have."""
    if url.host or url.username or "\0" in (url.database or ""):
        raise ValueError


def _is_in_memory(url: URL) -> bool:
    return not url.database or url.database == ":memory:"


def _absolute(url: URL) -> URL:
    return url if _is_in_memory(url) else url.set(database=str(Path(url.database or "").absolute()))


def _check_folder(url: URL) -> None:
    if _is_in_memory(url) or url.database is None:
        return
    folder, is_new = Path(url.database).parent, not Path(url.database).exists()
    if not folder.is_dir():
        msg = f"the store {url.database!r} cannot be made: there is no folder {str(folder)!r}"
        raise StoreError(msg)
    if not os.access(folder, os.W_OK):  # also beside a file that is there: SQLite writes others next to it
        what = "cannot be made" if is_new else "cannot be used"
        msg = f"the store {url.database!r} {what}: the folder {str(folder)!r} cannot be written"
        raise StoreError(msg)


def _look_at_idle(engine: Engine) -> None:
    """Ask a connection that was idle whether it goes on, before it is used; to ask each time would double a read.

    One that a thread still has when the store is closed is closed when it comes back.
    """

    @event.listens_for(engine, "connect")
    def _(_: object, record: Any) -> None:
        record.info[_POOL] = id(engine.pool)  # a store that is closed gets another pool

    @event.listens_for(engine, "checkin")
    def _(connection: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = monotonic()
        if record.info.get(_POOL) != id(engine.pool) and connection is not None:
            connection.close()

    @event.listens_for(engine, "checkout")
    def _(connection: Any, record: Any, _: object) -> None:
        since = record.info.get(_IDLE_SINCE)
        if since is not None and monotonic() - since > _IDLE:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error


def _configure_sqlite(engine: Engine) -> None:
    """Take the write lock when a transaction begins: one that takes it later can fail at once (SQLITE_BUSY)."""

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        connection.isolation_level = None  # sqlite3 itself begins nothing
        connection.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reads = connection.get_execution_options().get("sbh_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _check_tables(connection: Connection, engine: Engine, *, migrates: bool) -> None:
    found = set(inspect(connection).get_table_names())
    connection.rollback()
    if not found & _OWN:
        if not migrates:
            msg = f"the store {_shown(engine.url)!r} has no tables yet; {MIGRATE}"
            raise StoreError(msg)
        if found and engine.dialect.name == "sqlite":
            msg = f"the database {engine.url.database!r} is not a store of jobs: it has the table {min(found)!r}"
            raise StoreError(msg)
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr] # open
        schema.metadata.create_all(connection)
        connection.execute(schema.store_version.insert().values(version=schema.VERSION))
        return
    version = connection.execute(select(schema.store_version.c.version)).scalar_one()
    connection.rollback()
    if OLDEST <= version < schema.VERSION:
        if not migrates:
            msg = f"the store {_shown(engine.url)!r} has version {version}, and this kit needs {schema.VERSION}"
            msg += f"; {MIGRATE}"
            raise StoreError(msg)
        migrate(connection)
    elif version != schema.VERSION:
        msg = f"the store {_shown(engine.url)!r} has version {version}, and this kit knows"
        msg += f" {schema.VERSION}; install the kit that wrote it, or name another store"
        raise StoreError(msg)
