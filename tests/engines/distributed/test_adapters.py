"""Engines of extensions: found by their name, and held against the protocol before anything begins."""

import logging
import os
import subprocess
import sys
import threading

import pytest
from sqlalchemy.exc import OperationalError

from sbh_jobkit.engines.distributed.guarded import GuardedEngine
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import ExtensionError

EXTENSION = """
from sbh_jobkit import hookimpl

class Good:
    def __init__(self, store): self.store = store
    def offer(self, connection, rows): ...
    def withdraw(self, connection, rows): ...
    def work(self, start, *, slots, stop): ...
    def tick(self, call, *, stop): ...

class Forgetful(Good):
    withdraw = None

class Older(Good):
    def work(self, start, stop): ...

class Hasty(Good):
    def offer(self, rows): ...

class Later(Good):
    async def tick(self, call, *, stop): ...

class Wider(Good):
    def tick(self, *given, **named): ...

def away(store):
    raise OSError("redis is away")

@hookimpl
def sbh_engines():
    return {each.__name__.lower(): each for each in (Good, Forgetful, Older, Hasty, Later, Wider, away)} | {
        "none": lambda store: None,
    }
"""
PROBE = """
import sys
from sbh_jobkit.engines.distributed import adapters
from sbh_jobkit.errors import JobkitError
for name in sys.argv[2:]:
    try:
        with adapters.opened(name, sys.argv[1]) as (store, engine):
            print("opened")
    except JobkitError as error:
        print(error)
"""
IS = "extension acme-queue: engine"
OPENED = {
    "good": "opened",
    "wider": "opened",
    "forgetful": f"{IS} 'forgetful' has no withdraw(connection, rows)",
    "none": f"{IS} 'none' has no offer(connection, rows)",
    "older": (
        f"{IS} 'older' cannot be called as work(start, *, slots, stop): got an unexpected keyword argument 'slots'"
    ),
    "hasty": f"{IS} 'hasty' cannot be called as offer(connection, rows): too many positional arguments",
    "later": f"{IS} 'later' must have a plain function tick(call, *, stop), and its tick is asynchronous",
    "away": f"{IS} 'away': opening it raised OSError: redis is away (acme_queue.py:27)",
    "remote": (
        "there is no engine 'remote' for workers; use one of"
        " distributed, good, forgetful, older, hasty, later, wider, away, none"
    ),
    "god": "there is no engine 'god' for workers; did you mean 'good'?",
}


@pytest.fixture
def python(tmp_path):
    """Return a function that runs Python where a package is installed by hand, with this text as its extension."""

    def run(*words, extension=EXTENSION):
        folder = tmp_path / "acme_queue-1.0.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-queue\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("[sbh_jobkit]\nqueue = acme_queue\n")
        (tmp_path / "acme_queue.py").write_text(extension)
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_an_engine_is_held_against_the_protocol(python, postgres_url):
    """One that lacks a member, or cannot be called as the kit calls it, is refused with the name of the member."""
    Store.open(postgres_url).close()
    done = python("-c", PROBE, postgres_url, *OPENED)
    assert (done.stdout.splitlines(), done.stderr) == (list(OPENED.values()), "")


@pytest.mark.parametrize("command", ["worker", "serve"])
def test_one_that_is_not_an_engine(python, postgres_url, tmp_path, command):
    """The command line says so in one sentence, and nothing begins."""
    Store.open(postgres_url).close()
    (tmp_path / "tenant.toml").write_text('id = "acme"\n')
    done = python("-m", "sbh_jobkit", command, "--engine", "forgetful", "--store", postgres_url)
    says = f"sbh-jobkit: error: {OPENED['forgetful']}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says)


NAMES = {
    "'local': print": "'local' is an engine of the kit itself; give yours another name",
    "'My Queue': print": "'My Queue' cannot be written after --engine; use a name such as 'rq'",
    "'rq': 7": "'rq' must be called with the URL of a store to open the engine, got 7",
}


@pytest.mark.parametrize("given", NAMES)
def test_names_of_engines(python, given):
    """What cannot be chosen is refused when another one is looked for."""
    extension = f"from sbh_jobkit import hookimpl\n@hookimpl\ndef sbh_engines():\n    return {{{given}}}\n"
    done = python("-m", "sbh_jobkit", "store", "migrate", "--engine", "other", extension=extension)
    says = f"sbh-jobkit: error: extension acme-queue: sbh_engines: {NAMES[given]}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says)


def test_tables_for_another_engine(python, postgres_url):
    """Only those of the kit are made: what the engine needs, it makes itself."""
    done = python("-m", "sbh_jobkit", "store", "migrate", "--store", postgres_url, "--engine", "good")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


class Failing:
    """An engine whose queue is away for two calls."""

    def __init__(self, error):
        """Fail by this."""
        self.errors = [error, error]

    def offer(self, connection, rows):
        """Fail."""
        del connection, rows
        raise self.errors[0]

    withdraw = offer

    def work(self, start, *, slots, stop):
        """Fail, and come back."""
        del slots
        self.tick(start, stop=stop)

    def tick(self, call, *, stop):
        """Fail, and come back."""
        if self.errors:
            raise self.errors.pop()
        call()
        stop.set()


def test_an_engine_that_fails_is_named(caplog):
    """What it does all the time is begun again, and what is wrong is said once."""
    engine = GuardedEngine("engine 'rq'", Failing(ConnectionError("redis is away")))
    for name in ("offer", "withdraw"):
        with pytest.raises(ExtensionError, match=rf"^engine 'rq': {name} raised ConnectionError: redis is away \("):
            getattr(engine, name)(None, [])
    stop, calls = threading.Event(), []
    with caplog.at_level(logging.ERROR):
        engine.work(lambda: calls.append(1), slots=1, stop=stop)
    assert (calls, stop.is_set(), len(caplog.records)) == ([1], True, 1)
    assert caplog.messages[0].startswith("engine 'rq': work raised ConnectionError: redis is away (")


def test_a_database_that_fails_is_not_the_extensions_fault():
    """Its errors stay what they are."""
    engine = GuardedEngine("engine 'rq'", Failing(OperationalError("SELECT 1", {}, OSError("gone"))))
    with pytest.raises(OperationalError):
        engine.offer(None, [])
