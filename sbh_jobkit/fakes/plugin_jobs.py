"""The table `plugin_jobs`: the status and the last run of each job of an installed plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from immutables import Map

from sbh_jobkit import clock
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit.schedule.schedule import Schedule

TABLE = "plugin_jobs"
_RUNNING = "running"


class JobState(NamedTuple):
    """The schedule, the status and the last run of one job."""

    schedule: Schedule | None
    status: str = "idle"
    last_run_at: datetime | None = None
    last_error: str | None = None
    runs: int = 0


_NEW = JobState(schedule=None)
_OK = Outcome.OK
JobsState = Map[tuple[str, str], JobState]
"""States by plugin slug and job name."""


class JobTable:
    """The rows of `ctx.db.query("plugin_jobs", …)`, updated when a run starts and ends."""

    def __init__(self) -> None:
        """Start without jobs."""
        self._states: JobsState = Map()
        self._order: dict[tuple[str, str], None] = {}
        self._running: set[tuple[str, str]] = set()

    def install(self, plugin: str, job: str, schedule: Schedule | None) -> None:
        """Add a job, or give a known job a new schedule; its history stays."""
        self._order[plugin, job] = None
        self._set(plugin, job, self._states.get((plugin, job), _NEW)._replace(schedule=schedule))

    def start(self, plugin: str, job: str) -> None:
        """Set a job's status to running."""
        self._running.add((plugin, job))

    def abandon(self, plugin: str, job: str) -> None:
        """Set a job's status back to idle: its run was interrupted."""
        self._running.discard((plugin, job))
        self._set(plugin, job, self._states[plugin, job]._replace(status="idle"))

    def finish(self, plugin: str, job: str, *, started_at: datetime, outcome: Outcome, why: str | None) -> None:
        """Record the end of a run; `why` is the reason of a failure."""
        key = plugin, job
        self._running.discard(key)
        schedule, _, _, _, runs = self._states[key]
        ended = ("completed", started_at, None) if outcome is _OK else ("failed", started_at, why)
        self._states = self._states.set(key, JobState(schedule, *ended, runs + 1))

    def snapshot(self) -> JobsState:
        """Return the states as they are now."""
        states = self._states
        for key in self._running:  # only a snapshot that is taken within a run meets one
            states = states.set(key, states[key]._replace(status=_RUNNING))
        return states

    def restore(self, states: JobsState) -> None:
        """Set the states of a snapshot."""
        self._states = states
        self._running.clear()
        self._order |= dict.fromkeys(key for key in states if key not in self._order)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per job; times are ISO 8601 in the schedule's zone."""
        states = self.snapshot()
        return [self._row(*key, states[key]) for key in self._order if key in states]

    def _set(self, plugin: str, job: str, state: JobState) -> None:
        self._states = self._states.set((plugin, job), state)

    @staticmethod
    def _row(plugin: str, job: str, state: JobState) -> dict[str, Any]:
        schedule = state.schedule
        following = schedule.next_or_none(clock.now(schedule.tz)) if schedule else None
        return {
            "id": f"{plugin}:{job}",
            "plugin_installation_id": plugin,
            "name": job,
            "schedule_cron": schedule.expression if schedule else None,
            "status": state.status,
            "last_run_at": state.last_run_at.isoformat() if state.last_run_at else None,
            "next_run_at": following.isoformat() if following else None,
            "last_error": state.last_error,
            "runs": state.runs,
        }
