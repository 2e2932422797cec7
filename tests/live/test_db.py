"""The tables of a real tenant: read-only by the database itself, in order, bounded."""

import sqlite3
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime

import psycopg
import pytest

from sbh_jobkit.context.backends import ServiceError
from sbh_jobkit.errors import FilterError, SettingsError, UnknownTableError
from sbh_jobkit.live.db import LiveDatabase, LiveRows
from sbh_jobkit.live.settings import LimitSettings, Settings

TABLES = [
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, plan TEXT)",
    "INSERT INTO users VALUES (3, 'cyd', 'trial'), (1, 'ann', 'team'), (2, 'bob', 'trial')",
    'CREATE TABLE "odd; name" (b TEXT, a TEXT, "x""y" TEXT, PRIMARY KEY (a, b))',
    """INSERT INTO "odd; name" VALUES ('1', 'b', 'q'), ('2', 'a', 'q'), ('1', 'B', 'q'), ('1', 'a', 'q')""",
    "CREATE TABLE heap (n INTEGER)",
    "INSERT INTO heap VALUES (3), (1), (2)",
    "CREATE VIEW names AS SELECT name FROM users WHERE id = 1",
]


class Opened:
    """A database with tables, as an administrator and as a tenant open it."""

    def __init__(self, url, folder, run):
        """Fill it by `run`, which executes a statement as its owner."""
        self.run = run
        for statement in TABLES:
            run(statement)
        self.settings = Settings(id="acme", db=url, folder=folder, limits=LimitSettings(seconds=0.3))
        self.database = LiveDatabase.from_settings(self.settings)
        self.rows = LiveRows(lambda: self.database, UTC)

    def names(self, wanted=None, **page):
        """Return the names of users."""
        return [row["name"] for row in self.rows.page("users", wanted, page.get("first", 0), page.get("end", 100))]


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """Open a database of each kind."""
    if request.param == "sqlite":
        url, owner = "sqlite:///app.db", sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    else:
        url = request.getfixturevalue("postgres_url")
        owner = psycopg.connect(url, autocommit=True)
    found = Opened(url, tmp_path, owner.execute)
    yield found
    found.database.close()
    owner.close()


def test_rows_come_in_the_order_of_the_primary_key(opened):
    """Whatever order they were written in; text goes by code point; without a key, as they were written."""
    assert opened.names() == ["ann", "bob", "cyd"]
    assert opened.names(first=1, end=2) == ["bob"]
    odd = opened.rows.page("odd; name", {'x"y': "q"}, 0, 10)
    assert [(row["a"], row["b"]) for row in odd] == [("B", "1"), ("a", "1"), ("a", "2"), ("b", "1")]
    assert [row["n"] for row in opened.rows.page("heap", None, 0, 10)] == [3, 1, 2]
    assert opened.rows.page("names", None, 0, 10) == [{"name": "ann"}]


def test_one_row_and_a_count(opened):
    """By its id, or by a filter."""
    assert opened.rows.get("users", 2) == {"id": 2, "name": "bob", "plan": "trial"}
    assert [opened.rows.get("users", id_) for id_ in (9, "2", None, 2**70)] == [None] * 4
    assert (opened.rows.count("users", None), opened.rows.count("users", {"plan": "trial"})) == (3, 2)
    assert opened.rows.count("users", {"name": {"$regex": "^[ab]"}}) == 2
    assert opened.names({"name": {"$regex": "^[ab]"}}, first=1) == ["bob"]


UNKNOWN = {
    "user": "there is no table 'user'; did you mean 'users'?",
    "users; DROP TABLE users": "there is no table 'users; DROP TABLE users'; did you mean 'users'?",
    5: "there is no table 5; there are ",
}


@pytest.mark.parametrize("table", UNKNOWN)
def test_an_unknown_table_is_a_clear_error(opened, table):
    """It names the nearest, or all."""
    for ask in (lambda: opened.rows.page(table, None, 0, 1), lambda: opened.rows.count(table, None)):
        with pytest.raises(UnknownTableError) as refused:
            ask()
        assert str(refused.value).startswith(UNKNOWN[table].replace("'; did you mean 'users'?", "'"))
    assert len(opened.names()) == 3


def test_a_table_that_functions_make(opened):
    """Python filters it; it hides a table of that name."""
    made = LiveRows(lambda: opened.database, UTC, {"plugin_jobs": lambda: [{"name": "a"}, {"name": "b"}]})
    assert made.page("plugin_jobs", {"name": "b"}, 0, 10) == [{"name": "b"}]
    assert (made.count("plugin_jobs", None), made.get("plugin_jobs", 1)) == (2, None)
    with pytest.raises(UnknownTableError, match="did you mean 'plugin_jobs'"):
        made.page("plugin_job", None, 0, 1)


WRITES = [
    ["INSERT INTO users VALUES (9, 'eve', 'x')"],
    ["UPDATE users SET plan = 'x'"],
    ["DELETE FROM users"],
    ["DROP TABLE users"],
    ["CREATE TABLE more (id INTEGER)"],
    ["SELECT 1; DELETE FROM users"],
    ["SELECT 1; COMMIT; DELETE FROM users"],
    ["WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone"],
    ["SET TRANSACTION READ WRITE", "DELETE FROM users"],
    ["SET LOCAL transaction_read_only = off", "DELETE FROM users"],
    ["SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "DELETE FROM users"],
    ["SET default_transaction_read_only = off", "DELETE FROM users"],
    ["PRAGMA query_only = OFF", "DELETE FROM users"],
    ["PRAGMA query_only = OFF", "COMMIT", "BEGIN IMMEDIATE", "DELETE FROM users"],
    ["PRAGMA writable_schema = ON", "DELETE FROM sqlite_master"],
    ["VACUUM"],
    ["SAVEPOINT s", "SET TRANSACTION READ WRITE", "DELETE FROM users"],
    ["COMMIT", "DELETE FROM users", "COMMIT"],
    ["COMMIT", "SET TRANSACTION READ WRITE", "DELETE FROM users", "COMMIT"],
    ["COMMIT", "BEGIN READ WRITE", "DELETE FROM users", "COMMIT"],
    ["ROLLBACK AND CHAIN", "SET TRANSACTION READ WRITE", "DELETE FROM users", "COMMIT"],
    ["ROLLBACK", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "COMMIT", "DELETE FROM users", "COMMIT"],
    ["COMMIT", "SET default_transaction_read_only = off", "COMMIT", "DELETE FROM users", "COMMIT"],
    ["SELECT set_config('transaction_read_only', 'off', true)", "DELETE FROM users", "COMMIT"],
    ["SELECT set_config('default_transaction_read_only', 'off', false)", "COMMIT", "DELETE FROM users", "COMMIT"],
    ["RESET default_transaction_read_only", "COMMIT", "DELETE FROM users", "COMMIT"],
    ["END", "START TRANSACTION READ WRITE", "DELETE FROM users", "END"],
    ["/* */ COMMIT", "/* */ SET TRANSACTION READ WRITE", "/* */ DELETE FROM users", "/* */ COMMIT"],
    ["DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; DELETE FROM users; COMMIT; END $$"],
    ["PREPARE TRANSACTION 'x'", "DISCARD ALL", "DELETE FROM users", "COMMIT"],
    ["ATTACH 'app.db' AS other", "DELETE FROM other.users"],
    ["COPY users FROM PROGRAM 'echo 9,eve,x' CSV"],
]


@pytest.mark.parametrize("statements", WRITES, ids=" / ".join)
def test_raw_sql_changes_nothing(opened, statements, tmp_path, monkeypatch):
    """Neither a write, nor a second statement, nor one after read-only was turned off: the database refuses."""
    monkeypatch.chdir(tmp_path)  # where the file is that one of them attaches
    for start in range(len(statements)):  # also without those before, which only one of the databases knows
        for whole in (True, False):  # as it is, and with each error swallowed
            with suppress(ServiceError), opened.database.reading("x") as connection:
                for statement in statements[start:]:
                    with nullcontext() if whole else suppress(Exception):
                        connection.exec_driver_sql(statement)
    assert opened.names() == ["ann", "bob", "cyd"]
    assert opened.names({"plan": "trial"}) == ["bob", "cyd"]


GONE = "WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone"


def test_a_cursor_of_the_driver_changes_nothing(opened):
    """Nor does a transaction that the driver itself ends: the next one reads alone, too."""
    with opened.database.reading("x") as connection:
        raw = connection.connection.driver_connection
        cursor = raw.cursor()
        calls = [
            lambda: cursor.execute("COMMIT"),
            lambda: cursor.execute(b"COMMIT"),
            lambda: cursor.execute("DELETE FROM users"),
            lambda: cursor.execute(GONE),
            lambda: cursor.executemany("DELETE FROM users WHERE id = 1", [()]),
            lambda: cursor.executemany("SELECT 1", [()]),
            lambda: cursor.copy("COPY users FROM STDIN"),
        ]
        for call in calls:
            raw.commit()
            with suppress(Exception):
                call()
        raw.commit()
    assert opened.names() == ["ann", "bob", "cyd"]


@pytest.mark.parametrize("statement", [WRITES[0][0], WRITES[5][0], WRITES[7][0]])
def test_a_write_is_an_error(opened, statement):
    """The database says why."""
    with (
        pytest.raises(ServiceError, match=r"^the database refused: "),
        opened.database.reading("x") as connection,
    ):
        connection.exec_driver_sql(statement)


def test_a_statement_that_takes_too_long_is_broken_off(opened):
    """After the time that the settings give a run; the next query works."""
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
    with (
        pytest.raises(TimeoutError, match=r"^the query of 'slow' took longer than 0\.3 s$"),
        opened.database.reading("slow") as connection,
    ):
        connection.exec_driver_sql(slow)
    assert len(opened.names()) == 3


def test_python_looks_at_a_bounded_number_of_rows(opened):
    """Beyond it, the error names the condition; rows that SQL decides do not count."""
    opened.database.most_rows = 2
    assert opened.names({"plan": "trial", "name": {"$regex": "b"}}) == ["bob"]
    for ask in (opened.rows.count, lambda table, wanted: opened.rows.page(table, wanted, 0, 9)):
        with pytest.raises(FilterError) as refused:
            ask("users", {"name": {"$regex": "b"}})
        assert str(refused.value) == (
            "{'name': {'$regex': 'b'}} cannot be decided by the database, and there are more than 2 rows to look at;"
            " add a condition that narrows them, such as one on an indexed column"
        )


def test_what_a_run_reads_does_not_change_between_two_queries_of_one(opened):
    """A row that is written in between is seen by the next."""
    opened.run("INSERT INTO users VALUES (4, 'dan', 'team')")
    assert opened.names() == ["ann", "bob", "cyd", "dan"]


def test_values_are_those_that_a_job_knows(tmp_path, postgres_url):
    """Times, dates, truth values and nested values, in both databases."""
    columns = "id INTEGER PRIMARY KEY, b BOOLEAN, nv TIMESTAMP, d DATE, j JSON, n NUMERIC(5, 2), u UUID, y {}"
    values = "(1, {}, '2026-01-05 09:00:00', '2026-01-05', '{{\"a\": [1]}}', 1.5, '{}', {})"
    some = "00000000-0000-0000-0000-000000000001"
    lite, owner = sqlite3.connect(tmp_path / "v.db"), psycopg.connect(postgres_url, autocommit=True)
    for run, kind, true, bytes_ in ((lite.execute, "BLOB", "1", "x'00'"), (owner.execute, "BYTEA", "true", "'\\x00'")):
        run(f"CREATE TABLE v ({columns.format(kind)})")
        run(f"INSERT INTO v VALUES {values.format(true, some, bytes_)}")  # noqa: S608  our own values
    lite.commit()
    nine = datetime(2026, 1, 5, 9)  # noqa: DTZ001  naive, as it is stored
    row = {"id": 1, "b": True, "nv": nine, "d": date(2026, 1, 5), "j": {"a": [1]}, "n": 1.5, "u": some, "y": b"\0"}
    for url in ("sqlite:///v.db", postgres_url):
        database = LiveDatabase.from_settings(Settings(id="acme", db=url, folder=tmp_path))
        assert LiveRows(lambda opened=database: opened, UTC).page("v", {"nv": "2026-01-05T09:00:00"}, 0, 9) == [row]
        database.close()
    lite.execute("UPDATE v SET b = 5, nv = 'soon', d = '2026-99-99', j = '{', u = NULL")
    lite.commit()
    database = LiveDatabase.from_settings(Settings(id="acme", db="sqlite:///v.db", folder=tmp_path))
    odd = {"id": 1, "b": 5, "nv": "soon", "d": "2026-99-99", "j": "{", "n": 1.5, "u": None, "y": b"\0"}
    assert LiveRows(lambda: database, UTC).get("v", 1) == odd
    database.close()
    lite.close()
    owner.close()


REFUSED = {
    None: 'tenant.toml names no database; add a line such as db = "sqlite:///app.db"',
    "sqlite://": "db 'sqlite://' names no file; write sqlite:///app.db",
    "postgresql://a:hunter2@h:x/d": "db 'postgresql://a:***@h:x/d' is not a database URL; "
    "write sqlite:///app.db or postgresql://user@host/name",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_database_that_cannot_be_used_is_refused(url):
    """In one sentence."""
    with pytest.raises(SettingsError) as refused:
        LiveDatabase.from_settings(Settings(id="acme", db=url))
    assert str(refused.value) == REFUSED[url]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.db", "does not exist"),
        ("no/where/a.db", "does not exist"),
        (".", "is not a file"),
        ("é ?#", "does not exist"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path, name, why):
    """SQLite itself only says that it cannot open it."""
    settings = Settings(id="acme", db=f"sqlite:///{name.replace('?', '%3F')}", folder=tmp_path)
    database = LiveDatabase.from_settings(settings)
    with pytest.raises(ServiceError) as refused:
        database.tables()
    path = str(tmp_path / name)
    assert str(refused.value) == f"the file of the database {why}: {path!r}; see db in tenant.toml"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["postgresql://ann:hunter2@127.0.0.1:1/app", "postgresql://ann:hunter2@127.0.0.1:2/a"])
def test_a_database_that_is_not_there_is_an_error(tmp_path, url):
    """No file is made, and no password is shown."""
    database = LiveDatabase.from_settings(Settings(id="acme", db=url, folder=tmp_path))
    with pytest.raises(ServiceError, match=r"^the database refused: ") as refused:
        LiveRows(lambda: database, UTC).count("users", None)
    assert "hunter2" not in f"{refused.value}{database!r}"
    assert [*tmp_path.iterdir()] == []
    database.close()
