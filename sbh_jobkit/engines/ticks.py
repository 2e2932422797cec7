"""When jobs are due, by APScheduler: it waits for the next fire time of all, and tells which jobs it is of.

It keeps nothing: what is due is read from the store. So a tick that comes twice, late, or not at all does no harm.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.errors import ScheduleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sbh_jobkit.engines.planner import Key, PlannedJob
    from sbh_jobkit.schedule.schedule import Schedule

_ALWAYS = {"coalesce": False, "misfire_grace_time": None}
"""What was missed is for the policy to decide, so each tick counts, however late."""


class ScheduleTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Fires when a schedule says so.

    It keeps no state, because APScheduler asks twice for the successor of one fire time. It never goes back behind
    now: what was due before is in the store, and a clock that jumped by years must not be gone through here.
    """

    __slots__ = ("_schedule",)

    def __init__(self, schedule: Schedule) -> None:
        """Keep the schedule."""
        self._schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first fire time after both."""
        after = now if previous_fire_time is None else max(previous_fire_time, now)
        try:
            return self._schedule.next(after).astimezone(UTC)
        except ScheduleError:  # the calendar has an end
            return None


class _Executor(BaseExecutor):  # type: ignore[misc] # APScheduler has no types
    """Calls at once, in the scheduler's thread: what is called only takes note."""

    def submit_job(self, job: Any, run_times: list[datetime]) -> None:
        """Call the function; how many runs may go on is for the policy to decide."""
        self._do_submit_job(job, run_times)

    def _do_submit_job(self, job: Any, _: list[datetime]) -> None:
        job.func(*job.args)


class Ticks:
    """Calls a function with the keys of the jobs that are due, in a thread of its own."""

    def __init__(self, jobs: Iterable[PlannedJob], due: Callable[[Sequence[Key]], object]) -> None:
        """Prepare; nothing ticks yet."""
        self._jobs = list(jobs)
        self._due = due
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # a line for each tick would bury everything else
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": _Executor()},
            job_defaults=_ALWAYS,
            timezone=UTC,
            daemon=True,
        )
        self._add()

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def wake(self) -> None:
        """Look at the clock: a machine that slept has not counted the time."""
        self._scheduler.wakeup()

    def restart(self, jobs: Iterable[PlannedJob] | None = None) -> None:
        """Find all next fire times again, for a clock that has jumped, or for other jobs than before."""
        if jobs is not None:
            self._jobs = list(jobs)
        self._scheduler.remove_all_jobs()
        self._add()

    def stop(self) -> None:
        """Tick no more."""
        self._scheduler.shutdown(wait=False)

    def _add(self) -> None:
        """Add one engine job for each schedule: many jobs share one, and all of its jobs are due together."""
        together: dict[str, tuple[ScheduleTrigger, list[Key]]] = {}
        for job in self._jobs:
            if not isinstance(job.schedule, ManualOnly):
                _, keys = together.setdefault(job.shown, (ScheduleTrigger(job.schedule), []))
                keys.append(job.key)
        for trigger, keys in together.values():
            self._scheduler.add_job(self._due, trigger, args=(keys,))
