import os
import shutil
import subprocess
import tempfile
import time

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere


@pytest.fixture(scope="session")
def redis_server():
    """Start a Redis for the session, which ends with this process, and return its URL."""
    if shutil.which("redis-server") is None:
        missing = "Redis is not installed: apt-get install redis-server"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with tempfile.TemporaryDirectory(prefix="sbh-redis-") as folder:
        words = ["--port", "0", "--unixsocket", f"{folder}/socket", "--save", "", "--dir", folder]
        ends_with_this = ["setpriv", "--pdeathsig", "TERM", "--"]
        server = subprocess.Popen([*ends_with_this, "redis-server", *words], stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            wait_for(f"unix://{folder}/socket")
            yield f"unix://{folder}/socket"
        finally:
            server.terminate()
            server.wait(20)


def wait_for(url):
    for _ in range(200):
        try:
            Redis.from_url(url).ping()
        except NotThere:
            time.sleep(0.05)
        else:
            return
    pytest.fail("redis-server did not start within ten seconds")


@pytest.fixture
def redis_url(redis_server):
    """Return the URL of an empty Redis."""
    Redis.from_url(redis_server).flushall()
    return redis_server
