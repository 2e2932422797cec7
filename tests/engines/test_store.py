"""Opening a store: what cannot be used is refused in one sentence, and nothing is half done."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import event, text

from sbh_jobkit.engines import store as module
from sbh_jobkit.engines.schema import VERSION, store_version
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError

NO_URL = "is not a database URL; write sqlite:///jobs.db or postgresql://user@host/database"
BAD = {
    "redis://localhost": "unknown store 'redis://localhost'; use sqlite://… or postgresql://…",
    "sqlit:///jobs.db": "unknown store 'sqlit:///jobs.db'; did you mean 'sqlite'?",
    "jobs.db": "unknown store 'jobs.db'; use sqlite://… or postgresql://…",
    "": "unknown store ''; use sqlite://… or postgresql://…",
    "postgres://ann:hunter2@h/jobs": "unknown store 'postgres://ann:***@h/jobs'; did you mean 'postgresql'?",
    "postgres://ann:hun/t er2@h/jobs": "unknown store 'postgres://ann:***@h/jobs'; did you mean 'postgresql'?",
    "postgresql://ann:hunter2@h:x/jobs": f"the store 'postgresql://ann:***@h:x/jobs' {NO_URL}",
    "postgresql:": f"the store 'postgresql:' {NO_URL}",
    **{
        url: f"the store {url!r} is in memory, where no other process finds it; name a file: sqlite:///jobs.db"
        for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://", "sqlite:///?timeout=5")
    },
    **{
        url: f"the store {url!r} {NO_URL}"
        for url in ("sqlite://jobs.db", "sqlite://ann@/jobs.db", "sqlite:jobs.db", "sqlite:/jobs.db", "sqlite:///a%00b")
    },
    "sqlite:////no/where/jobs.db": "the store '/no/where/jobs.db' cannot be made: there is no folder '/no/where'",
}


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_cannot_be_used_is_refused(url):
    """The sentence says which, and what to write."""
    with pytest.raises(StoreError) as refused:
        Store.open(url)
    assert str(refused.value) == BAD[url]


def test_a_server_that_does_not_answer_is_refused():
    """Without its password."""
    with pytest.raises(StoreError) as refused:
        Store.open("postgresql://ann:hunter2-secret@127.0.0.1:1/jobs")
    message = str(refused.value)
    assert message.startswith("cannot open the store 'postgresql://ann:***@127.0.0.1:1/jobs': ")
    assert "hunter2" not in message


def test_a_database_of_others_is_left_alone(tmp_path):
    """Nothing is written into a file that has other tables."""
    path = tmp_path / "notes.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        Store.open(f"sqlite:///{path}")
    assert str(refused.value) == f"the database {str(path)!r} is not a store of jobs: it has the table 'notes'"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    """As a text file with the wrong name."""
    path = tmp_path / "jobs.db"
    path.write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match=r"cannot open the store .*file is not a database"):
        Store.open(f"sqlite:///{path}")


def test_a_newer_store_is_refused(store, url):
    """An older kit would not know what its columns mean."""
    with store.write() as connection:
        connection.execute(store_version.update().values(version=VERSION + 1))
    with pytest.raises(StoreError, match=rf"has version {VERSION + 1}, and this kit knows {VERSION}; install the kit"):
        Store.open(url)


def test_a_store_is_opened_again(store, url):
    """The second time its tables are there."""
    again = Store.open(url)
    assert again.is_sqlite is store.is_sqlite
    again.close()


def test_claims_survive_a_power_cut(sqlite_url):
    """SQLite writes each commit through to the disk, and readers do not wait for writers."""
    store = Store.open(sqlite_url)
    with store.read() as connection:
        names = ("synchronous", "journal_mode")
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    assert settings == {"synchronous": 2, "journal_mode": "wal"}  # 2 is FULL


READ_ONLY = """
import os, sys
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import StoreError
import sqlalchemy.dialects.sqlite
if os.getuid() == 0:
    os.setuid(65534)
try:
    Store.open(sys.argv[1])
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("is_new", [True, False], ids=["a new store", "a store that is there"])
def test_a_folder_that_cannot_be_written_is_refused(is_new):
    """Also beside a file that is there, where SQLite writes others next to it."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "locked"
        folder.mkdir()
        url = f"sqlite:///{folder}/jobs.db"
        if not is_new:
            Store.open(url).close()
        Path(base).chmod(0o755)  # somebody else may look, and not write
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", READ_ONLY, url], capture_output=True, text=True, check=True)
        folder.chmod(0o755)
    what = "cannot be made" if is_new else "cannot be used"
    assert done.stdout == f"the store '{folder}/jobs.db' {what}: the folder '{folder}' cannot be written\n"


def test_a_connection_that_comes_back_after_the_end_is_closed(postgres_url):
    """A thread may still have one when the store is closed; it would stay open for as long as the process lives."""
    opened = Store.open(postgres_url)
    with opened.read() as connection:
        driver = connection.connection.driver_connection
        opened.close()
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert driver.closed


def test_a_connection_that_was_ended_while_nobody_used_it_is_replaced(postgres_url, monkeypatch):
    """It is asked before it is used, but only where it was idle: a question takes as long as a read."""
    opened, asked = Store.open(postgres_url), []
    do_ping = opened.engine.dialect.do_ping
    monkeypatch.setattr(opened.engine.dialect, "do_ping", lambda connection: asked.append(1) or do_ping(connection))
    number, made = text("SELECT pg_backend_pid()"), []
    event.listen(opened.engine, "connect", lambda *_: made.append(1))

    def read():
        with opened.read() as connection:
            return connection.execute(number).scalar_one()

    first = read()
    assert (read(), asked, made) == (first, [], [])
    monkeypatch.setattr(module, "_IDLE", 0.0)
    assert (read(), asked, made) == (first, [1], [])
    other = Store.open(postgres_url)
    with other.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": first})
    other.close()
    assert read() != first
    assert (len(asked), made) == (2, [1])
    opened.close()
