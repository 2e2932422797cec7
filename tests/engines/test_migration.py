"""A store of version 1 is brought up to date with all that is in it: history, waiting rows, secrets, pauses."""

import sqlite3
import subprocess
import sys
import threading

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

from sbh_jobkit.engines import migration, schema
from sbh_jobkit.engines import store as store_module
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

FIRST = """
CREATE TABLE sbh_store (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO sbh_store VALUES (1);
CREATE TABLE sbh_job_run (
    tenant VARCHAR(200) NOT NULL, plugin VARCHAR(200) NOT NULL, job VARCHAR(200) NOT NULL, fire_time BIGINT NOT NULL,
    state VARCHAR(10) NOT NULL, worker VARCHAR(200), planned_at BIGINT NOT NULL, started_at BIGINT, finished_at BIGINT,
    outcome VARCHAR(20), reason TEXT, record TEXT, note TEXT, is_cut BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, plugin, job, fire_time));
CREATE INDEX sbh_job_run_open ON sbh_job_run (tenant, plugin, job, state, fire_time);
CREATE INDEX sbh_job_run_state ON sbh_job_run (state, fire_time);
INSERT INTO sbh_job_run VALUES
    ('acme', 'shop', 'work', 100, 'ended', 'w', 50, 101, 102, 'crashed', 'why', NULL, NULL, false),
    ('acme', 'shop', 'work', 200, 'waiting', NULL, 150, NULL, NULL, NULL, 'still running', NULL, NULL, false);
CREATE TABLE sbh_job_mark (
    tenant VARCHAR(200) NOT NULL, plugin VARCHAR(200) NOT NULL, job VARCHAR(200) NOT NULL,
    schedule VARCHAR(300) NOT NULL, planned_to BIGINT NOT NULL, PRIMARY KEY (tenant, plugin, job));
INSERT INTO sbh_job_mark VALUES ('acme', 'shop', 'work', '0 * * * * UTC', 200);
CREATE TABLE sbh_life (worker VARCHAR(200) NOT NULL, started_at BIGINT NOT NULL, alive_at BIGINT NOT NULL,
    PRIMARY KEY (worker, started_at));
INSERT INTO sbh_life VALUES ('w', 10, 190);
"""
"""The first tables of version 1; columns and tables came later under the same number."""
LATER = """
ALTER TABLE sbh_job_run ADD COLUMN asked_by VARCHAR(200);
ALTER TABLE sbh_job_run ADD COLUMN backfilled_by VARCHAR(200);
ALTER TABLE sbh_job_run ADD COLUMN cancelled_by VARCHAR(200);
ALTER TABLE sbh_job_run ADD COLUMN version VARCHAR(200);
ALTER TABLE sbh_job_mark ADD COLUMN forgotten BIGINT DEFAULT 7 NOT NULL;
ALTER TABLE sbh_job_mark ADD COLUMN forgotten_to BIGINT DEFAULT 9 NOT NULL;
UPDATE sbh_job_run SET asked_by = 'ann', version = '1.0.0 (abc)' WHERE fire_time = 100;
CREATE TABLE sbh_secret (
    tenant VARCHAR(200) NOT NULL, plugin VARCHAR(200) NOT NULL, name VARCHAR(200) NOT NULL, value TEXT NOT NULL,
    changed_at BIGINT NOT NULL, PRIMARY KEY (tenant, plugin, name));
INSERT INTO sbh_secret VALUES ('acme', 'shop', 'API_KEY', 'encrypted', 60);
"""
"""And the last ones."""


def write(url, script):
    """Execute statements, one after another."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";")):
            connection.execute(text(statement))
    engine.dispose()


def read(store, table):
    """Return all rows of a table, as dicts of what is not empty."""
    with store.read() as connection:
        rows = connection.execute(table.select().order_by(*table.primary_key.columns)).mappings().all()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


KEY = {"tenant": "acme", "plugin": "shop", "job": "work"}


@pytest.mark.parametrize("of", ["the first tables", "the last tables"])
def test_a_store_of_version_1_keeps_everything(url, of):
    """Rows become first attempts; what its tables did not have yet is empty."""
    last = of == "the last tables"
    write(url.replace("postgresql:", "postgresql+psycopg:"), FIRST + (LATER if last else ""))
    store = Store.open(url)
    more = {"asked_by": "ann", "version": "1.0.0 (abc)"} if last else {}
    ended = {"worker": "w", "started_at": 101, "finished_at": 102, "outcome": "crashed", "reason": "why", **more}
    waits = {"reason": "still running"}
    same = {**KEY, "attempt": 1, "is_cut": False}
    assert read(store, schema.job_run) == [
        {**same, "fire_time": 100, "state": "ended", "planned_at": 50, **ended},
        {**same, "fire_time": 200, "state": "waiting", "planned_at": 150, **waits},
    ]
    forgotten = {"forgotten": 7 if last else 0, "forgotten_to": 9 if last else 0}
    assert read(store, schema.job_mark) == [{**KEY, "schedule": "0 * * * * UTC", "planned_to": 200, **forgotten}]
    assert read(store, schema.life) == [{"worker": "w", "started_at": 10, "alive_at": 190}]
    assert len(read(store, schema.secret)) == last
    assert read(store, schema.store_version) == [{"version": schema.VERSION}]
    store.close()


def test_a_migrated_store_has_the_tables_of_a_new_one(url):
    """Columns, keys and indexes; nothing of the old ones is left."""
    write(url.replace("postgresql:", "postgresql+psycopg:"), FIRST + LATER)
    store = Store.open(url)
    with store.engine.connect() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == {table.name for table in schema.metadata.sorted_tables}
        for table in schema.metadata.sorted_tables:
            assert [each["name"] for each in found.get_columns(table.name)] == list(table.c.keys())
            assert found.get_pk_constraint(table.name)["constrained_columns"] == list(table.primary_key.columns.keys())
            assert {each["name"] for each in found.get_indexes(table.name)} == {each.name for each in table.indexes}
    store.close()
    Store.open(url).close()


def indexes(store):
    """Return the indexes of all tables: name, columns, and whether it leaves rows out."""
    found = inspect(store.engine)
    return sorted(
        (index["name"], index["column_names"], any("where" in each for each in index.get("dialect_options", {})))
        for table in found.get_table_names()
        for index in found.get_indexes(table)
    )


THIRD = """
DROP INDEX sbh_job_run_open;
CREATE INDEX sbh_job_run_open ON sbh_job_run (tenant, plugin, job, state, fire_time);
DROP INDEX sbh_job_run_finished_at;
DROP INDEX sbh_job_run_ran;
ALTER TABLE sbh_job_run DROP COLUMN uses;
ALTER TABLE sbh_life DROP COLUMN role;
ALTER TABLE sbh_life DROP COLUMN name;
ALTER TABLE sbh_life DROP COLUMN engine;
UPDATE sbh_store SET version = 3;
INSERT INTO sbh_life (worker, started_at, alive_at) VALUES ('w', 10, 190);
"""
"""What version 3 did not have, or had otherwise."""
FOURTH = """
DROP INDEX sbh_job_run_ran;
ALTER TABLE sbh_life DROP COLUMN engine;
UPDATE sbh_store SET version = 4;
INSERT INTO sbh_life (worker, started_at, alive_at) VALUES ('w', 10, 190);
"""
"""And version 4."""


@pytest.mark.parametrize("script", [THIRD, FOURTH], ids=["3", "4"])
def test_a_store_of_a_later_version_only_gets_more(url, script):
    """Its tables stay where they are, so processes of the older kit go on reading and writing them."""
    fresh = Store.open(url)
    expected = indexes(fresh)
    fresh.close()
    write(url.replace("postgresql:", "postgresql+psycopg:"), script)
    older = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    store = Store.open(url)
    assert indexes(store) == expected
    with older.begin() as connection:
        connection.execute(text("UPDATE sbh_life SET alive_at = 200 WHERE worker = 'w'"))
        connection.execute(text("INSERT INTO sbh_life (worker, started_at, alive_at) VALUES ('x', 20, 30)"))
    older.dispose()
    assert read(store, schema.life) == [
        {"worker": "w", "started_at": 10, "alive_at": 200},
        {"worker": "x", "started_at": 20, "alive_at": 30},
    ]
    assert read(store, schema.store_version) == [{"version": schema.VERSION}]
    store.close()


@pytest.mark.parametrize("seconds", [0.5, None], ids=["for a while", "for long"])
def test_tables_that_others_hold(postgres_url, monkeypatch, seconds):
    """A migration tries again, as long as workers can wait for it, and then gives up; nothing is half done."""
    monkeypatch.setattr(migration, "_PATIENCE", "SET LOCAL lock_timeout = '200ms'")
    monkeypatch.setattr(store_module, "_TRIES", 5 if seconds else 2)
    Store.open(postgres_url).close()
    write(postgres_url.replace("postgresql:", "postgresql+psycopg:"), THIRD)
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT count(*) FROM sbh_life")  # as pg_dump does
        if seconds is None:
            with pytest.raises(
                StoreError, match=r"lock timeout; others use its tables, such as a backup: try again when"
            ):
                Store.open(postgres_url)
            assert holder.execute("SELECT version FROM sbh_store").fetchone() == (3,)
            return
        timer = threading.Timer(seconds, holder.rollback)
        timer.start()
        store = Store.open(postgres_url)
        timer.join()
    assert read(store, schema.store_version) == [{"version": schema.VERSION}]
    store.close()


def test_many_processes_migrate_once(sqlite_url):
    """All of them open it at the same time, and each finds it up to date."""
    write(sqlite_url, FIRST + LATER)
    line = "import sys; from sbh_jobkit.engines.store import Store; sys.stdin.read(1); Store.open(sys.argv[1]).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", line, sqlite_url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in processes] == [b""] * 4
    store = Store.open(sqlite_url)
    assert [(row["fire_time"], row["attempt"]) for row in read(store, schema.job_run)] == [(100, 1), (200, 1)]
    store.close()


def test_a_migration_that_fails_changes_nothing(sqlite_url):
    """The store is still one of version 1, with everything in it."""
    write(sqlite_url, FIRST + "CREATE TABLE sbh_job_run_old (x INTEGER);")
    path = sqlite_url.removeprefix("sqlite:///")
    with pytest.raises(StoreError, match="there is already another table or index with this name: sbh_job_run_old"):
        Store.open(sqlite_url)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version FROM sbh_store").fetchall() == [(1,)]
    assert connection.execute("SELECT fire_time FROM sbh_job_run ORDER BY 1").fetchall() == [(100,), (200,)]
    connection.close()
