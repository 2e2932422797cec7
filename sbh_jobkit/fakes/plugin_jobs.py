"""The table `plugin_jobs`: what the platform knows of an installed plugin's jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from immutables import Map

from sbh_jobkit import clock
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit.schedule.schedule import Schedule

TABLE = "plugin_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What the platform knows of one job."""

    schedule: Schedule | None
    status: str = "idle"
    last_run_at: datetime | None = None
    last_error: str | None = None
    runs: int = 0


_NEW = JobState(schedule=None)
JobsState = Map[tuple[str, str], JobState]
"""By plugin and job."""


class JobTable:
    """Follows runs as they come and answers `ctx.db.query("plugin_jobs", …)`."""

    def __init__(self) -> None:
        """Start without installations."""
        self._states: JobsState = Map()
        self._order: dict[tuple[str, str], None] = {}

    def install(self, plugin: str, job: str, schedule: Schedule | None) -> None:
        """List a job; known ones keep their history."""
        self._order[plugin, job] = None
        self._set(plugin, job, replace(self._states.get((plugin, job), _NEW), schedule=schedule))

    def start(self, plugin: str, job: str) -> None:
        """Show a job as running."""
        before = self._states[plugin, job]
        after = JobState(
            schedule=before.schedule,
            status="running",
            last_run_at=before.last_run_at,
            last_error=before.last_error,
            runs=before.runs,
        )
        self._set(plugin, job, after)

    def abandon(self, plugin: str, job: str) -> None:
        """Show a job as idle again: its run was interrupted from outside."""
        self._set(plugin, job, replace(self._states[plugin, job], status="idle"))

    def finish(self, plugin: str, job: str, *, started_at: datetime, outcome: Outcome, why: str | None) -> None:
        """Take in how a run ended."""
        before, failed = self._states[plugin, job], outcome is not Outcome.OK
        after = JobState(
            schedule=before.schedule,
            status="failed" if failed else "completed",
            last_run_at=started_at,
            last_error=why if failed else None,
            runs=before.runs + 1,
        )
        self._set(plugin, job, after)

    def snapshot(self) -> JobsState:
        """Keep what is known now."""
        return self._states

    def restore(self, states: JobsState) -> None:
        """Know what a snapshot knew again."""
        self._states = states
        self._order |= dict.fromkeys(key for key in states if key not in self._order)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a job: times are ISO 8601 in the schedule's zone."""
        return [self._row(*key, self._states[key]) for key in self._order if key in self._states]

    def _set(self, plugin: str, job: str, state: JobState) -> None:
        self._states = self._states.set((plugin, job), state)

    @staticmethod
    def _row(plugin: str, job: str, state: JobState) -> dict[str, Any]:
        schedule = state.schedule
        following = schedule.next(clock.now(schedule.tz)) if schedule else None
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
