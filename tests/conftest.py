"""What several chapters' tests share: pytest's fixture for plugins, processes to interrupt, and a real PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
collect_ignore = ["browser"]  # which needs a Chromium: `make browser` names it
_numbers = count(1)


@pytest.fixture
def unmeasured(monkeypatch):
    """Start processes without coverage, whose collector never gives back a lock that Ctrl-C meets it in."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def _program(name):
    """Find one of PostgreSQL's programs, which Debian does not put on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgres():
    """Start a server for the session, which ends with this process, and return how to connect to it."""
    if dsn := os.environ.get("SBH_TEST_POSTGRES"):
        yield dsn
        return
    if _program("initdb") is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql, or set SBH_TEST_POSTGRES to a DSN"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with tempfile.TemporaryDirectory(prefix="sbh-pg-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        as_user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
            as_user = [
                "setpriv",
                "--pdeathsig",
                "INT",
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--clear-groups",
                "--",
            ]
        made = [
            *as_user,
            _program("initdb"),
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([*made, "-D", str(data)], check=True, capture_output=True, timeout=60)
        options = ["-D", str(data), "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        server = subprocess.Popen(
            [*as_user, _program("postgres"), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        dsn = f"host={folder} user=postgres"
        try:
            _wait_for(dsn)
            yield dsn
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(dsn):
    """Wait until the server answers."""
    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(f"{dsn} dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("PostgreSQL did not start within ten seconds")


@pytest.fixture
def postgres_url(postgres):
    """Return the URL of a database of its own."""
    import psycopg

    name = f"sbh_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = dict(part.split("=", 1) for part in postgres.split())
    yield f"postgresql://{parts['user']}@/{name}?host={parts['host']}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
