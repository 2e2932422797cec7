"""What a scheduler serves: jobs of plugins at tenants, when they are due, and how a run of one is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.errors import JobkitError, PolicyError, did_you_mean
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import ALL_JOBS, policy_lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from sbh_jobkit.live.settings import Settings
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin

FACTORY = "sbh_jobkit.engines.tenant:make_tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedJob:
    """A job that a scheduler runs when it is due."""

    planned: PlannedJob
    template: RunRequest
    """The request of its runs, but for the fire time."""

    def request(self, fire: float) -> RunRequest:
        """Return the request of the run that was due at `fire`, in epoch seconds."""
        return replace(self.template, fire=fire)


def serve_plugins(plugins: Iterable[Plugin], tenants: Iterable[Settings], store: str | None) -> list[ServedJob]:
    """Return the jobs with a schedule of each plugin at each tenant; the runs read their history in `store`.

    Raises JobkitError for two plugins of one slug, or two tenants of one name, and PolicyError for a policy of a job
    that no plugin has.
    """
    plugins, tenants = list(plugins), list(tenants)
    _require_different("plugins", [(plugin.slug, plugin.source) for plugin in plugins])
    _require_different("tenants", [(tenant.id, f"{tenant.path}") for tenant in tenants])
    _require_known_jobs(plugins, tenants)
    return [job for tenant in tenants for plugin in plugins for job in _served(plugin, tenant, store)]


def _served(plugin: Plugin, tenant: Settings, store: str | None) -> Iterator[ServedJob]:
    policy = policy_lookup(
        {name: each for name, each in tenant.policy.items() if name in {ALL_JOBS, *plugin.jobs}}, plugin.jobs
    )
    for job in plugin.jobs.values():
        schedule = job.schedule_in(_zone(plugin, tenant))
        if schedule is not None:
            planned = PlannedJob(
                tenant=tenant.id, plugin=plugin.slug, job=job.name, schedule=schedule, policy=policy(job.name)
            )
            yield ServedJob(planned=planned, template=request_for(plugin, job, tenant, store))


def request_for(plugin: Plugin, job: Job, tenant: Settings, store: str | None) -> RunRequest:
    """Return the request of a run of a job, which was due in 1970."""
    zone = _zone(plugin, tenant)
    schedule = job.schedule_in(zone)
    return RunRequest(
        plugin=str(plugin.source),
        slug=plugin.slug,
        job=job.name,
        fire=0.0,
        tenant=tenant.id,
        factory=FACTORY,
        settings={"path": str(tenant.path), "store": store},
        timezone=(schedule.tz if schedule is not None else zone).key,
    )


def _zone(plugin: Plugin, tenant: Settings) -> ZoneInfo:
    return times.zone(plugin.manifest.timezone) if plugin.manifest.timezone else tenant.timezone


def _require_different(what: str, named: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for name, source in named:
        if name in first:
            msg = f"two {what} are called {name!r}: {first[name]} and {source}; serve one of them, or rename one"
            raise JobkitError(msg)
        first[name] = source


def _require_known_jobs(plugins: list[Plugin], tenants: list[Settings]) -> None:
    """Raise PolicyError for a policy of a job that no plugin has."""
    known = {name: None for plugin in plugins for name in plugin.jobs}
    for tenant in tenants:
        for name in tenant.policy:
            if name != ALL_JOBS and name not in known:
                hint = did_you_mean(name, known) or f"; the jobs are {', '.join(known)}"
                msg = f"{tenant.path}: [policy.{name}]: no plugin has a job {name!r}{hint}"
                raise PolicyError(msg)
