"""What a scheduler serves: jobs of plugins at tenants, when they are due, and how a run of one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.errors import JobkitError, PolicyError, SettingsError, did_you_mean
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policies import ALL_JOBS, policy_lookup
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.engines.describe import JobDescription, PluginDescription
    from sbh_jobkit.live.settings import Settings

_NOTHING: Mapping[str, Any] = MappingProxyType({})
FACTORY = "sbh_jobkit.engines.tenant:make_tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedJob:
    """A job that a scheduler runs when it is due."""

    planned: PlannedJob
    template: RunRequest
    """The request of its runs, except for the fire time."""
    version: str | None = None
    """Which version of the plugin it is."""

    def request(self, fire: float) -> RunRequest:
        """Return the request of the run that was due at `fire`, in epoch seconds."""
        return self.template.at(fire)


def serve_plugins(
    plugins: Iterable[PluginDescription],
    tenants: Iterable[Settings],
    store: str | None,
    more: Mapping[str, Any] = _NOTHING,
) -> list[ServedJob]:
    """Return the jobs of each plugin at each tenant; the runs read their history in `store`.

    `more` is what else `make_tenant` needs: where the keys are, and where links are served.

    Raises JobkitError for two plugins of one slug, or two tenants of one name, PolicyError for a policy of a job that
    no plugin has, and SettingsError for a history of one.
    """
    plugins, tenants = list(plugins), list(tenants)
    _require_different("plugins", [(plugin.slug, plugin.path) for plugin in plugins])
    _require_different("tenants", [(tenant.id, f"{tenant.path}") for tenant in tenants])
    require_known_jobs(plugins, tenants)
    return [job for tenant in tenants for plugin in plugins for job in serve_plugin(plugin, tenant, store, more)]


def serve_plugin(
    plugin: PluginDescription, tenant: Settings, store: str | None, more: Mapping[str, Any] = _NOTHING
) -> Iterator[ServedJob]:
    """Yield the jobs of one plugin at one tenant, also those that are manual only."""
    policy = policy_lookup(tenant.policy, dict.fromkeys(tenant.policy))
    for job in plugin.jobs:
        zone = _zone(plugin, job, tenant)
        schedule = ManualOnly(zone) if job.expression is None else Schedule(job.expression, zone)
        planned = PlannedJob(
            tenant=tenant.id, plugin=plugin.slug, job=job.name, schedule=schedule, policy=policy(job.name)
        )
        template = request_for(plugin, job, tenant, store, more=more)
        yield ServedJob(planned=planned, template=template, version=plugin.label)


def request_for(
    plugin: PluginDescription,
    job: JobDescription | None,
    tenant: Settings,
    store: str | None,
    *,
    dry: bool = False,
    more: Mapping[str, Any] = _NOTHING,
) -> RunRequest:
    """Return the request of a run of a job, except for the fire time; a dry run writes nothing.

    Without a job it is the request of a route or a hook, except for its name and its call.
    """
    return RunRequest(
        plugin=plugin.copy or plugin.path,
        slug=plugin.slug,
        job="" if job is None else job.name,
        fire=0.0,
        tenant=tenant.id,
        factory=FACTORY,
        settings={
            "path": str(tenant.path),
            "text": tenant.text or None,
            "store": store,
            "plugin": plugin.slug,
            "dry": dry,
            **more,
        },
        timezone=_zone(plugin, job, tenant).key,
    )


def _zone(plugin: PluginDescription, job: JobDescription | None, tenant: Settings) -> ZoneInfo:
    """Return the zone of a job's times: its own, else its plugin's, else its tenant's."""
    named = (job.timezone if job is not None else None) or plugin.timezone
    return times.zone(named) if named else tenant.timezone


def _require_different(what: str, named: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for name, source in named:
        if name in first:
            msg = f"two {what} are called {name!r}: {first[name]} and {source}; serve one of them, or rename one"
            raise JobkitError(msg)
        first[name] = source


def require_known_jobs(plugins: Sequence[PluginDescription], tenants: Sequence[Settings]) -> None:
    """Raise PolicyError for a policy, and SettingsError for a history or an alert, of a job that no plugin has."""
    known = {job.name: None for plugin in plugins for job in plugin.jobs}
    for tenant in tenants:
        sections = (
            ("policy", tenant.policy, PolicyError),
            ("history", tenant.history, SettingsError),
            ("alerts.late", tenant.alerts.late, SettingsError),
        )
        for section, given, error in sections:
            for name in given:
                if name != ALL_JOBS and name not in known:
                    hint = did_you_mean(name, known) or f"; the jobs are {', '.join(known)}"
                    msg = f"{tenant.path}: [{section}.{name}]: no plugin has a job {name!r}{hint if known else ''}"
                    raise error(msg)
