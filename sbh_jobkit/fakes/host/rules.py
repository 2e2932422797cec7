"""How long today's host waits for a run, and how it counts the run's end; the ids are those of `divergences.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.outcome import CallResult
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Recorder

SECONDS = 5.0
"""How long the host waits for any run."""


class HostRules:
    """The host's rules for one run; where they make a difference, the run's recorder says so."""

    __slots__ = ("_job", "_limit_mb", "_recorder", "_seconds")

    def __init__(self, job: Job, recorder: Recorder, *, seconds: float, limit_mb: float) -> None:
        """Take the limits that the run would have by the guide."""
        self._job = job
        self._recorder = recorder
        self._seconds = seconds
        self._limit_mb = limit_mb

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return a coroutine that nobody awaits (D33)."""
        coroutine.close()
        message = "today's host awaits no job: the result is a coroutine, whose code never runs"
        self._recorder.divergence("D33", "job", message, self._job.place)
        return coroutine

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return how the host counts the end of a run, which may have passed the memory limit on its way."""
        where = result.place or self._job.place
        if result.outcome is Outcome.TIMED_OUT and self._seconds > SECONDS:
            message = f"today's host only waits {SECONDS:g} s for a run, not {self._seconds:g}, but the run continues"
            self._recorder.divergence("D12", "job", message, where)
        elif result.outcome is Outcome.OUT_OF_MEMORY or memory_passed:
            message = f"today's host holds no run to a memory limit, such as {self._limit_mb:g} MB here"
            self._recorder.divergence("D13", "job", message, where)
        elif result.exited and result.error:
            message = f"today's host counts sys.exit as a success, here with {result.error.message}"
            self._recorder.divergence("D36", "job", message, where)
            return CallResult(outcome=Outcome.OK)
        return result
