"""The tables of the store: one row for each due instant is its plan, its claim and its history.

Times are whole microseconds since 1970, which every database compares exactly. The same statements serve SQLite and
PostgreSQL; SQLAlchemy writes both dialects.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION = 1
"""Of the tables below; a store of a newer one is refused."""


class State(StrEnum):
    """Where a due instant is on its way to its end."""

    DUE = "due"
    """Planned, and not decided."""
    WAITING = "waiting"
    """Decided to start as soon as an earlier run of the job has ended."""
    CLAIMED = "claimed"
    """A worker has it; the job's code has not started."""
    RUNNING = "running"
    """The job's code may have started, so it never starts again."""
    ENDED = "ended"


metadata = MetaData()
store_version = Table("sbh_store", metadata, Column("version", Integer, primary_key=True))
job_run = Table(
    "sbh_job_run",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("fire_time", BigInteger, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("worker", String(100)),
    Column("planned_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("outcome", String(20)),
    Column("reason", Text),
    Column("record", Text),
    Column("note", Text),
    Index("sbh_job_run_open", "tenant", "plugin", "job", "state", "fire_time"),
    Index("sbh_job_run_state", "state", "fire_time"),
)
job_mark = Table(
    "sbh_job_mark",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("plugin", String(200), primary_key=True),
    Column("job", String(200), primary_key=True),
    Column("schedule", String(300), nullable=False),
    Column("planned_to", BigInteger, nullable=False),
)
scheduler = Table(
    "sbh_scheduler",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("alive_at", BigInteger, nullable=False),
)
"""When each scheduler was alive; where none was, fire times were missed."""
