"""The table `plugin_jobs`: what the platform knows of an installed plugin's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit.run import Run
    from sbh_jobkit.schedule import Schedule

TABLE = "plugin_jobs"


@dataclass(slots=True, kw_only=True)
class _State:
    schedule: Schedule | None
    status: str = "idle"
    last_run_at: datetime | None = None
    last_error: str | None = None
    runs: int = 0


class JobTable:
    """Follows runs as they come and answers `ctx.db.query("plugin_jobs", …)`."""

    def __init__(self) -> None:
        """Start without installations."""
        self._states: dict[tuple[str, str], _State] = {}

    def install(self, plugin: str, job: str, schedule: Schedule | None) -> None:
        """List a job; known ones keep their history."""
        self._states.setdefault((plugin, job), _State(schedule=schedule)).schedule = schedule

    def start(self, plugin: str, job: str) -> None:
        """Show a job as running."""
        self._states[plugin, job].status = "running"

    def abandon(self, plugin: str, job: str) -> None:
        """Show a job as idle again: its run was interrupted from outside."""
        self._states[plugin, job].status = "idle"

    def finish(self, run: Run) -> None:
        """Take in how a run ended."""
        state = self._states[run.plugin, run.job]
        failed = run.outcome != "ok"
        state.status = "failed" if failed else "completed"
        state.last_run_at = run.started_at
        state.last_error = (run.error.message if run.error else run.reason) if failed else None
        state.runs += 1

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a job: times are ISO 8601 in the schedule's zone."""
        return [self._row(plugin, job, state) for (plugin, job), state in self._states.items()]

    @staticmethod
    def _row(plugin: str, job: str, state: _State) -> dict[str, Any]:
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
