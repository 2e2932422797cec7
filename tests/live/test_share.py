"""How much of what authors write goes wholly into SQL: the filters of the guide, of the examples and of the manual."""

import sqlite3
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sbh_jobkit import filters as language
from sbh_jobkit.live.db import LiveDatabase, LiveRows
from sbh_jobkit.live.filters import compile_filter
from sbh_jobkit.live.settings import Settings

NOW = datetime(2026, 1, 5, 9)  # noqa: DTZ001  naive, as in a job
WEEK_AGO, TODAY = (NOW - timedelta(days=7)).isoformat(), NOW.date().isoformat()
DAY_AGO = (NOW - timedelta(days=1)).date().isoformat()
YESTERDAY, RECENT = {"created_at": {"$gte": DAY_AGO, "$lt": TODAY}}, {"created_at": {"$gte": WEEK_AGO}}
WRITTEN = [
    {},
    {"active": True},
    {"created_at": {"$gte": DAY_AGO}},
    RECENT,
    YESTERDAY,
    {**YESTERDAY, "status": "failed"},
    {**RECENT, "status": "failed"},
    {"joined_at": {"$gte": WEEK_AGO}},
    {"plan": "trial"},
    {"due": TODAY},
    {"id": {"$gt": 40}},
    {"at": {"$gte": (NOW - timedelta(minutes=10)).isoformat(), "$lt": NOW.isoformat()}},
]
"""Every filter on a table of the application that the guide, the examples and the manual show."""
COLUMNS = {
    **dict.fromkeys(("created_at", "joined_at", "at"), "TIMESTAMP"),
    "due": "DATE",
    "plan": "TEXT",
    "status": "TEXT",
    "active": "BOOLEAN",
}
TABLE = f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
ROWS = [(n, *[str(NOW - timedelta(minutes=n))] * 3, str(NOW.date()), "trial", "failed", True) for n in range(3000)]
PAGE = 100


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """Open a database of each kind with the table, and with rows as programs write them."""
    if request.param == "sqlite":
        url, owner = "sqlite:///app.db", sqlite3.connect(tmp_path / "app.db")
    else:
        url = request.getfixturevalue("postgres_url")
        owner = psycopg.connect(url)
    marks = ", ".join(["?" if request.param == "sqlite" else "%s"] * 8)
    owner.execute(TABLE)
    owner.cursor().executemany(f"INSERT INTO t VALUES ({marks})", ROWS)  # noqa: S608  our own marks
    owner.commit()
    opened = LiveDatabase.from_settings(Settings(id="acme", db=url, folder=tmp_path))
    yield opened
    opened.close()
    owner.close()


@pytest.mark.parametrize("wanted", WRITTEN, ids=str)
def test_the_database_decides_alone(database, wanted):
    """Python looks at no row: not one lies between the two bounds."""
    database.most_rows = 0
    rows, selects = LiveRows(lambda: database, UTC), language.parse(wanted).predicate(UTC)
    everything = rows.page("t", None, 0, len(ROWS))
    assert rows.count("t", wanted) == sum(map(selects, everything))
    assert rows.page("t", wanted, 0, PAGE) == [*filter(selects, everything)][:PAGE]


def test_postgresql_needs_one_bound(database):
    """There, columns have types, so all of them compile to one expression."""
    with database.reading("t") as connection:
        if connection.dialect.name == "sqlite":
            return
        shape = database.shape(connection, "t", {})
        assert [wanted for wanted in WRITTEN if compile_filter(language.parse(wanted), shape.columns, UTC).open] == []
