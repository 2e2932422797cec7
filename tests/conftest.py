"""What several chapters' tests share: pytest's fixture for plugins, processes to interrupt, real services."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
collect_ignore = ["browser"]  # which needs a Chromium: `make browser` names it
_numbers = count(1)
_COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""How coverage tells the processes that are started to measure themselves."""


@pytest.fixture(scope="session", autouse=True)
def coverage_of_processes():
    """Start processes without coverage: it makes each slower, and never gives back a lock that Ctrl-C meets it in."""
    setting = os.environ.get(_COVERAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(_COVERAGE, raising=False)
        yield setting


@pytest.fixture(scope="module")
def measured(coverage_of_processes):
    """Start the processes of a module with coverage, since nothing else runs what they run."""
    with pytest.MonkeyPatch.context() as patch:
        if coverage_of_processes:
            patch.setenv(_COVERAGE, coverage_of_processes)
        yield


@pytest.fixture
def ctrl_c():
    """Return a function for jobs: a person presses Ctrl-C while it runs."""

    def press():
        subprocess.run(["kill", "-INT", f"{os.getpid()}"], check=False)  # noqa: S607  any kill will do
        while True:
            pass

    return press


def _program(name):
    """Find one of PostgreSQL's programs, which Debian does not put on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


class PostgresServer:
    """A server of the tests' own, which ends with this process; it listens on a socket in its folder only."""

    def __init__(self, folder, *, fsync=False):
        """Make its files."""
        self.data, self.dsn = Path(folder) / "data", f"host={folder} user=postgres"
        self.as_user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
            become = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
            self.as_user = ["setpriv", "--pdeathsig", "INT", *become, "--"]
        made = [_program("initdb"), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*self.as_user, *made, "-D", str(self.data)], check=True, capture_output=True, timeout=60)
        settings = ["-c", "listen_addresses=", "-c", f"fsync={'on' if fsync else 'off'}"]
        self.command = [*self.as_user, _program("postgres"), "-D", str(self.data), "-k", folder, *settings]

    def start(self):
        """Start, and wait until it answers."""
        import psycopg

        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet)
        for _ in range(600):
            try:
                psycopg.connect(f"{self.dsn} dbname=postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("PostgreSQL did not start within thirty seconds")

    def kill(self):
        """Kill it, as a machine that loses its power; its other processes end when they see that."""
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        """Stop it, with all connections to it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


@pytest.fixture(scope="session")
def own_postgres():
    """Return a function that makes a server which a test may kill, with its files in a new folder."""
    if _program("initdb") is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql, or set SBH_TEST_POSTGRES to a DSN"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)

    @contextmanager
    def make(*, fsync):
        with tempfile.TemporaryDirectory(prefix="sbh-pg-", ignore_cleanup_errors=True) as folder:
            server = PostgresServer(folder, fsync=fsync)
            server.start()
            try:
                yield server
            finally:
                server.stop()

    return make


@pytest.fixture(scope="session")
def postgres(request):
    """Start a server for the session, which ends with this process, and return how to connect to it."""
    if dsn := os.environ.get("SBH_TEST_POSTGRES"):
        yield dsn
        return
    with request.getfixturevalue("own_postgres")(fsync=False) as server:
        yield server.dsn


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


class Buckets:
    """A storage of this machine that speaks S3: its address, its credentials, and the folder that it keeps."""

    def __init__(self, folder, port):
        """Describe it."""
        self.folder = Path(folder)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-storage",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def create(self):
        """Make an empty bucket, and return its name."""
        name = f"bucket-{os.getpid()}-{next(_numbers)}"
        (self.folder / name).mkdir()
        return name

    def set_modified(self, bucket, key, at):
        """Say when an object was written."""
        described = self.folder / bucket / ".nanio-meta" / f"{key}.json"
        found = json.loads(described.read_text())
        described.write_text(json.dumps({**found, "last_modified": at.isoformat()}))


@pytest.fixture(scope="session")
def buckets():
    """Start an S3-compatible server for the session, which is ended with it."""
    with tempfile.TemporaryDirectory(prefix="sbh-s3-", ignore_cleanup_errors=True) as folder:
        port = _free_port()
        found = Buckets(folder, port)
        given = {"NANIO_ACCESS_KEY": "AKIATEST", "NANIO_SECRET_KEY": found.environment["AWS_SECRET_ACCESS_KEY"]}
        line = [
            sys.executable,
            "-m",
            "nanio",
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--data-dir",
            folder,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(line, env={**os.environ, **given}, **quiet)
        try:
            _wait_for_port(server, port)
            yield found
        finally:
            server.terminate()
            server.wait(20)


def _free_port():
    """Find a port where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for_port(server, port):
    """Wait until the server takes connections."""
    for _ in range(400):
        assert server.poll() is None, "nanio, the storage of the tests, ended at once; make setup installs it"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nanio did not start within twenty seconds")
