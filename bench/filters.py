"""A page of 100 from 100,000 rows of a live database, beside the statement that a person would write for it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import psycopg
import sqlalchemy as sa
from measure import row, seconds

from sbh_jobkit.live.db import LiveDatabase, LiveRows
from sbh_jobkit.live.settings import Settings

NOW = datetime(2026, 1, 5, 9)  # noqa: DTZ001  naive, as in a job
WEEK, DAY, TODAY = ((NOW - timedelta(days=days)).date().isoformat() for days in (7, 1, 0))
MINUTES = (NOW - timedelta(minutes=10)).isoformat()
ROWS, PAGE, ROUNDS = 100_000, 100, 9
WRITTEN = {
    "everything": ({}, "1 = 1", {}),
    "active": ({"active": True}, "active = :a", {"a": True}),
    "created since a week": ({"created_at": {"$gte": WEEK}}, "created_at >= :a", {"a": WEEK}),
    "created yesterday": (
        {"created_at": {"$gte": DAY, "$lt": TODAY}},
        "created_at >= :a AND created_at < :b",
        {"a": DAY, "b": TODAY},
    ),
    "failed yesterday": (
        {"created_at": {"$gte": DAY, "$lt": TODAY}, "status": "failed"},
        "created_at >= :a AND created_at < :b AND status = :c",
        {"a": DAY, "b": TODAY, "c": "failed"},
    ),
    "failed since a week": (
        {"created_at": {"$gte": WEEK}, "status": "failed"},
        "created_at >= :a AND status = :b",
        {"a": WEEK, "b": "failed"},
    ),
    "a plan": ({"plan": "trial"}, "plan = :a", {"a": "trial"}),
    "due today": ({"due": TODAY}, "due = :a", {"a": TODAY}),
    "ids beyond": ({"id": {"$gt": 40}}, "id > :a", {"a": 40}),
    "ten minutes": (
        {"at": {"$gte": MINUTES, "$lt": NOW.isoformat()}},
        "at >= :a AND at < :b",
        {"a": str(datetime.fromisoformat(MINUTES)), "b": str(NOW)},
    ),
}
"""Filters as the guide and the examples write them, and the same by hand."""
TABLE = """CREATE TABLE t (id INTEGER PRIMARY KEY, created_at TIMESTAMP, at TIMESTAMP, due DATE, plan TEXT, status TEXT,
active BOOLEAN)"""


def rows():
    """Yield rows, one a minute, the last at this moment; some of them are what filters look for."""
    for number in range(ROWS):
        at = NOW - timedelta(minutes=ROWS - number)
        due = (NOW + timedelta(days=number % 400 - 200)).date()
        kinds = ("trial" if number % 50 == 0 else "team", "failed" if number % 20 == 0 else "ok", number % 3 == 0)
        yield number, str(at), str(at), str(due), *kinds


@contextmanager
def databases():
    """Fill a SQLite file, and a PostgreSQL if it is installed; yield their URLs by name."""
    with tempfile.TemporaryDirectory(prefix="sbh-bench-", ignore_cleanup_errors=True) as folder:
        with sqlite3.connect(Path(folder) / "app.db") as owner:
            _fill(owner, "?")
        owner.close()
        with _postgres(folder) as url:
            yield Path(folder), {"SQLite": "sqlite:///app.db", "PostgreSQL": url}


def _fill(owner, mark):
    owner.execute(TABLE)
    owner.cursor().executemany(f"INSERT INTO t VALUES ({', '.join([mark] * 7)})", rows())  # noqa: S608  our own marks
    owner.commit()


@contextmanager
def _postgres(folder):
    """Start a server for the bench alone."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        sys.exit("PostgreSQL is not installed: apt-get install postgresql")
    data, as_user = Path(folder) / "data", []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]
    made = [*as_user, str(found[-1]), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run([*made, "-D", str(data)], check=True, capture_output=True, timeout=60)  # noqa: S603  its own program
    options = ["-D", str(data), "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*as_user, str(found[-1].with_name("postgres")), *options], **quiet)  # noqa: S603  too
    try:
        for _ in range(200):
            try:
                owner = psycopg.connect(f"host={folder} user=postgres dbname=postgres")
                break
            except psycopg.OperationalError:
                sleep(0.05)
        with owner:
            _fill(owner, "%s")
            owner.execute("ANALYZE t")
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)  # also with connections
        server.wait(20)


def pages() -> None:
    """Compare each filter with the statement by hand, in turn, on both databases."""
    with databases() as (folder, urls):
        for name, url in urls.items():
            database = LiveDatabase.from_settings(Settings(id="acme", db=url, folder=folder))
            found = [_compare(database, name, *each) for each in WRITTEN.values()]
            worst, ours = max(found)
            figure = f"{ours * 1000:.1f} ms"
            row(
                f"a filtered page of 100,000 rows, {name}", figure, f"at most {worst:.2f} times a statement by hand (3)"
            )
            if os.environ.get("SBH_BENCH_DETAILS"):
                for each, (ratio, took) in zip(WRITTEN, found, strict=True):
                    row(f"  {each}", f"{took * 1000:.2f} ms", f"{ratio:.2f}")
            database.close()


def _compare(database, name, wanted, condition, given):
    live = LiveRows(lambda: database, UTC)
    statement = sa.text(f"SELECT * FROM t WHERE {condition} ORDER BY id LIMIT {PAGE}")  # noqa: S608  our own text

    def ours():
        return live.page("t", wanted, 0, PAGE)

    def by_hand():
        with database.reading("t") as connection:
            return [dict(each) for each in connection.execute(statement, given).mappings()]

    if [each["id"] for each in ours()] != [each["id"] for each in by_hand()]:
        sys.exit(f"the two do not agree on {name}: {wanted}")
    both = zip(*((seconds(ours), seconds(by_hand)) for _ in range(ROUNDS)), strict=True)
    best, by_hands_best = map(min, both)  # what else the machine does only adds
    return best / by_hands_best, best


if __name__ == "__main__":
    pages()
