"""A store of each kind: a SQLite file, and a real PostgreSQL that the tests start."""

import os
import tempfile

import pytest

from sbh_jobkit.engines.store import Store


@pytest.fixture
def sqlite_url():
    """Return the URL of a file in memory, where the machine has such a folder: a test need not survive a power cut."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder of its own below it
    with tempfile.TemporaryDirectory(prefix="sbh-store-", dir=memory) as folder:
        yield f"sqlite:///{folder}/jobs.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """Return the URL of an empty store of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(url):
    """Open an empty store of each kind."""
    opened = Store.open(url)
    yield opened
    opened.close()
