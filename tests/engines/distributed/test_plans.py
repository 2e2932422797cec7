"""With a million rows of history, no statement of planners, workers and servers reads the whole table of runs.

What each reads is counted in PostgreSQL's pages, which a busy machine does not change, and compared with ten thousand.
"""

import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text

from sbh_jobkit.engines import cancelling, choosing, claims, dispatcher, heartbeat, maintenance, planner
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.history import Endings, Wanted, page_of, read_ended, read_going
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.offering import offer_again, offer_new
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.retention import prune
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

FEW, MANY = 10_000, 1_000_000
JOBS = 200
_FILL = text((Path(__file__).parents[2] / "data/history.sql").read_text())
_READS = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+sbh_job_run\b", re.IGNORECASE)


class Silent:
    """An engine that takes what it is given."""

    def offer(self, connection, rows):
        """Take rows."""

    def withdraw(self, connection, rows):
        """Take them back."""


def jobs():
    """Return the jobs whose history is there, and which are due every minute."""
    given = [(f"tenant{n % 20}", f"plugin{n % 50}", f"job{n}") for n in range(JOBS)]
    limits = Policy(concurrency="tenant:50, mail:9", retry=1)
    return [
        PlannedJob(tenant=tenant, plugin=plugin, job=job, schedule=Schedule("* * * * *"), policy=limits)
        for tenant, plugin, job in given
    ]


def work(connection, step):
    """Do what planners, workers and servers do, one step after another; `step` is called with the name of each."""
    at, served, engine = now_in(connection), jobs(), Silent()
    step("plan")
    planner.plan(connection, served, at - 60)
    planner.plan(connection, served, at, 90.0)
    maintenance.retire(connection, served, at)
    step("offer")
    offer_new(connection, engine, at, 90.0)
    offer_again(connection, engine, at)
    step("claim")
    heartbeat.beat(connection, "w", at)
    keys = [due.key for due in choosing.fair(connection, at)[:3]]
    chosen = [job for job in served if job.key in keys]
    first = chosen[0]
    done, *_ = dispatcher.dispatch(connection, chosen, None, "w", slots=3, most=dict.fromkeys(keys, 1), waits=False)
    names = {"tenant": first.tenant, "plugin": first.plugin, "job": first.job}
    claim = Claim(**names, fire=done.starts[0].fire, worker="w")
    claims.start(connection, claim, at)
    step("finish")
    moment = datetime.fromtimestamp(claim.fire, UTC)
    run = Run(**names, fire_time=moment, started_at=moment, duration=moment - moment, outcome=Outcome.FAILED)
    claims.finish(connection, claim, run, at)
    step("reap")
    cancelling.wishes(connection, "w")
    cancelling.settle(connection, at)
    claims.release_others(connection, "w", [])
    maintenance.bury_dead(connection, "w", at)
    claims.bury(connection, {"w"}, at, why="a test")
    step("list")
    endings = Endings()
    endings.read(connection)
    page_of(read_ended(connection, Wanted()), 50)
    page_of(read_ended(connection, Wanted(tenant="tenant3")), 50)
    page_of(read_ended(connection, Wanted(tenant=first.tenant, plugin=first.plugin, job=first.job)), 50)
    read_going(connection, Wanted())
    step("prune")
    prune(connection, first, HistorySettings(days=10_000, output_days=10_000), at)


class Statements:
    """The statements that were executed on the table of runs, by step."""

    def __init__(self, engine):
        """Listen."""
        self.step, self.found = "", []
        event.listen(engine, "before_cursor_execute", self.note)

    def note(self, connection, cursor, statement, parameters, context, executemany):  # noqa: PLR0917  as SQLAlchemy calls it
        """Note one."""
        del connection, cursor, context
        if self.step and _READS.search(statement):
            self.found.append((self.step, statement, parameters[0] if executemany else parameters))

    def begin(self, step):
        """Note the name of the step that begins."""
        self.step = step


def nodes(plan):
    """Yield all nodes of a plan."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


@contextmanager
def database(dsn, name):
    """Make a database, and return its URL."""
    with psycopg.connect(f"{dsn} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = dict(part.split("=", 1) for part in dsn.split())
    yield f"postgresql://{parts['user']}@/{name}?host={parts['host']}"
    with psycopg.connect(f"{dsn} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def explained(postgres):
    """Return, by number of rows, each statement's step, text, nodes of its plan, and how many pages it has read."""
    found = {}
    for rows in (FEW, MANY):
        with database(postgres, f"sbh_plans_{rows}") as url:
            store = Store.open(url)
            with store.write() as connection:
                last = int(now_in(connection) // 60 - 10) * 60_000_000
                connection.execute(_FILL, {"rows": rows, "jobs": JOBS, "last": last})
                planner.plan(connection, jobs(), now_in(connection) - 300)
                planner.plan(connection, jobs(), now_in(connection) - 60)
            with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            statements = Statements(store.engine)
            with store.write() as connection:
                work(connection, statements.begin)
                statements.begin("")
            with store.write() as connection:
                if rows == FEW:  # where reading all of it would be less work
                    connection.execute(text("SET LOCAL enable_seqscan = off"))
                    connection.execute(text("SET LOCAL enable_bitmapscan = off"))
                found[rows] = [explain(connection, *each) for each in statements.found]
            store.close()
    return found


def explain(connection, step, statement, parameters):
    """Return a statement's step, text, nodes, and how many pages it reads; what it changes is taken back."""
    with connection.begin_nested() as nested:
        asked = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        for _ in range(2):  # the first one also tidies up after the rows that have changed
            (plan,) = connection.exec_driver_sql(asked, parameters).scalar_one()
        nested.rollback()
    root = plan["Plan"]
    return step, statement, list(nodes(root)), root["Shared Hit Blocks"] + root["Shared Read Blocks"]


def test_a_hundred_times_the_rows_are_not_more_work(explained):
    """No statement reads the whole table, looks at more rows where history is long, or reads many pages for a row."""
    each_finds_its_rows_by_an_index(explained[MANY])
    none_looks_at_more_rows(most(explained[FEW]), most(explained[MANY]))
    assert [
        (step, statement, read, looked_at(plan))
        for step, statement, plan, read in explained[MANY]
        if read > 8 * looked_at(plan) + 40
    ] == []


def each_finds_its_rows_by_an_index(explained):
    """There are statements of each step, too."""
    whole = [
        (step, statement)
        for step, statement, plan, _ in explained
        if any(node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "sbh_job_run" for node in plan)
    ]
    assert whole == []
    assert {step for step, *_ in explained} == {"plan", "offer", "claim", "finish", "reap", "list", "prune"}
    assert len(explained) >= 25


def looked_at(plan):
    """Return how many runs a plan looks at, those among them that it does not want."""
    scans = [node for node in plan if node.get("Relation Name") == "sbh_job_run" and "Scan" in node["Node Type"]]
    return sum(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) for node in scans)


def most(explained):
    """Return how many rows a statement has looked at, at most, by its step and text."""
    found = {}
    for step, statement, plan, _ in explained:
        found[step, statement] = max(looked_at(plan), found.get((step, statement), 0))
    return found


def none_looks_at_more_rows(few, many):
    """Hold the numbers of rows against each other; a page more is no matter, nor is what is removed."""
    kept = {key: rows for key, rows in many.items() if key[0] != "prune"}
    assert [(key, few[key], rows) for key, rows in kept.items() if rows > 2 * few[key] + 200] == []
