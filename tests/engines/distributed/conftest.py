"""What tests of several machines share: a server on a PostgreSQL, to which they add workers."""

import pytest
from fleet import Fleet


@pytest.fixture
def fleet(tmp_path, postgres_url):
    """Make the tables, and start a server."""
    started = Fleet(tmp_path, postgres_url)
    try:
        done = started.run("store", "migrate", "--store", postgres_url)
        assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["its queue for workers: made"])
        words = ("--engine", "distributed", "--port", "0", "--token-file", "token", "--grace", "0s")
        started.server = started.start("serve", "shop", *words)
        yield started
    finally:
        started.close()
