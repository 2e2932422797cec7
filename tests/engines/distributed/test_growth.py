"""The queue's own tables stay as small as what is due: entries, events, ticks and workers that are gone are removed."""

import threading
import time

import pytest
from sqlalchemy import insert, text

from sbh_jobkit.engines.distributed import queue, queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.offering import PATIENCE, offer_again, offer_new
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.store import Store

TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'sbh_queue' AND tablename <> 'applied' ORDER BY 1")
ROW = {"tenant": "acme", "plugin": "shop", "job": "work", "state": "due", "planned_at": 0}
ROUNDS, RUNS = 4, 50


@pytest.fixture
def store(postgres_url):
    """Open a store with a queue."""
    opened = Store.open(postgres_url)
    queue_schema.migrate(opened)
    yield opened
    opened.close()


def sizes(store):
    """Return how many rows each of the queue's tables has."""
    with store.read() as connection:
        names = connection.execute(TABLES).scalars().all()
        count = "SELECT count(*) FROM sbh_queue."
        return {
            name.removeprefix("procrastinate_"): connection.execute(text(count + name)).scalar_one() for name in names
        }


def test_what_was_brought_and_ticked_leaves_nothing(store, monkeypatch):
    """Ticks of each second, hundreds of runs, and workers that have died: afterwards the tables are as before."""
    monkeypatch.setattr(queue, "_EVERY", "* * * * * *")
    engine, stop, brought, ticks = ProcrastinateEngine(store.engine.url), threading.Event(), [], []
    with store.write() as connection:
        connection.execute(text("SET LOCAL search_path TO sbh_queue"))
        dead = "INSERT INTO procrastinate_workers (last_heartbeat) SELECT now() - interval '1 hour'"
        connection.execute(text(f"{dead} FROM generate_series(1, 20)"))
    calls = [
        threading.Thread(
            target=engine.work, args=(lambda: brought.append(1),), kwargs={"slots": 4, "stop": stop}, daemon=True
        ),
        threading.Thread(target=engine.tick, args=(lambda: ticks.append(1),), kwargs={"stop": stop}, daemon=True),
    ]
    for thread in calls:
        thread.start()
    seen = []
    for number in range(ROUNDS):
        with store.write() as connection:
            at = to_store(now_in(connection))
            rows = [{**ROW, "fire_time": at - 1_000_000 + each} for each in range(RUNS)]
            connection.execute(insert(job_run), rows)
            offer_new(connection, engine, now_in(connection), 0.0)
        _wait(lambda number=number: len(brought) >= (number + 1) * RUNS and len(ticks) > 2 * number)
        seen.append(sizes(store))
    _wait(lambda: sizes(store)["jobs"] == 0)
    left = sizes(store)
    assert max(each["jobs"] for each in seen) < RUNS
    assert (left["events"], left["workers"]) == (0, 2)
    assert left["periodic_defers"] <= 2  # the last tick, and the last time that it was cleaned
    stop.set()
    for thread in calls:
        thread.join()
    assert (len(brought), sizes(store)["workers"]) == (ROUNDS * RUNS, 0)


def _wait(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    assert condition()


def test_a_night_without_workers(store):
    """What is due is offered again and again, and has one entry all the same."""
    engine = ProcrastinateEngine(store.engine.url)
    with store.write() as connection:
        at = now_in(connection)
        rows = [{**ROW, "fire_time": to_store(at) - 1_000_000 * each} for each in range(1, RUNS + 1)]
        connection.execute(insert(job_run), rows)
        offer_new(connection, engine, at, 0.0)
    for number in range(1, 6):
        with store.write() as connection:
            assert offer_again(connection, engine, at + number * 2 * PATIENCE) == RUNS
    assert sizes(store)["jobs"] == RUNS
