"""A world as the runner sees it: the tenant of simulations, of `run_job` and of tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.fakes.host.rules import SECONDS, HostRules
from sbh_jobkit.run.outcome import CallResult
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.run.session import Limits

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.injector import ActivePlan, FaultInjector
    from sbh_jobkit.fakes.snapshot import Snapshot
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.job import Job, Jobs
    from sbh_jobkit.run.recorder import Recorder
    from sbh_jobkit.run.redaction import Redactor
    from sbh_jobkit.run.run import Run, WorldSnapshot
    from sbh_jobkit.run.session import Rules


class FakeTenant:
    """A world under a fault plan."""

    __slots__ = ("plan", "snapshots", "time_limit", "world")

    def __init__(
        self, world: World, *, plan: ActivePlan | None = None, time_limit: float | None = None, snapshots: bool = True
    ) -> None:
        """Run jobs in a world; `plan` is what goes wrong meanwhile.

        `time_limit`, in seconds, counts instead of the world's; `keep` says whether each run has the snapshots before
        and after it.
        """
        self.world = world
        self.plan = plan
        self.time_limit = time_limit
        self.snapshots = snapshots

    @property
    def id(self) -> str:
        """The name of the tenant."""
        return self.world.tenant_id

    def begin(self, jobs: Jobs, at: datetime, zone: ZoneInfo, asked: ZoneInfo | None = None) -> None:
        """Install a plugin's jobs, and begin the world if it has not begun.

        `zone` is in force; `asked` is the zone that the caller named, over the manifest's.
        """
        self.world.install(jobs, asked)
        self.world.begin(at, zone, jobs.plugin)

    def open(self, job: Job, fire: float, zone: ZoneInfo) -> FakeSession:
        """Open a session for the run of a job that was due at `fire`, in epoch seconds."""
        return FakeSession(self, job, fire, zone)

    def notify(self, run: Run) -> Run:
        """Show an ended run to the world's extensions, and return it."""
        return self.world.extensions.notify(run)

    @contextmanager
    def rollback(self) -> Iterator[Snapshot]:
        """Give the world as it is now; take back afterwards what is done to it, and what the fault plan counts."""
        state, counted = self.world.snapshot(), self.plan.snapshot() if self.plan is not None else None
        try:
            yield state
        finally:
            self.world.restore(state)
            if self.plan is not None and counted is not None:
                self.plan.restore(counted)


class FakeSession:
    """One run in a world."""

    __slots__ = (
        *("_finished", "_job", "_tenant", "after", "before", "context", "expected", "injector", "limits"),
        *("recorder", "rules"),
    )

    def __init__(self, tenant: FakeTenant, job: Job, fire: float, zone: ZoneInfo) -> None:
        """Keep the world as the run meets it, and make its context."""
        world, plan = tenant.world, tenant.plan
        self._tenant = tenant
        self._job = job
        self._finished = False
        self.before: WorldSnapshot | None = world.snapshot() if tenant.snapshots else None
        self.after: WorldSnapshot | None = None
        self.expected = world.expected(job.name, fire)
        self.recorder: Recorder = world.recorder(job.root)
        self.injector: FaultInjector | None = plan.for_run(world.tenant_id, job, fire) if plan is not None else None
        self.context: Any = world.open(self.recorder, job.manifest.permissions, zone, self.injector)
        on_host = world.target == "host"
        seconds = world.time_limit if tenant.time_limit is None else tenant.time_limit
        self.limits = Limits(
            seconds=min(seconds, SECONDS) if on_host else seconds,
            memory_mb=world.memory.limit_mb,
            measured=world.memory.measured,
            enforced=not on_host,
            loopback=world.loopback,
        )
        host = HostRules(job, self.recorder, seconds=seconds, limit_mb=world.memory.limit_mb) if on_host else None
        self.rules: Rules | None = None
        if host is not None or self.injector is not None:
            self.rules = FakeRules(self.injector, host)

    @property
    def injected(self) -> tuple[str, ...]:
        """What the fault plan did to the run, in words."""
        return self.injector.summary if self.injector is not None else ()

    def redactor(self) -> Redactor:
        """Return what replaces the values of all secrets that the world ever had."""
        return self._tenant.world.redactor()

    def __enter__(self) -> Self:
        """Show the job as running in the table `plugin_jobs`."""
        self._tenant.world.jobs.start(self._job.manifest.slug, self._job.name)
        return self

    def finish(self, outcome: Outcome, started_at: datetime, why: str | None) -> None:
        """Write the end into the table `plugin_jobs`, and keep the world as the run left it."""
        world, job = self._tenant.world, self._job
        world.jobs.finish(job.manifest.slug, job.name, started_at=started_at, outcome=outcome, why=why)
        self.after = world.snapshot() if self._tenant.snapshots else None
        self._finished = True

    def __exit__(self, *_: object) -> None:
        """Show the job as idle again where a person interrupted its run."""
        if not self._finished:
            self._tenant.world.jobs.abandon(self._job.manifest.slug, self._job.name)


class FakeRules:
    """What a fault plan and the emulation of today's host do to one call."""

    __slots__ = ("_host", "_injector", "awaits")

    def __init__(self, injector: FaultInjector | None, host: HostRules | None) -> None:
        """Follow those that are there."""
        self._injector = injector
        self._host = host
        self.awaits = host is None

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what the host makes of a coroutine that it does not await."""
        return self._host.drop(coroutine) if self._host is not None else coroutine

    def delay(self) -> None:
        """Let the time pass by which the plan slows the run down."""
        if self._injector is not None:
            self._injector.delay()

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return the crash that the plan injected, or how the host counts the end."""
        if self._injector is not None and self._injector.killed is not None:
            return CallResult(outcome=Outcome.CRASHED, reason=f"crashed: {self._injector.killed}")
        return self._host.amend(result, memory_passed=memory_passed) if self._host is not None else result
