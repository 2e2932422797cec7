"""What a runner is given: a tenant to run in, and a sandbox to run in it.

A tenant opens a session for each run. The session holds the context and the limits of that run, so nothing of it stays
in the tenant. A fake tenant is a world under a fault plan; a real one is a file of settings. A sandbox calls the job:
in this process under a virtual clock, or in a child process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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


class Limits(NamedTuple):
    """The limits of one run."""

    seconds: float = 30.0
    memory_mb: float = 100.0
    measured: bool = False
    """Whether the memory that Python allocates is counted."""
    enforced: bool = True
    """Whether exceeding the memory limit ends the run."""
    loopback: bool = False
    """Whether the job may reach servers of this machine in a simulation."""
    network_modules: frozenset[str] = frozenset()
    """Modules that reach the network unheard, in addition to the known ones."""


class Rules(Protocol):
    """What a tenant changes about the call itself: an injected crash, or the ways of today's host."""

    awaits: bool
    """Whether a coroutine that the job returns is awaited; if not, `drop` gets it."""

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return the value of a run whose coroutine nobody awaits."""

    def delay(self) -> None:
        """Let extra time pass, by which a fault plan slows the run down."""

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return the result as the tenant counts it."""


class Session(Protocol):
    """One run in a tenant: open it around the call of the job."""

    context: Any
    """What the job is called with."""
    recorder: Recorder
    """Records what the job does and what goes wrong, while it happens."""
    limits: Limits
    rules: Rules | None
    before: WorldSnapshot | None
    """The tenant before the run, if it is kept."""
    after: WorldSnapshot | None
    """The tenant after the run, from `finish` on, if it is kept."""
    expected: str | None
    """Why the run is expected to fail, or None."""

    @property
    def injected(self) -> tuple[str, ...]:
        """What a fault plan did to the run, in words."""

    def redactor(self) -> Redactor:
        """Return the redactor of the tenant's secrets, also of those that the run has set."""

    def finish(self, outcome: Outcome, started_at: datetime, why: str | None) -> None:
        """Store how the run ended; `why` is the reason of a failure."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; without a call of `finish` the run was interrupted from outside."""


class Tenant(Protocol):
    """Where jobs run."""

    @property
    def id(self) -> str:
        """The name of the tenant."""

    def open(self, job: Job, fire: float, zone: ZoneInfo) -> Session:
        """Open a session for the run of a job that was due at `fire` (epoch seconds); naive times are in `zone`."""


class Call(NamedTuple):
    """What a sandbox reports of a call."""

    result: CallResult
    output: Output
    duration: timedelta


class Sandbox(Protocol):
    """Calls jobs."""

    def call(self, job: Job, session: Session) -> Call:
        """Call a job under the limits and rules of its session; raises nothing but KeyboardInterrupt."""
