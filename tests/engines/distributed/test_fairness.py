"""A tenant with ten thousand fire times that are due does not hold up another one's by more than one run."""

import time

import pytest
from fleet import Fleet
from sqlalchemy import func, insert, select, text

from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.offering import offer_new
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.store import Store

pytestmark = pytest.mark.usefixtures("measured")
ROWS, SLOTS = 10_000, 2
AHEAD = 3
"""Seconds until the small tenant's row is due."""
JOB = """
@job("nap{number}", schedule="0 0 1 1 *")
def nap{number}(ctx):
    time.sleep(0.5)
"""
ALL = 'overlap = "allow"\nmax_instances = 100\ncatch_up = "all"\n'
C = job_run.c


def serve(folder, url, jobs, policy):
    """Start a server of two tenants with so many jobs."""
    fleet = Fleet(folder, url)
    code = "import time\nfrom src.ext.sdk import job\n" + "".join(JOB.format(number=n) for n in range(jobs))
    (folder / "shop/main.py").write_text(code)
    for tenant in ("large", "small"):
        (folder / f"{tenant}.toml").write_text(f'id = "{tenant}"\n[policy."*"]\n{ALL}{policy}')
    assert fleet.run("store", "migrate", "--store", url).returncode == 0
    tenants = ("--tenant", "large.toml", "--tenant", "small.toml")
    words = ("--engine", "distributed", "--port", "0", "--token-file", "token", "--grace", "0s")
    fleet.server = fleet.start("serve", "shop", *tenants, *words)
    return fleet


def plan(store, rows, ahead=0.0):
    """Write rows as planners do, and offer them to the queue, as they do."""
    common = {"plugin": "shop", "state": "due", "planned_at": 0}
    with store.write() as connection:
        connection.execute(insert(job_run), [{**common, **row} for row in rows])
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE sbh_job_run"))  # as PostgreSQL does itself a little later
    with store.write() as connection:
        while offer_new(connection, ProcrastinateEngine(store.url), now_in(connection), ahead):
            pass


def instant(store, later):
    """Return the time of the database, so many seconds later, as rows have it."""
    with store.read() as connection:
        return to_store(now_in(connection) + later)


def wait_for(store, query, seconds=90):
    """Wait until a query finds something, and return that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with store.read() as connection:
            if found := connection.execute(query).scalar_one():
                return found
        time.sleep(0.1)
    pytest.fail(f"nothing was found within {seconds} seconds")


@pytest.mark.parametrize(
    ("jobs", "policy"), [(1, ""), (50, ""), (50, 'concurrency = "tenant:1"\n')], ids=["job", "jobs", "limited"]
)
def test_ten_thousand_due_rows_of_another_tenant(tmp_path, postgres_url, jobs, policy):
    """The first slot that is free claims the small one's; before it begins, each slot begins at most two of the other.

    One may be claimed already when it becomes due, and one while its own processes start.
    """
    fleet, store = serve(tmp_path, postgres_url, jobs, policy), Store.open(postgres_url)
    large = select(func.count()).where(C.tenant == "large")
    try:
        since = instant(store, -ROWS)
        names = [f"nap{n % jobs}" for n in range(ROWS)]
        plan(store, [{"tenant": "large", "job": name, "fire_time": since + n} for n, name in enumerate(names)])
        worker = fleet.start("worker", "--runs", str(SLOTS))
        wait_for(store, large.where(C.outcome == "ok"))
        due = instant(store, AHEAD)
        plan(store, [{"tenant": "small", "job": "nap0", "fire_time": due}], AHEAD)
        started = wait_for(store, select(func.max(C.started_at)).where(C.tenant == "small"))
        with store.read() as connection:
            between = connection.execute(large.where(C.started_at >= due, C.started_at < started)).scalar_one()
            left = connection.execute(large.where(C.state == "due")).scalar_one()
        assert left > ROWS / 2
        assert between <= 2 * SLOTS
        fleet.stop(worker)
    finally:
        store.close()
        fleet.close()
