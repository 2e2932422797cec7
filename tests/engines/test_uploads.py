"""Uploads that were replaced are removed, but for those that a run or another process may use."""

import os
import subprocess
import sys

import pytest

from sbh_jobkit.engines import installations
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.schema import State, insert, job_run
from sbh_jobkit.engines.store import Store
from sbh_jobkit.engines.uploads import Uploads

HOLD = """
import sys
from pathlib import Path
from sbh_jobkit.engines.uploads import Uploads
Uploads(Path(sys.argv[1])).use(Path(sys.argv[2]))
print("used", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(sqlite_url):
    """Open a store."""
    opened = Store.open(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def keep(tmp_path, store):
    """Return a function that keeps a version of a plugin, an hour ago, and installs it."""

    def make(version, slug="tea", age=3_600, *, installed=True):
        path = tmp_path / "uploads" / "acme" / slug / version
        path.mkdir(parents=True)
        (path / "main.py").write_text("")
        os.utime(path, (now() - age, now() - age))
        if installed:
            with store.write() as connection:
                installations.install(connection, "acme", slug, str(path), now(), uploaded=True)
        return path

    return make


@pytest.fixture
def uploads(tmp_path):
    """Return the folder of uploads."""
    found = Uploads(tmp_path / "uploads")
    yield found
    found.close()


def test_what_was_replaced_is_removed(keep, uploads, store):
    """Also where this process used it; what is installed stays, and so do other plugins."""
    first, other, second = keep("1"), keep("1", "coffee"), keep("2")
    uploads.use(first)
    uploads.sweep(store)
    assert (first.exists(), other.exists(), second.exists()) == (False, True, True)


def test_what_is_young_stays(keep, uploads, store):
    """Another server may just have made it, and not have installed it yet."""
    keep("1")
    young = keep("2", age=5, installed=False)
    uploads.sweep(store)
    assert young.exists()


@pytest.mark.parametrize("state", [State.CLAIMED, State.RUNNING, State.ENDED])
def test_what_a_run_may_use_stays(keep, uploads, store, state):
    """Until it has ended."""
    first, _ = keep("1"), keep("2")
    row = {"tenant": "acme", "plugin": "tea", "job": "brew", "fire_time": 1, "planned_at": 1, "state": state}
    with store.write() as connection:
        connection.execute(insert(connection, job_run).values(**row))
    uploads.sweep(store)
    assert first.exists() is (state != State.ENDED)


def test_what_another_process_uses_stays(keep, uploads, store):
    """Until it ends."""
    first, _ = keep("1"), keep("2")
    line = [sys.executable, "-c", HOLD, str(uploads.folder), str(first)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "used\n"
        uploads.sweep(store)
        assert first.exists()
        other.communicate("")
    uploads.sweep(store)
    assert not first.exists()


def test_nothing_to_remove(uploads, store):
    """A server that never got an upload has no folder."""
    uploads.sweep(store)
    assert not uploads.folder.exists()
