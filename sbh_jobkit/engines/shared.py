"""What runs of several jobs share, counted over all rows, and locked until the claim is committed.

`concurrency` in a job's policy names it. Each claim counts by the limits of its own job.
"""

from __future__ import annotations

from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Self

from sqlalchemy import func, select

from sbh_jobkit.engines.schema import GOING, job_run
from sbh_jobkit.schedule.concurrency import PLUGIN, TENANT, Limit, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import PlannedJob


class _User(NamedTuple):
    """A run that goes on."""

    tenant: str
    plugin: str
    uses: str | None


class Shared:
    """How many runs use what, as far as jobs of one dispatch want to know."""

    def __init__(self, going: Iterable[_User] = ()) -> None:
        """Count the runs that go on."""
        self._going = list(going)

    @classmethod
    def read(cls, connection: Connection, jobs: Iterable[PlannedJob]) -> Self:
        """Count without a lock, for a first look."""
        if not any(job.policy.concurrency for job in jobs):
            return cls()
        query = select(*(job_run.c[name] for name in _User._fields)).where(job_run.c.state.in_(GOING))
        return cls(_User(*row) for row in connection.execute(query))

    @classmethod
    def lock(cls, connection: Connection, jobs: Iterable[PlannedJob]) -> Self:
        """Count, so that nobody else claims by these limits until the transaction ends."""
        if connection.dialect.name != "sqlite":  # where the transaction has the only lock already
            for key in sorted({_key(job, limit) for job in jobs for limit in parse(job.policy.concurrency)}):
                connection.execute(select(func.pg_advisory_xact_lock(key)))
        return cls.read(connection, jobs)

    def left(self, job: PlannedJob) -> float:
        """Return how many more runs of a job may start."""
        return max(0, min((limit.most - used for limit, used in self._used(job)), default=inf))

    def full(self, job: PlannedJob) -> str | None:
        """Return why no run of a job may start; None where one may."""
        for limit, used in self._used(job):
            if used >= limit.most:
                verb = "run was" if used == 1 else "runs were"
                return f"{used} {verb} using {_NAMED.get(limit.name, limit.name)} (concurrency={limit})"
        return None

    def take(self, job: PlannedJob, runs: int) -> None:
        """Count runs that start now."""
        self._going += [_User(job.tenant, job.plugin, uses(job))] * runs

    def _used(self, job: PlannedJob) -> Iterator[tuple[Limit, int]]:
        for limit in parse(job.policy.concurrency):
            yield limit, sum(_is_counted(limit, job, each) for each in self._going)


_NAMED = {TENANT: "the tenant's share", PLUGIN: "the plugin's share"}


def uses(job: PlannedJob) -> str | None:
    """Return what a run of a job uses beside its tenant's and its plugin's share, as the store keeps it."""
    names = (limit.name for limit in parse(job.policy.concurrency) if limit.name not in _NAMED)
    return " ".join(sorted(names)) or None


def _is_counted(limit: Limit, job: PlannedJob, going: _User) -> bool:
    if limit.name in _NAMED:
        return going.tenant == job.tenant and (limit.name == TENANT or going.plugin == job.plugin)
    return limit.name in (going.uses or "").split()


def _key(job: PlannedJob, limit: Limit) -> int:
    """Return a number for PostgreSQL's advisory locks."""
    scope = {TENANT: (job.tenant,), PLUGIN: (job.tenant, job.plugin)}.get(limit.name, ())
    digest = blake2b("\0".join(("sbh", limit.name, *scope)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
