"""Times that a database has as text: each is compared as Python compares it, wherever the bounds of SQL are drawn."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from zoneinfo import ZoneInfo

import psycopg
import pytest

from sbh_jobkit import filters as language
from sbh_jobkit.live.db import LiveDatabase, LiveRows
from sbh_jobkit.live.settings import Settings

DAYS = [f"2026-01-{day:02}" for day in range(2, 10)]
CLOCKS = ["", " 00:00:00", "T00:00:00", " 23:59:59.999999", "T09:00:00.000001", " 09:00", "T09"]
OFFSETS = ["T00:01:00+23:59", "T23:59:00-23:59", " 12:00:00+00:00", "T12:00:00Z"]
COMPACT = ["20251231", "20260104", "20260104T230000", "20260105T000000+0100", "20260106", "20260107T0900", "20260201"]
ODD = [
    *(
        "2026-01-05 24:00:00",
        "2026-01-05 09:00:60",
        "2026-01-32",
        "2026-02-30 09:00:00",
        "2026-1-5",
        "2026-01-05t09:00:00",
    ),
    *("2026-01-05 09:00:00.000", "2026-01-05 09:00:00.0000001", "2026-01-05 09:00:00.00000x", "2026-01-05  09:00:00"),
    *("2026-01-05 09:00:00 ", " 2026-01-05", "2026-01-05\n", "2026-01-05x09:00:00", "2026-W02-1", "2026W021", "2026"),
    *(
        "\uff12\uff10\uff12\uff16-01-05",
        "2026-01-05T09:00:00+24:00",
        "2026-01",
        "2025-12-31",
        "0001-01-01",
        "9999-12-31",
        "",
        "-",
        "/",
        "T",
    ),
]
NUL = ["2026-01-05\0", "2026-01-05 09:00:00\0", "2026-01-05 09:00:00.000000\0x", "2026-01-05\x0009:00:00"]
TEXTS = [*(day + rest for day, rest in product(DAYS, [*CLOCKS, *OFFSETS])), *COMPACT, *ODD]
OPERANDS = [
    *("2026-01-05", "2026-01-05T09:00:00", "2026-01-05 23:59:59.999999", "2026-01-05T00:00:00+23:59", "20260105"),
    *(datetime(2026, 1, 5, 9), datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 1, 5).date()),  # noqa: DTZ001  naive
    *("0001-01-01", "9999-12-31", "2026-01-05x"),
]
OPERATORS = ["$eq", "$gte", "$lt", "$in"]
ZONES = [UTC, ZoneInfo("Pacific/Kiritimati"), timezone(timedelta(hours=-23, minutes=-59))]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def tables(request, tmp_path_factory):
    """Fill a table of each kind of column that may hold such texts."""
    folder = tmp_path_factory.mktemp("times")
    if request.param == "sqlite":
        url, owner, mark = "sqlite:///app.db", sqlite3.connect(folder / "app.db"), "?"
        kinds, texts = {"nv": "TIMESTAMP", "d": "DATE", "t": "TEXT", "z": ""}, [*TEXTS, *NUL]
    else:
        dsn = request.getfixturevalue("postgres")
        parts = dict(part.split("=", 1) for part in dsn.split())
        url, owner, mark = f"postgresql://{parts['user']}@/postgres?host={parts['host']}", psycopg.connect(dsn), "%s"
        kinds, texts = {"t": "TEXT"}, TEXTS
    owner.execute("DROP TABLE IF EXISTS written_times")
    owner.execute(f"CREATE TABLE written_times (id INTEGER PRIMARY KEY, {', '.join(map(' '.join, kinds.items()))})")
    statement = f"INSERT INTO written_times VALUES ({', '.join([mark] * (len(kinds) + 1))})"  # noqa: S608  our own marks
    owner.cursor().executemany(statement, [(n, *[text] * len(kinds)) for n, text in enumerate(texts)])
    owner.commit()
    database = LiveDatabase.from_settings(Settings(id="acme", db=url, folder=folder))
    yield database, [*kinds]
    database.close()
    owner.execute("DROP TABLE written_times")
    owner.commit()
    owner.close()


@pytest.mark.parametrize("tz", ZONES, ids=str)
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_page_and_a_count_are_pythons(tables, operator, tz):
    """For every text, next to every operand, also negated."""
    database, columns = tables
    live = LiveRows(lambda: database, tz)
    rows = live.page("written_times", None, 0, 10_000)
    for column, operand in product(columns, OPERANDS):
        plain = {column: {operator: [operand] if operator == "$in" else operand}}
        for wanted in (plain, {"$not": plain}):
            expected = [*filter(language.parse(wanted).predicate(tz), rows)]
            assert live.page("written_times", wanted, 0, 10_000) == expected, wanted
        assert live.count("written_times", wanted) == len(expected), wanted
