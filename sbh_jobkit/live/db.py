"""The tables of a real tenant, read-only, by SQLAlchemy: SQLite and PostgreSQL.

The database itself refuses to write: SQLite opens the file with `mode=ro`, PostgreSQL holds each transaction READ ONLY,
and is sent one statement at a time, which must read. Beyond that, give the tenant a database user that may only read:
that alone holds against code that gets at the driver. Rows come in the order of the primary key. What a filter leaves
open in SQL, Python decides on a stream of rows.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sbh_jobkit import filters as language
from sbh_jobkit.context.backends import ServiceError
from sbh_jobkit.errors import FilterError, SettingsError, UnknownTableError, did_you_mean
from sbh_jobkit.live.keys import without_password
from sbh_jobkit.live.optional import needed

with needed("db", "serve"):
    import sqlalchemy as sa

    from sbh_jobkit.live.columns import Shape, read_shape
    from sbh_jobkit.live.filters import Bounds, compile_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import tzinfo

    from sqlalchemy.engine import Connection, Engine

    from sbh_jobkit.context.backends import Row
    from sbh_jobkit.live.settings import Settings

_BATCH = 500
_OPCODES = 2000
"""SQLite looks at the clock after so many steps."""
_CANCELED = "57014"
"""PostgreSQL's code for a statement that took too long."""
MOST_ROWS = 100_000
"""How many rows Python looks at, at most, where SQL cannot decide."""


class LiveDatabase:
    """One database, which no transaction of this module can change."""

    def __init__(self, engine: Engine, seconds: float, *, most_rows: int = MOST_ROWS) -> None:
        """Read by an engine that `open_engine` made; a statement may take so many seconds."""
        self._engine = engine
        self._seconds = seconds
        self._shapes: dict[str, Shape] = {}
        self.most_rows = most_rows

    @classmethod
    def from_settings(cls, settings: Settings) -> LiveDatabase:
        """Open the database of the settings; raises SettingsError if there is none."""
        if settings.db is None:
            msg = 'tenant.toml names no database; add a line such as db = "sqlite:///app.db"'
            raise SettingsError(msg)
        return cls(_open_engine(settings.db, settings, settings.limits.seconds), settings.limits.seconds)

    def __repr__(self) -> str:
        """Name the database, without its password."""
        return f"<LiveDatabase {self._engine.url.render_as_string(hide_password=True)}>"

    @contextmanager
    def reading(self, table: object) -> Iterator[Connection]:
        """Open a read-only transaction; raises ServiceError or TimeoutError for what the database says."""
        try:
            with self._engine.connect() as connection, closing(connection.begin()):  # and so rolled back
                if connection.dialect.name == "sqlite":
                    ends = time.monotonic() + self._seconds
                    raw: Any = connection.connection.driver_connection
                    raw.set_progress_handler(lambda: time.monotonic() > ends, _OPCODES)
                yield connection
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _CANCELED or "interrupted" in str(error.orig):
                msg = f"the query of {table!r} took longer than {self._seconds:g} s"
                raise TimeoutError(msg) from error
            msg = f"the database refused: {str(error.orig).strip()}"
            raise ServiceError(msg) from error

    def tables(self) -> list[str]:
        """Return the names of all tables and views."""
        with self.reading("the tables") as connection:
            inspector = sa.inspect(connection)
            return [*inspector.get_table_names(), *inspector.get_view_names()]

    def shape(self, connection: Connection, table: object, also: Mapping[str, Any]) -> Shape:
        """Return the columns of a table; raises UnknownTableError, which names the nearest."""
        known = self._shapes.get(table) if isinstance(table, str) else None
        if known is None:
            inspector = sa.inspect(connection)
            names = [*inspector.get_table_names(), *inspector.get_view_names(), *also]
            if not isinstance(table, str) or table not in names:
                hint = did_you_mean(str(table), names) or f"; there are {', '.join(names) or 'none yet'}"
                msg = f"there is no table {table!r}{hint}"
                raise UnknownTableError(msg)
            known = self._shapes[table] = read_shape(connection, table)
        return known

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


class LiveRows:
    """The tables as one run reads them."""

    __slots__ = ("_computed", "_open", "_tz")

    def __init__(
        self,
        database: Callable[[], LiveDatabase],
        tz: tzinfo,
        computed: Mapping[str, Callable[[], list[Row]]] | None = None,
    ) -> None:
        """Naive times in filters are in `tz`; `computed` are tables that functions make, such as `plugin_jobs`.

        `database` is called when a table of its own is read: a tenant without a database has the computed ones.
        """
        self._open = database
        self._tz = tz
        self._computed = computed or {}

    @property
    def _database(self) -> LiveDatabase:
        return self._open()

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Return matching rows from number `first` to before `end`, in the order of the primary key."""
        wanted = language.parse(filters)
        if isinstance(table, str) and table in self._computed:
            return list(islice(filter(wanted.predicate(self._tz), self._computed[table]()), first, end))
        with self._database.reading(table) as connection:
            shape = self._database.shape(connection, table, self._computed)
            bounds = compile_filter(wanted, shape.columns, self._tz)
            ordered = _columns(shape).order_by(*shape.order)
            if not bounds.open:
                found = connection.execute(ordered.where(bounds.surely).limit(end - first).offset(first))
                return shape.rows(found)
            return list(islice(self._decided(connection, shape, bounds, wanted), first, end))

    def get(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return the row with that id, or None."""
        return next(iter(self.page(table, {"id": {"$eq": id}}, 0, 1)), None)

    def count(self, table: str, filters: Mapping[str, Any] | None) -> int:
        """Count matching rows."""
        wanted = language.parse(filters)
        if isinstance(table, str) and table in self._computed:
            return sum(map(wanted.predicate(self._tz), self._computed[table]()))
        with self._database.reading(table) as connection:
            shape = self._database.shape(connection, table, self._computed)
            bounds = compile_filter(wanted, shape.columns, self._tz)
            sure = sa.select(sa.func.count()).select_from(shape.table).where(bounds.surely)
            number = connection.execute(sure).scalar_one()
            if not bounds.open:
                return int(number)
            between = Bounds(sa.false(), sa.and_(bounds.perhaps, sa.not_(bounds.surely)), bounds.open)
            return int(number) + sum(1 for _ in self._decided(connection, shape, between, wanted))

    def _decided(self, connection: Connection, shape: Shape, bounds: Bounds, wanted: language.Filter) -> Iterator[Row]:
        """Yield the rows that match, as Python decides where SQL cannot."""
        predicate, looked = wanted.predicate(self._tz), 0
        sure = sa.case((bounds.surely, 1), else_=0)
        asked = _columns(shape).add_columns(sure).where(bounds.perhaps).order_by(*shape.order)
        if connection.dialect.name != "sqlite":  # which gives one row after the other of itself
            connection = connection.execution_options(stream_results=True, max_row_buffer=_BATCH)
        with closing(connection.execute(asked)) as streamed:
            for values in streamed:
                row = shape.row(values)
                if values[-1]:
                    yield row
                    continue
                looked += 1
                if looked > self._database.most_rows:
                    raise _too_many(self._database.most_rows, bounds.open[0])
                if predicate(row):
                    yield row


def _columns(shape: Shape) -> sa.Select[Any]:
    return sa.select(*(column.sql for column in shape.columns.values())).select_from(shape.table)


def _too_many(most: int, condition: language.Condition) -> FilterError:
    shown = f"{{{condition.field!r}: {{{condition.operator!r}: {condition.operand!r}}}}}"
    msg = f"{shown} cannot be decided by the database, and there are more than {most} rows to look at; add a condition"
    return FilterError(f"{msg} that narrows them, such as one on an indexed column")


def _open_engine(url: str, settings: Settings, seconds: float) -> Engine:
    try:
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        msg = (
            f"db {without_password(url)!r} is not a database URL; write sqlite:///app.db or postgresql://user@host/name"
        )
        raise SettingsError(msg) from error
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, settings)
    from sbh_jobkit.live.postgres import ReadingCursor, begin_read_only

    options = f"-c default_transaction_read_only=on -c TimeZone=UTC -c statement_timeout={int(seconds * 1000)}"
    # What is prepared, and with this threshold everything is, is a single statement.
    engine = sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={
            "options": options,
            "prepare_threshold": 0,
            "connect_timeout": 10,
            "cursor_factory": ReadingCursor,
        },
    )
    sa.event.listen(engine, "connect", begin_read_only)
    return engine


def _open_sqlite(parsed: sa.engine.URL, settings: Settings) -> Engine:
    import sqlite3

    if not parsed.database or parsed.database == ":memory:":
        msg = f"db {str(parsed)!r} names no file; write sqlite:///app.db"
        raise SettingsError(msg)
    path = (settings.folder / parsed.database).absolute()
    uri = f"file:{quote(str(path))}?mode=ro"

    def opened() -> sqlite3.Connection:
        try:
            return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        except sqlite3.OperationalError as error:  # whose text says neither why nor which file
            if path.is_file():
                raise
            why = "is not a file" if path.exists() else "does not exist"
            msg = f"the file of the database {why}: {str(path)!r}; see db in tenant.toml"
            raise ServiceError(msg) from error

    engine = sa.create_engine("sqlite://", creator=opened, poolclass=sa.pool.QueuePool)

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
