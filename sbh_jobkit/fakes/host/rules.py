"""How long today's host waits for a run, and how it counts its end; `divergences.json` has the ids."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.outcome import CallResult, json_problem
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Recorder

SECONDS = 5.0
"""The host's time limit for every run."""


class HostRules:
    """The host's rules for one run; a rule that changes the result is recorded as a fault."""

    __slots__ = ("_job", "_limit_mb", "_recorder", "_seconds")

    def __init__(self, job: Job, recorder: Recorder, *, seconds: float, limit_mb: float) -> None:
        """Apply the host's rules; `seconds` and `limit_mb` are the limits that the guide gives the run."""
        self._job = job
        self._recorder = recorder
        self._seconds = seconds
        self._limit_mb = limit_mb

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Close a coroutine, which the host never awaits, and return it as the result (D33)."""
        coroutine.close()
        message = "today's host does not await jobs: the result is a coroutine, and its code never runs"
        self._recorder.divergence("D33", "job", message, self._job.place)
        return coroutine

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return a run's result as the host counts it; `memory_passed` if the run was over its memory limit."""
        where = result.place or self._job.place
        if result.outcome is Outcome.TIMED_OUT and self._seconds > SECONDS:
            message = f"today's host only waits {SECONDS:g} s for a run, not {self._seconds:g}, but the run continues"
            self._recorder.divergence("D12", "job", message, where)
        elif result.outcome is Outcome.OUT_OF_MEMORY or memory_passed:
            message = f"today's host has no memory limit for a run; the limit here is {self._limit_mb:g} MB"
            self._recorder.divergence("D13", "job", message, where)
        elif result.exited and result.error:
            message = f"today's host counts sys.exit as a success; the job ended with {result.error.message}"
            self._recorder.divergence("D36", "job", message, where)
            return CallResult(outcome=Outcome.OK)
        elif not inspect.iscoroutine(result.value) and (why := json_problem(result.value)) is not None:
            message = f"today's host fails to answer run-now with a value that is not JSON: {why}"
            self._recorder.divergence("D41", "return", message, self._job.place)
        return result
