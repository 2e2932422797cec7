"""`parity --engine distributed`: planners, workers and their queue decide on each fire time as the simulation does."""

import json

import pytest
from sqlalchemy import create_engine, inspect, text

from sbh_jobkit.cli.main import main

SLOW = """
import time

from src.ext.sdk import job


@job("often", schedule="*/5 * * * *")
def often(ctx):
    time.sleep(420)


@job("fails", schedule="30 2 * * *")
def fails(ctx):
    return {"status": "error"}
"""


@pytest.fixture
def slow(tmp_path):
    """Make a plugin one of whose jobs takes seven minutes every five minutes, and another one fails."""
    (tmp_path / "main.py").write_text(SLOW)
    manifest = {"slug": "slow", "name": "Slow", "timezone": "Europe/Berlin"}
    (tmp_path / "plugin.json").write_text(json.dumps(manifest))
    return str(tmp_path)


def parity(capsys, *words):
    """Run the command; return its exit code, and what it printed."""
    code = main(["parity", *words, "--engine", "distributed"])
    return code, capsys.readouterr()


def tables(url):
    """Return the names of what is in a database."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    found = [*inspect(engine).get_table_names(), *inspect(engine).get_schema_names()]
    engine.dispose()
    return set(found) - {"public", "information_schema"}


def test_a_month_of_the_example(capsys, postgres_url):
    """Row for row, each offered once to the queue; and nothing is left in the database."""
    code, shown = parity(capsys, "examples/hub_ops", "--for", "30d", "--store", postgres_url)
    assert (code, shown.out) == (0, "Hub Ops: 2,315 fire times, no difference\n")
    assert tables(postgres_url) == set()


RANGES = {
    "skipped runs": ["--for", "6h"],
    "one waits": ["--for", "6h", "--policy", "overlap=queue_one"],
    "retries": ["--for", "2d", "--policy", "retry=2", "--policy", "often:max_instances=2"],
    "the fold": ["--from", "2026-10-24T22:00", "--for", "8h"],
    "down, all": [
        *("--for", "8h", "--policy", "catch_up=all"),
        *("--fault", "scheduler_down start=2026-01-01T02:00 end=2026-01-01T04:02"),
    ],
    "down at the end": ["--for", "3h", "--fault", "scheduler_down start=2026-01-01T02:00 end=2026-01-01T05:00"],
}


@pytest.mark.parametrize("words", RANGES.values(), ids=RANGES)
def test_rules_and_downtimes(capsys, slow, postgres_url, words):
    """They are the same, too."""
    code, shown = parity(capsys, slow, "--time-limit", "3600", "--store", postgres_url, *words)
    assert (code, shown.out.rpartition(", ")[2]) == (0, "no difference\n")


def test_a_difference(capsys, slow, postgres_url, tmp_path):
    """It is shown as for one process, and ends with exit code 1."""
    (tmp_path / "tenant.toml").write_text('id = "acme"\n[policy.often]\noverlap = "allow"\n')
    given = ["--time-limit", "3600", "--tenant", f"{tmp_path}/tenant.toml", "--for", "11m"]
    code, shown = parity(capsys, slow, "--store", postgres_url, *given)
    assert (code, shown.out.splitlines()[1:3]) == (
        1,
        [
            "  simulation: skipped: the run of 00:00 was still running (max_instances=1)",
            "  scheduler:  started 00:05:00",
        ],
    )


def test_a_database_with_something_in_it(capsys, slow, postgres_url):
    """It is not touched."""
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id int)"))
    engine.dispose()
    code, shown = parity(capsys, slow, "--store", postgres_url)
    assert code == 2
    assert "is not empty: it has the table 'theirs'; name an empty one, which is emptied again" in shown.err
    assert tables(postgres_url) == {"theirs"}


WRONG = [
    ([], "needs an empty PostgreSQL database; name it with --store postgresql://…"),
    (["--store", "sqlite:///jobs.db"], "workers need a store in PostgreSQL, and 'sqlite:///jobs.db' is SQLite"),
    (["--store", "postgresql://nobody@127.0.0.1:1/no"], "Connection refused"),
]


@pytest.mark.parametrize(("words", "says"), WRONG)
def test_wrong_use(capsys, slow, words, says):
    """One sentence, exit code 2."""
    code, shown = parity(capsys, slow, *words)
    assert (code, shown.out) == (2, "")
    assert says in shown.err
    assert len(shown.err.splitlines()) == 1
