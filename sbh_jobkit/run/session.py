"""What a runner is given: a tenant to run in, and a sandbox to run in it.

A tenant opens a session for each run. The session holds all that the run meets and is held to, so that nothing of it
stays in the tenant: a fake tenant is a world under a fault plan, a real one is a file of settings. A sandbox calls the
job: in this process under a virtual clock, or in a child process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime, timedelta
    from types import TracebackType
    from typing import Self
    from zoneinfo import ZoneInfo

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.capture import Output
    from sbh_jobkit.run.outcome import CallResult
    from sbh_jobkit.run.recorder import Recorder
    from sbh_jobkit.run.redaction import Redactor
    from sbh_jobkit.run.run import Outcome, WorldSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run is held to."""

    seconds: float = 30.0
    memory_mb: float = 100.0
    measured: bool = False
    """Whether the memory that Python allocates is counted."""
    enforced: bool = True
    """Whether passing the memory limit ends the run."""
    loopback: bool = False
    """Whether the job may reach servers of this machine in a simulation."""


class Rules(Protocol):
    """What a tenant does to the call itself, such as an injected crash, or today's host that awaits no coroutine."""

    awaits: bool
    """Whether a coroutine that the job returns is awaited; else `drop` gets it."""

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what stands for a coroutine that nobody awaits."""

    def delay(self) -> None:
        """Let the time pass by which the run takes longer than the job's code."""

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return how the tenant counts the end of the call."""


class Session(Protocol):
    """One run in a tenant: `with` it around the call of the job."""

    context: Any
    """What the job is called with."""
    recorder: Recorder
    """What the job does and what goes wrong is written here, while it happens."""
    limits: Limits
    rules: Rules | None
    before: WorldSnapshot | None
    """The tenant before the run, where somebody keeps it."""
    after: WorldSnapshot | None
    """The tenant after it, once `finish` was called."""
    expected: str | None
    """Why the run is expected to fail, or None."""

    @property
    def injected(self) -> tuple[str, ...]:
        """What a fault plan did to the run, in words."""

    def redactor(self) -> Redactor:
        """Return what replaces the values of the tenant's secrets, also of those that the run has set."""

    def finish(self, outcome: Outcome, started_at: datetime, why: str | None) -> None:
        """Take in how the run ended; `why` is the reason of a failure."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; a run that did not finish was interrupted from outside."""


class Tenant(Protocol):
    """Where jobs run."""

    @property
    def id(self) -> str:
        """The name of the tenant."""

    def open(self, job: Job, fire: float, zone: ZoneInfo) -> Session:
        """Open a session for the run of a job that was due at `fire` (epoch seconds); naive times are in `zone`."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a sandbox reports of a call."""

    result: CallResult
    output: Output
    duration: timedelta


class Sandbox(Protocol):
    """Calls jobs."""

    def call(self, job: Job, session: Session) -> Call:
        """Call a job under the limits and rules of its session; only KeyboardInterrupt comes out."""
