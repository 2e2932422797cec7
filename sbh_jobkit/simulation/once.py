"""Running one job once, at a virtual time."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock as _clock
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import UnknownJobError
from sbh_jobkit.fakes.faults.injector import ActivePlan
from sbh_jobkit.fakes.session import FakeTenant
from sbh_jobkit.plugin.job import Job
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.run.virtual import VirtualSandbox
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import Conditions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.run.run import Run


def run_job(
    job: Job | Callable[..., Any],
    world: World | None = None,
    *,
    at: str | datetime | None = None,
    tz: str | None = None,
    faults: FaultPlan | None = None,
    time_limit: float | None = None,
) -> Run:
    """Run one job once at a virtual time (default: now); `job` may also be a function under `@job`.

    `faults` is what goes wrong during the run; `time_limit`, in seconds, counts instead of the world's.
    """
    if not isinstance(job, Job):
        job = _only_job(job)
    conditions = Conditions(tz=tz, faults=faults, time_limit=time_limit)
    return run_under(conditions, job, world if world is not None else conditions.world_of(job.root), at)


def run_under(conditions: Conditions, job: Job, world: World, at: str | datetime | None = None) -> Run:
    """Run one job once under conditions; their range, jobs, policy and budget do not count."""
    asked = conditions.zone_in(world)
    in_force = asked or times.zone(job.manifest.timezone or "UTC")
    schedule = job.schedule_in(asked)
    zone = schedule.tz if schedule else in_force
    moment = times.instant_in_range(at, zone) if at is not None else _clock.now(UTC).astimezone(zone)
    plan = ActivePlan.for_jobs(conditions.plan, in_force, job.peers)
    tenant = FakeTenant(world, plan=plan, time_limit=conditions.time_limit)
    with VirtualClock(moment, zone) as clock, VirtualSandbox(clock) as sandbox:
        tenant.begin(job.peers, moment, in_force, asked)
        return tenant.notify(Runner(tenant, sandbox).run(job, moment.timestamp(), schedule or zone))


def _only_job(function: Any) -> Job:
    jobs = Plugin.load({"job": function}).jobs
    if not jobs:
        msg = (
            f"{function!r} is not a job; put @job('name', schedule='…') above the function, or take it from plugin.jobs"
        )
        raise UnknownJobError(msg)
    return next(iter(jobs.values()))
