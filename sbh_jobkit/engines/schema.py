"""The tables of the store: one row for each attempt at a due instant is its plan, its claim and its history.

Times are whole microseconds since 1970, which every database compares exactly. The same statements serve SQLite and
PostgreSQL; SQLAlchemy writes both dialects.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

VERSION = 5
"""Of the tables below; a store of a newer one is refused, and one of an older one is migrated."""


class State(StrEnum):
    """Where a due instant is on its way to its end."""

    DUE = "due"
    """Planned, and not decided."""
    BACKFILL = "backfill"
    """Asked for by a backfill; starts where nothing else of the job does."""
    WAITING = "waiting"
    """Decided to start as soon as an earlier run of the job has ended."""
    RETRY = "retry"
    """An earlier attempt has failed; it starts when its time has come."""
    CLAIMED = "claimed"
    """A worker has it; the job's code has not started."""
    RUNNING = "running"
    """The job's code may have started, so this attempt never starts again."""
    ENDED = "ended"


GOING = (State.CLAIMED, State.RUNNING)
"""The states of what a worker has."""
UNDECIDED = (State.DUE, State.WAITING, State.BACKFILL, State.RETRY)
"""The states of what has not started and nobody has claimed."""
IS_OPEN = text("sbh_job_run.state <> 'ended'")
"""Written out, so that a database sees that the index of the rows which have not ended is the one to use."""
HAS_RUN = text("sbh_job_run.state = 'ended' AND sbh_job_run.started_at IS NOT NULL")
"""Written out, so that it sees the same of the index of the runs that have ended."""
_OPEN = text("state <> 'ended'")
_HAS_RUN = text("state = 'ended' AND started_at IS NOT NULL")
_UNOFFERED = text("offered_at IS NULL AND state IN ('due', 'waiting', 'backfill', 'retry')")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
metadata = MetaData()
store_version = Table("sbh_store", metadata, Column("version", Integer, primary_key=True))
job_run = Table(
    "sbh_job_run",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("fire_time", BigInteger, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False, default=1),
    Column("state", String(10), nullable=False),
    Column("worker", String(200)),
    Column("planned_at", BigInteger, nullable=False),
    Column("not_before", BigInteger),
    Column("retry_after", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("outcome", String(20)),
    Column("reason", Text),
    Column("record", Text),
    Column("note", Text),
    Column("is_cut", Boolean, nullable=False, default=False),
    Column("asked_by", String(200)),
    Column("backfilled_by", String(200)),
    Column("cancelled_by", String(200)),
    Column("version", String(200)),
    Column("offered_at", BigInteger),
    Column("uses", Text),
    Index("sbh_job_run_open", "tenant", "plugin", "job", "fire_time", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("sbh_job_run_state", "state", "fire_time"),
    Index("sbh_job_run_ran", "tenant", "plugin", "job", "started_at", postgresql_where=_HAS_RUN, sqlite_where=_HAS_RUN),
    Index("sbh_job_run_finished", "tenant", "finished_at"),
    Index("sbh_job_run_finished_at", "finished_at"),
    Index("sbh_job_run_unoffered", "fire_time", postgresql_where=_UNOFFERED, sqlite_where=_UNOFFERED),
)
"""`not_before` is when a further attempt may start; `retry_after` is how long the next one waits, if one follows.
`offered_at` is when an engine was last asked to bring the row to a worker; `uses` are the names of what the run shares
with others, once it was claimed."""
job_mark = Table(
    "sbh_job_mark",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("schedule", String(300), nullable=False),
    Column("planned_to", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False, default=0),
    Column("forgotten_to", BigInteger, nullable=False, default=0),
)
plugin = Table(
    "sbh_plugin",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("path", Text, nullable=False),
    Column("is_uploaded", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("disabled_by", String(200)),
    Column("package", String(64)),
)
"""The plugins of each tenant: where they are, and whether their jobs run; with workers, which package it is."""
package = Table(
    "sbh_package",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("described", Text),
)
"""The files of plugins as zips, for workers; the digest is of the files, not of the zip. `described` is what the plugin
has, once somebody has loaded it."""
tenant = Table(
    "sbh_tenant",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("settings", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""What the file of each tenant says, for workers."""
pause = Table(
    "sbh_pause",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("paused_at", BigInteger, primary_key=True),
    Column("paused_by", String(200), nullable=False),
    Column("resumed_at", BigInteger),
    Column("resumed_by", String(200)),
)
"""From when to when jobs were paused; an empty name stands for all tenants, plugins or jobs."""
token = Table(
    "sbh_token",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("tenant", String(200)),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""Who may call the REST API; of each token only its SHA-256."""
secret = Table(
    "sbh_secret",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""The secrets of plugins, encrypted."""
alert = Table(
    "sbh_alert",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("fails", Boolean, nullable=False, default=False),
    Column("is_late", Boolean, nullable=False, default=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ok_at", BigInteger, nullable=False),
)
"""What was said of each job, and up to when its runs are known; the row without a job is of all the tenant's runs."""
life = Table(
    "sbh_life",
    metadata,
    Column("worker", String(200), primary_key=True),
    Column("started_at", BigInteger, primary_key=True),
    Column("alive_at", BigInteger, nullable=False),
    Column("role", String(20)),
    Column("name", String(50)),
    Column("engine", String(200)),
)
"""When each scheduler and each worker was alive; where none was, fire times were missed. The name is the operator's.
The engine is the one with which the process uses the store."""


def storable(text: str) -> str:
    """Return a text as every database stores it: NUL, and half of a surrogate pair, as Python writes them."""
    return _UNSTORABLE.sub(lambda found: repr(found[0])[1:-1], text)


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the database's dialect, for `on_conflict_do_nothing`."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(table)
