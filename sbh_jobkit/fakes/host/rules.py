"""How long today's host waits for a run, and how it counts the run's end; the ids are those of `divergences.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.outcome import CallResult
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Recorder

_SECONDS = 5.0


class HostRules:
    """The host's rules for one run; where they make a difference, the run's journal says so."""

    __slots__ = ("_job", "_journal", "_limit_mb", "_time_limit")

    def __init__(self, job: Job, journal: Recorder, *, time_limit: float, limit_mb: float) -> None:
        """Know the limits that the run would have by the guide."""
        self._job = job
        self._journal = journal
        self._time_limit = time_limit
        self._limit_mb = limit_mb

    @property
    def time_limit(self) -> float:
        """How long the host waits, in seconds; no longer than the world does."""
        return min(_SECONDS, self._time_limit)

    def left_alone(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return a coroutine that nobody awaits (D33)."""
        coroutine.close()
        message = "today's host awaits no job: the result is a coroutine, whose code never runs"
        self._journal.divergence("D33", "job", message, self._job.place)
        return coroutine

    def counted(self, ending: CallResult, *, past_memory: bool) -> CallResult:
        """Return how the host counts the end of a run, which may have passed the limit of memory on its way."""
        where = ending.place or self._job.place
        if ending.outcome is Outcome.TIMED_OUT and self._time_limit > _SECONDS:
            message = f"today's host waits {_SECONDS:g} s for a run, not {self._time_limit:g}; what it leaves runs on"
            self._journal.divergence("D12", "job", message, where)
        elif ending.outcome is Outcome.OUT_OF_MEMORY or past_memory:
            message = f"today's host holds no run to a memory limit, such as {self._limit_mb:g} MB here"
            self._journal.divergence("D13", "job", message, where)
        elif ending.exited and ending.error:
            message = f"today's host counts sys.exit as a success, here with {ending.error.message}"
            self._journal.divergence("D36", "job", message, where)
            return CallResult(outcome=Outcome.OK)
        return ending
