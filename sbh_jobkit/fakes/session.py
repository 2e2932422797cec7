"""The tenant for simulations, `run_job` and tests: it runs jobs in a world."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import clock
from sbh_jobkit.context import kept
from sbh_jobkit.fakes.host.rules import SECONDS, HostRules
from sbh_jobkit.plugin.job import defined_at
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
    """A world, with or without a fault plan."""

    __slots__ = ("_latest", "_limits", "alone", "plan", "snapshots", "time_limit", "world")

    def __init__(
        self, world: World, *, plan: ActivePlan | None = None, time_limit: float | None = None, snapshots: bool = True
    ) -> None:
        """Run jobs in `world`, under the fault plan `plan` if there is one.

        `time_limit`, in seconds, replaces the world's limit; `snapshots=False` leaves out the snapshots of the world
        before and after each run.
        """
        self.world = world
        self.plan = plan
        self.time_limit = time_limit
        self.snapshots = snapshots
        self.alone = False
        """Whether nothing changes the world between two runs: then the one before a run is the one after the last."""
        self._limits = Limits()
        self._latest: Snapshot | None = None

    @property
    def id(self) -> str:
        """The name of the tenant."""
        return self.world.tenant_id

    def begin(self, jobs: Jobs, at: datetime, zone: ZoneInfo, asked: ZoneInfo | None = None) -> None:
        """Install a plugin's jobs, and begin the world at `at` unless it has begun.

        `zone` is the zone in force; `asked` is the zone that the caller named, which replaces the manifest's.
        """
        self.world.install(jobs, asked)
        self.world.begin(at, zone, jobs.plugin)

    def open(self, job: Job, fire: float, zone: ZoneInfo) -> FakeSession:
        """Open a session for the run of a job that was due at `fire`, in epoch seconds."""
        return FakeSession(self, job, fire, zone)

    def limited(self, *limits: Any) -> Limits:
        """Return the limits of a run, which are mostly those of the run before."""
        if self._limits != limits:
            self._limits = Limits(*limits)
        return self._limits

    def before(self) -> Snapshot | None:
        """Return the world as the next run finds it; None without snapshots."""
        if not self.snapshots:
            return None
        return self.world.snapshot() if self._latest is None else self._latest.later(clock.now(self.world.zone))

    def after(self) -> Snapshot | None:
        """Return the world as a run has left it; None without snapshots."""
        if not self.snapshots:
            return None
        left = self.world.snapshot()
        self._latest = left if self.alone else None
        return left

    def notify(self, run: Run) -> Run:
        """Pass an ended run to the world's extensions; return the run."""
        return self.world.extensions.notify(run)

    @contextmanager
    def rollback(self) -> Iterator[Snapshot]:
        """Yield a snapshot of the world; at the end, restore the world and the fault plan's counters."""
        state, counters = self.world.snapshot(), self.plan.snapshot() if self.plan is not None else None
        try:
            yield state
        finally:
            self.world.restore(state)
            self._latest = None
            if self.plan is not None and counters is not None:
                self.plan.restore(counters)


class FakeSession:
    """One run in a world: its context, recorder, limits and rules."""

    __slots__ = (
        *("_finished", "_job", "_tenant", "after", "before", "context", "expected", "injector", "limits"),
        *("recorder", "rules"),
    )

    def __init__(self, tenant: FakeTenant, job: Job, fire: float, zone: ZoneInfo) -> None:
        """Take the snapshot before the run, and make the run's context."""
        world, plan = tenant.world, tenant.plan
        world.reached = fire
        self._tenant = tenant
        self._job = job
        self._finished = False
        self.before: WorldSnapshot | None = tenant.before()
        self.after: WorldSnapshot | None = None
        self.expected = world.expected(job.name, fire) if world.expectations else None
        self.recorder: Recorder = world.recorder(job.root)
        self.injector: FaultInjector | None = plan.for_run(world.tenant_id, job, fire) if plan is not None else None
        self.context: Any = world.open(self.recorder, job.manifest.permissions, zone, self.injector)
        on_host = world.target == "host"
        seconds = world.time_limit if tenant.time_limit is None else tenant.time_limit
        lives = self.injector.seconds_left() if self.injector is not None else seconds
        length = min(seconds, lives, SECONDS if on_host else inf)
        memory, modules = world.memory, world.own_modules
        self.limits = tenant.limited(length, memory.limit_mb, memory.measured, not on_host, world.loopback, modules)
        host = HostRules(job, self.recorder, seconds=seconds, limit_mb=world.memory.limit_mb) if on_host else None
        self.rules: Rules | None = None
        if host is not None or self.injector is not None:
            self.rules = FakeRules(self.injector, host)

    @property
    def injected(self) -> tuple[str, ...]:
        """The injected faults of the run as text, such as `outage of llm (1 call)`."""
        return self.injector.summary if self.injector is not None else ()

    def redactor(self) -> Redactor:
        """Return a redactor for the values of all secrets that the world ever had."""
        return self._tenant.world.redactor()

    def __enter__(self) -> Self:
        """Set the job to running in the table `plugin_jobs`."""
        kept.begin(self.context)
        self._tenant.world.jobs.start(self._job.manifest.slug, self._job.name)
        return self

    def finish(self, outcome: Outcome, started_at: datetime, why: str | None) -> None:
        """Update the table `plugin_jobs`, and take the snapshot after the run."""
        world, job = self._tenant.world, self._job
        self._note_hooks()
        if self.expected is None and self.injector is not None:
            self.expected = self.injector.expected
        world.jobs.finish(job.manifest.slug, job.name, started_at=started_at, outcome=outcome, why=why)
        self.after = self._tenant.after()
        self._finished = True

    def _note_hooks(self) -> None:
        plugin = self._job.peers.plugin if self.recorder.events else None
        for hook in plugin.hooks if plugin is not None else ():
            if hook.kind == "event" and any(event.type == hook.name for event in self.recorder.events):
                where = defined_at(hook.function, self._job.root)
                self.recorder.unheard(hook.name, f"{getattr(hook.function, '__name__', 'a hook')} ({where})")

    def __exit__(self, *_: object) -> None:
        """Set the job back to idle in `plugin_jobs` if its run was interrupted; its context is used no more."""
        kept.end(self.context)
        if not self._finished:
            self._tenant.world.jobs.abandon(self._job.manifest.slug, self._job.name)


class FakeRules:
    """The rules for one call: of the fault plan and of the emulation of today's host."""

    __slots__ = ("_host", "_injector", "awaits")

    def __init__(self, injector: FaultInjector | None, host: HostRules | None) -> None:
        """Apply the injector and the host's rules; None has no rules."""
        self._injector = injector
        self._host = host
        self.awaits = host is None

    def drop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return the result of an async job on a host that does not await it."""
        return self._host.drop(coroutine) if self._host is not None else coroutine

    def delay(self) -> None:
        """Advance virtual time by the delay that the plan injects into the run."""
        if self._injector is not None:
            self._injector.delay()

    def amend(self, result: CallResult, *, memory_passed: bool) -> CallResult:
        """Return the injected crash of the run or its scheduler, else the result as the host counts it."""
        if self._injector is not None and self._injector.killed is not None:
            return CallResult(outcome=Outcome.CRASHED, reason=f"crashed: {self._injector.killed}")
        if self._injector is not None and self._injector.scheduler_died():
            return CallResult(outcome=Outcome.LOST, reason="lost: its scheduler died while it ran (fault plan)")
        return self._host.amend(result, memory_passed=memory_passed) if self._host is not None else result
