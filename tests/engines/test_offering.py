"""Which rows an engine is offered, and when."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from sbh_jobkit.engines import planner
from sbh_jobkit.engines.offering import PATIENCE, offer_again, offer_new
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()


class Kept:
    """An engine that only notes what it is offered."""

    def __init__(self):
        """Have nothing."""
        self.rows = []

    def offer(self, connection, rows):
        """Keep rows."""
        del connection
        self.rows += [(row.job, row.fire - NINE, row.ready - NINE, row.attempt) for row in rows]

    def withdraw(self, connection, rows):
        """Note for which jobs."""
        del connection
        self.rows += [("withdrawn", row.job) for row in rows]

    def take(self):
        """Return what was offered since."""
        rows, self.rows = self.rows, []
        return rows


def planned(job, tenant="acme", expression="* * * * *"):
    """Return a job."""
    return PlannedJob(tenant=tenant, plugin="shop", job=job, schedule=Schedule(expression))


@pytest.fixture
def engine(store):
    """Plan five minutes of a job, and offer the first two."""
    kept = Kept()
    with store.write() as connection:
        planner.plan(connection, [planned("a")], NINE - 1)
        planner.plan(connection, [planned("a")], NINE, 300)
        assert offer_new(connection, kept, NINE, 60) == 2
    assert kept.take() == [("a", 0, 0, 1), ("a", 60, 60, 1)]
    return kept


def test_each_row_is_offered_once(store, engine):
    """Also where others ask at the same time."""
    with store.write() as connection:
        assert offer_new(connection, engine, NINE, 60) == 0
        assert offer_new(connection, engine, NINE + 60, 60) == 1
    assert engine.take() == [("a", 120, 120, 1)]


def test_what_was_not_started_is_offered_again(store, engine):
    """Since the queue may have lost it; what it may have kept goes, and what is not due yet is left alone."""
    with store.write() as connection:
        assert offer_again(connection, engine, NINE + PATIENCE - 1) == 0
        assert offer_again(connection, engine, NINE + PATIENCE) == 1
        assert offer_again(connection, engine, NINE + PATIENCE + 1) == 0
        assert offer_again(connection, engine, NINE + PATIENCE + 1, patience=0) == 1
    assert engine.take() == [("withdrawn", "a"), ("a", 0, 0, 1)] * 2


@pytest.mark.parametrize("state", ["claimed", "running", "ended"])
def test_what_has_begun_is_not_offered(store, engine, state):
    """Nor is what has ended."""
    with store.write() as connection:
        connection.execute(update(job_run).values(state=state))
        assert offer_again(connection, engine, NINE + 1000) == 0
        assert offer_new(connection, engine, NINE + 1000, 60) == 0


def test_what_is_cancelled_is_not_offered(store, engine):
    """It ends with the next look."""
    with store.write() as connection:
        connection.execute(update(job_run).values(cancelled_by="ann"))
        assert offer_again(connection, engine, NINE + 1000) == 0


def test_a_further_attempt_is_offered_for_its_time(store, engine):
    """Not for the fire time."""
    with store.write() as connection:
        later = {"state": State.RETRY, "not_before": int(NINE + 45) * 1_000_000, "offered_at": None, "attempt": 2}
        first = job_run.c.fire_time == int(NINE) * 1_000_000
        connection.execute(update(job_run).where(first).values(**later))
        assert offer_new(connection, engine, NINE, 60) == 1
    assert engine.take() == [("a", 0, 45, 2)]


def test_a_transaction_that_fails_takes_the_mark_back(store, engine):
    """So the rows are offered with the next one."""
    with suppress(ZeroDivisionError), store.write() as connection:
        offer_new(connection, engine, NINE, 300)
        1 / 0  # noqa: B018  it fails
    with store.read() as connection:
        offered = connection.execute(select(job_run.c.offered_at)).scalars().all()
    assert sum(at is not None for at in offered) == 2
