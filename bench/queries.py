"""What planners, workers and servers ask a PostgreSQL again and again, with much history and with little.

Each step runs alternately on both stores, in a transaction that is taken back. `python bench/queries.py` runs it alone.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from measure import ROOT, row
from sqlalchemy import text
from workers import opened, postgres

from sbh_jobkit.engines import cancelling, choosing, claims, dispatcher, heartbeat, maintenance, planner
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.history import Wanted, page_of, read_ended, read_going
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.jobs import job_rows
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store

FEW, MANY = 10_000, 1_000_000
JOBS, ROUNDS = 200, 21
MOST = 2
"""How many times longer a step may take."""
_FILL = text((ROOT / "tests/data/history.sql").read_text())
_LIMITS = Policy(concurrency="tenant:50", retry=1)
_SERVED = {
    key: PlannedJob(tenant=key[0], plugin=key[1], job=key[2], schedule=Schedule("* * * * *"), policy=_LIMITS)
    for key in ((f"tenant{n % 20}", f"plugin{n % 50}", f"job{n}") for n in range(JOBS))
}


def _fill(store: Store, rows: int) -> None:
    """Write history, and what has become due since."""
    with store.write() as connection:
        at = now_in(connection)
        last = int(at // 60 - 10) * 60_000_000
        connection.execute(_FILL, {"rows": rows, "jobs": JOBS, "last": last})
        for before in (300, 0):
            planner.plan(connection, list(_SERVED.values()), at - before)
        heartbeat.beat(connection, "w", at)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def plan(connection: Connection, at: float) -> None:
    """Plan a minute of all jobs."""
    planner.plan(connection, list(_SERVED.values()), at, 60.0)
    maintenance.retire(connection, list(_SERVED.values()), at)


def claim(connection: Connection, at: float) -> None:
    """Choose, decide, claim and begin, as a worker with a free slot does."""
    heartbeat.beat(connection, "w", at)
    first = _SERVED[choosing.fair(connection, at)[0].key]
    (done,) = dispatcher.dispatch(connection, [first], at, "w", slots=1)
    names = {"tenant": first.tenant, "plugin": first.plugin, "job": first.job}
    claims.start(connection, Claim(**names, fire=done.starts[0].fire, worker="w"), at)


def reap(connection: Connection, at: float) -> None:
    """Look for what was cancelled, and for what dead workers have left."""
    cancelling.wishes(connection, "w")
    cancelling.settle(connection, at)
    claims.release_others(connection, "w", [])
    maintenance.bury_dead(connection, "w", at)
    claims.bury(connection, {"w"}, at, why="a measurement")


def list_runs(connection: Connection, at: float) -> None:
    """Read the newest runs of all, of a tenant and of a job, and what goes on."""
    del at
    key = next(iter(_SERVED))
    for wanted in (Wanted(), Wanted(tenant=key[0]), Wanted(tenant=key[0], plugin=key[1], job=key[2])):
        page_of(read_ended(connection, wanted), 50)
        read_going(connection, wanted)


def list_jobs(connection: Connection, at: float) -> None:
    """Read the jobs of a tenant with their status, as its page shows them."""
    job_rows(connection, "tenant0", at)


STEPS = {"plan": plan, "claim": claim, "reap": reap, "list runs": list_runs, "list jobs": list_jobs}


def _seconds(store: Store, step) -> float:
    """Time a step, and take back what it has written."""
    with store.engine.connect() as connection, connection.begin() as transaction:
        at = now_in(connection)
        began = perf_counter()
        step(connection, at)
        spent = perf_counter() - began
        transaction.rollback()
    return spent


def queries() -> None:
    """Measure each step with a million rows of history against ten thousand."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        row("queries with much history and with little", "left out", "there is no PostgreSQL")
        return
    with ExitStack() as closing:
        url = closing.enter_context(postgres())
        stores = {}
        for rows in (FEW, MANY):
            with opened(url).engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"CREATE DATABASE history{rows}"))
            stores[rows] = opened(url.replace("/postgres?", f"/history{rows}?"))
            closing.callback(stores[rows].close)
            _fill(stores[rows], rows)
        for name, step in STEPS.items():
            spent = [{rows: _seconds(store, step) for rows, store in stores.items()} for _ in range(ROUNDS)][1:]
            times = median(each[MANY] / each[FEW] for each in spent)
            took = {rows: median(each[rows] for each in spent) * 1e3 for rows in stores}
            figure = f"{took[FEW]:.1f} ms and {took[MANY]:.1f} ms; at most {MOST} times"
            row(f"{name}: 10,000 rows of history, and 1,000,000", f"{times:.2f} times", figure)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    queries()
