"""Filters as SQL: what surely matches, what perhaps matches, and rows as Python's predicate selects them."""

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbh_jobkit import filters as language
from sbh_jobkit.live.db import LiveDatabase, LiveRows
from sbh_jobkit.live.filters import compile_filter
from sbh_jobkit.live.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [UTC, BERLIN, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/St_Johns"), timezone(timedelta(hours=-11))]
)
COLUMNS = {
    "i": "BIGINT",
    "f": "DOUBLE PRECISION",
    "r": "REAL",
    "n": "NUMERIC",
    "b": "BOOLEAN",
    "t": "TEXT",
    "c": "VARCHAR(40)",
    "k": "CHAR(4)",
    "ts": "TIMESTAMP WITH TIME ZONE",
    "nv": "TIMESTAMP",
    "d": "DATE",
    "j": "JSON",
    "y": "BYTEA",
    "u": "UUID",
}
LITE = {**COLUMNS, "y": "BLOB", "c": "VARCHAR(40) COLLATE NOCASE", "a.b": "TEXT", "any": ""}
POSTGRES = {**COLUMNS, "c": 'VARCHAR(40) COLLATE "blind"', "a.b": "TEXT"}
BIG = 2**53
INTS = st.sampled_from([0, 1, -1, 5, 6, BIG, BIG + 1, -BIG - 1, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
FLOATS = (
    st.sampled_from([0.0, -0.0, 0.1, 1.0, 5.5, float(BIG), 1e20, float("inf"), float("-inf"), float("nan")])
    | st.floats()
)
DECIMALS = st.sampled_from(["0", "1", "0.1", "5.50", "1e20", str(BIG + 1), "NaN"]).map(Decimal)
TEXTS = st.sampled_from(
    ["", "a", "A", "ä", "Z", "z", "a ", "30", "ab", "\U0001f600", "\ufb01", "_", "2026", "yesterday"]
)
TEXTS |= st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
NAIVE = st.sampled_from(
    [
        *(datetime(2026, 10, 25, hour, minute) for hour in (0, 1, 2, 3) for minute in (0, 30)),  # noqa: DTZ001  a fold
        *(datetime(2026, 3, 29, hour, minute) for hour in (1, 2, 3) for minute in (0, 30)),  # noqa: DTZ001  a gap
        datetime(2026, 1, 5),  # noqa: DTZ001  naive on purpose
        datetime(2026, 1, 5, 9, 0, 0, 1),  # noqa: DTZ001  naive on purpose
    ]
)
AWARE = st.builds(lambda at, tz, fold: at.replace(tzinfo=tz, fold=fold), NAIVE, ZONES, st.integers(0, 1))
DATES = st.sampled_from([date(2026, 10, 25), date(2026, 3, 29), date(2026, 1, 5), date(1, 1, 1), date(9999, 12, 31)])
ISO = st.builds(lambda at, sep: at.isoformat(sep), NAIVE | AWARE, st.sampled_from("T "))
ISO |= st.sampled_from(
    [
        "2026-10-25",
        "20261025",
        "20261025T0230",
        "2026-10-25T02:30Z",
        "2026-10-25-10",
        "2026-W01",
        "0001-01-01",
        "9999-12-31",
    ]
)
BYTES = st.sampled_from([b"", b"a", b"\0", b"\xff"])
UUIDS = st.sampled_from([UUID(int=0), UUID(int=2**100), UUID(int=2**127)])
JSONS = st.sampled_from([None, 1, "a", [1], {"x": 1}, {"x": {"y": "a"}}, {"x": None}])

OPERANDS = (
    st.none()
    | st.booleans()
    | INTS
    | st.integers(-(2**70), 2**70)
    | FLOATS
    | DECIMALS
    | TEXTS
    | st.sampled_from(["\0", "a\0", "\ud800"])
    | ISO
    | NAIVE
    | st.builds(lambda at: at.replace(fold=1), NAIVE)
    | AWARE
    | DATES
    | BYTES
    | UUIDS.map(str)
    | st.sampled_from([[1], {"x": 1}, 1j, timedelta(1), UUID(int=0), {1}])
)
FIELDS = st.sampled_from([*COLUMNS, "a.b", "any", "j.x", "j.x.y", "t.x", "nothing", "no.thing", "id"])
TESTS = (
    OPERANDS.map(lambda operand: {"$eq": operand})
    | st.builds(lambda name, operand: {name: operand}, st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne"]), OPERANDS)
    | st.builds(
        lambda name, operands: {name: operands}, st.sampled_from(["$in", "$nin"]), st.lists(OPERANDS, max_size=4)
    )
    | st.builds(lambda flag: {"$exists": flag}, st.booleans())
    | st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(["^a", "1", "", "(?i)A"]))
)
FILTERS = st.recursive(
    st.builds(lambda field, test: {field: test}, FIELDS, TESTS),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts})
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts})
        | inner.map(lambda part: {"$not": part})
    ),
    max_leaves=3,
)


def sampled(values):
    """Draw a value, or NULL."""
    return st.none() | values


FILLED = {
    "i": INTS,
    "f": FLOATS,
    "r": st.sampled_from([0.1, 1.0, float("nan")]),
    "n": DECIMALS,
    "b": st.booleans(),
    "t": TEXTS | ISO,
    "c": TEXTS | ISO,
    "k": st.sampled_from(["a", "ab", "", "2026"]),
    "ts": AWARE,
    "nv": NAIVE,
    "d": DATES,
    "j": JSONS.map(json.dumps),
    "y": BYTES,
    "u": UUIDS,
    "a.b": TEXTS,
}
RAW = INTS | FLOATS | TEXTS | st.sampled_from(["a\0b", "\0"]) | ISO | BYTES | NAIVE.map(str) | JSONS.map(json.dumps)
"""What any column of SQLite can hold."""
ROWS = st.lists(st.fixed_dictionaries({name: sampled(values) for name, values in FILLED.items()}), max_size=6)
WRITTEN = st.builds(str, NAIVE) | NAIVE.map(datetime.isoformat) | DATES.map(str)
WRITTEN |= st.sampled_from(["2026-02-30 00:00:00", "2026-10-25 24:00:00", "2026-10-25 02:30:00.5", "2026-99-99"])
WRITTEN |= st.sampled_from(
    ["2026-10-25 23:59:59.999999", "2026-10-25 02:30:00Z", "2026-10-25 02:30:00+02:0", "0999-01-01"]
)
TIMES = {name: sampled(WRITTEN | RAW) for name in ("nv", "d", "ts")}
LITE_ROWS = st.lists(st.fixed_dictionaries({**{name: sampled(RAW) for name in LITE}, **TIMES}), max_size=6)


class Sqlite:
    """A file, and a connection that fills it."""

    def __init__(self, folder):
        """Make the table."""
        self.writer = sqlite3.connect(folder / "app.db", isolation_level=None)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in LITE.items())
        self.writer.execute(f"CREATE TABLE rows (id INTEGER PRIMARY KEY, {columns})")
        self.database = LiveDatabase.from_settings(Settings(id="acme", db="sqlite:///app.db", folder=folder))

    def fill(self, rows):
        """Replace all rows."""
        self.writer.execute("BEGIN")
        self.writer.execute("DELETE FROM rows")
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            self.writer.execute(f"INSERT INTO rows ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])  # noqa: S608  our own names
        self.writer.execute("COMMIT")

    def close(self):
        """Close both."""
        self.writer.close()
        self.database.close()


class Postgres:
    """A database, and a connection that fills it."""

    def __init__(self, url):
        """Make the table, with a collation for which texts that differ are equal."""
        self.writer = psycopg.connect(url, autocommit=True)
        self.writer.execute(
            "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
        )
        columns = ", ".join(f'"{name}" {kind}' for name, kind in POSTGRES.items())
        self.writer.execute(f"CREATE TABLE rows (id BIGSERIAL PRIMARY KEY, {columns})")
        self.database = LiveDatabase.from_settings(Settings(id="acme", db=url))

    def fill(self, rows):
        """Replace all rows."""
        with self.writer.transaction():
            self.writer.execute("DELETE FROM rows")
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join(["%s"] * len(row))
                self.writer.execute(f"INSERT INTO rows ({names}) VALUES ({marks})", [*row.values()])  # noqa: S608  our own names

    def close(self):
        """Close both."""
        self.writer.close()
        self.database.close()


def check(database, wanted, tz):
    """Hold the bounds, a page and a count against Python's predicate on all rows."""
    rows = LiveRows(lambda: database, tz)
    everything = rows.page("rows", None, 0, 100)
    parsed = language.parse(wanted)
    expected = [row["id"] for row in filter(parsed.predicate(tz), everything)]
    with database.reading("rows") as connection:
        shape = database.shape(connection, "rows", {})
        bounds = compile_filter(parsed, shape.columns, tz)
        ids = sa.select(shape.columns["id"].sql).order_by(*shape.order)
        surely = [*connection.execute(ids.where(bounds.surely)).scalars()]
        perhaps = [*connection.execute(ids.where(bounds.perhaps)).scalars()]
    assert {*surely} <= {*expected} <= {*perhaps}, wanted
    if not bounds.open:
        assert surely == expected == perhaps, wanted
    assert [row["id"] for row in rows.page("rows", wanted, 0, 100)] == expected, wanted
    assert [row["id"] for row in rows.page("rows", wanted, 1, 3)] == expected[1:3], wanted
    assert rows.count("rows", wanted) == len(expected), wanted


MANY = settings(deadline=None, max_examples=100, suppress_health_check=[*HealthCheck])


def test_sqlite_answers_as_python_does(tmp_path):
    """Surely ⊆ Python ⊆ perhaps; page and count are Python's; each value may be of any type."""
    store = Sqlite(tmp_path)

    @MANY
    @given(LITE_ROWS, st.lists(FILTERS, min_size=1, max_size=8), ZONES)
    def holds(rows, filters, tz):
        store.fill(rows)
        for wanted in filters:
            check(store.database, wanted, tz)

    holds()
    store.close()


def test_postgresql_answers_as_python_does(postgres_url):
    """The same, on columns of every type, and on a collation that is blind to case and accents."""
    store = Postgres(postgres_url)

    @MANY
    @given(ROWS, st.lists(FILTERS, min_size=1, max_size=8), ZONES)
    def holds(rows, filters, tz):
        store.fill(rows)
        for wanted in filters:
            check(store.database, wanted, tz)

    holds()
    store.close()
