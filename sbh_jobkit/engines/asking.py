"""Runs by hand: a row with its own fire time, which a scheduler claims as it claims those that are due.

A person who asks for a run expects it now. So it does not wait for longer than a slot is taken, and it does not start
any more after a time in which no scheduler was alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from sbh_jobkit.engines import installations
from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.manual import reason_of
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import PlannedJob

_SECOND = 1_000_000


class AlreadyRunning(JobkitError):  # noqa: N818  what is the matter, not an error of the program
    """A job of which as many runs go on as its policy allows."""


class PluginDisabled(JobkitError):  # noqa: N818  as above
    """A plugin that somebody has disabled, so that none of its jobs starts."""


def ask(connection: Connection, job: PlannedJob, now: float, who: str) -> float:
    """Write the row of a run by hand, and return its fire time in epoch seconds.

    The job's mark is locked by the caller. Raises AlreadyRunning, and PluginDisabled.
    """
    if (off := installations.disabled(connection).get((job.tenant, job.plugin))) is not None:
        raise PluginDisabled(off.sentence(job.plugin))
    going = or_(
        job_run.c.state.in_((State.CLAIMED, State.RUNNING)),
        and_(job_run.c.state != State.ENDED, job_run.c.asked_by.is_not(None)),
    )
    count = connection.execute(select(func.count()).select_from(job_run).where(job.is_in(job_run), going)).scalar_one()
    most = job.policy.max_instances
    if count >= most:
        runs = "a run of it goes on" if count == 1 else f"{count} runs of it go on"
        msg = f"the job {job.job!r} is already running: {runs}, and max_instances is {most}; wait, or cancel it"
        raise AlreadyRunning(msg)
    fire = _free_instant(connection, job, now)
    names = {"tenant": job.tenant, "plugin": job.plugin, "job": job.job}
    values = {"state": State.DUE, "planned_at": to_store(now), "asked_by": who, "reason": reason_of(who)}
    connection.execute(job_run.insert().values(**names, **values, fire_time=fire))
    return from_store(fire)


def _free_instant(connection: Connection, job: PlannedJob, now: float) -> int:
    """Return an instant that no row of the job has and no schedule names, which all are at whole seconds."""
    instant = to_store(now)
    while instant % _SECOND == 0 or _is_taken(connection, job, instant):
        instant -= 1
    return instant


def _is_taken(connection: Connection, job: PlannedJob, instant: int) -> bool:
    taken = select(job_run.c.fire_time).where(job.is_in(job_run), job_run.c.fire_time == instant)
    return connection.execute(taken).first() is not None
