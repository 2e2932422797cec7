"""What the REST API and the status page stand on: the store, the scheduler beside them, tenants and their plugins."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines import catalogue, installations
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.keyring import Keys
from sbh_jobkit.engines.packages import pack
from sbh_jobkit.engines.served import request_for, serve_plugin
from sbh_jobkit.server.answer import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.engines.describe import JobDescription, PluginDescription
    from sbh_jobkit.engines.installations import Installation
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.request import RunRequest
    from sbh_jobkit.engines.scheduler import Scheduler
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.engines.uploads import Uploads
    from sbh_jobkit.live.settings import Settings


Problem = tuple[str | None, str]
"""Whose it is, None for all tenants, and the name of the plugin or the path of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is reached, and where it keeps uploads."""

    url: str
    """Without a slash at the end."""
    uploads: Uploads
    key_file: Path

    @property
    def for_tenants(self) -> dict[str, Any]:
        """What the tenants of child processes need."""
        return {"keys": str(self.key_file), "links": self.url}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPlugin:
    """A plugin at a tenant: what the store knows of it, and what it has."""

    installation: Installation
    plugin: PluginDescription

    def job(self, name: str) -> JobDescription:
        """Return a job; raises ApiError (404)."""
        for job in self.plugin.jobs:
            if job.name == name:
                return job
        raise ApiError(404, f"the plugin {self.plugin.slug!r} has no job {name!r}")

    def key(self, job: str) -> Key:
        """Return what names a job of it."""
        return self.installation.tenant, self.plugin.slug, job


class Service:
    """One server."""

    def __init__(
        self,
        *,
        store: Store,
        engine: Scheduler,
        starter: Starter,
        tenants: Mapping[str, Settings],
        plugins: Mapping[tuple[str, str], PluginDescription],
        keys: Keys,
        address: Address,
        problems: Mapping[Problem, str],
        packs: bool = False,
    ) -> None:
        """Know tenants by name, plugins by tenant and slug, and what could not be loaded, with a sentence each.

        With `packs`, plugins and tenants are kept in the store, for workers.
        """
        self.store = store
        self.engine = engine
        self.starter = starter
        self.tenants = dict(tenants)
        self._keys = keys
        self.address = address
        self._plugins = dict(plugins)
        self.packs = packs
        """Whether workers run the jobs."""
        self.problems = dict(problems)
        """What is not served as its owner wants it, with a sentence each."""
        self._changing = threading.Lock()
        self.uploading = threading.Lock()
        """Held while an upload is kept and served, or old ones are removed."""

    @property
    def keys(self) -> Keys:
        """The keys as they are now: `secrets rotate` replaces their file while the server goes on."""
        self._keys = Keys.load(self.address.key_file) or self._keys
        return self._keys

    def plugins(self, tenant: str) -> list[InstalledPlugin]:
        """Return a tenant's plugins, by slug."""
        with self.store.read() as connection:
            found = installations.read(connection, tenant)
        served = [(each, self._plugins.get((tenant, each.plugin))) for each in found]
        return [InstalledPlugin(installation=each, plugin=plugin) for each, plugin in served if plugin is not None]

    def plugin(self, tenant: str, slug: str) -> InstalledPlugin:
        """Return one of a tenant's plugins; raises ApiError (404)."""
        for each in self.plugins(tenant):
            if each.plugin.slug == slug:
                return each
        raise ApiError(404, f"the tenant {tenant!r} has no plugin {slug!r}")

    def enabled(self, tenant: str, slug: str) -> InstalledPlugin:
        """Return a plugin that is enabled; raises ApiError (404, 403)."""
        found = self.plugin(tenant, slug)
        if found.installation.disabled is not None:
            raise ApiError(403, found.installation.disabled.sentence(slug))
        return found

    def switch(self, tenant: str, slug: str, who: str, *, on: bool) -> None:
        """Enable or disable a plugin."""
        self.plugin(tenant, slug)
        with self.store.write() as connection:
            if on:
                installations.enable(connection, tenant, slug)
            else:
                installations.disable(connection, tenant, slug, who, now())

    def install(self, tenant: str, plugin: PluginDescription, *, uploaded: bool = True) -> None:
        """Serve a plugin from now on, in place of what had its slug; runs that go on finish."""
        settings = self.tenants[tenant]
        jobs = list(serve_plugin(plugin, settings, self.store.url, self.address.for_tenants))
        history = {job.planned.key: settings.kept(job.planned.job) for job in jobs}
        packed = pack(Path(plugin.path)) if self.packs else None
        with self._changing:
            with self.store.write() as connection:
                installations.install(connection, tenant, plugin.slug, plugin.path, now(), uploaded=uploaded)
                if packed is not None:
                    catalogue.write_tenant(connection, settings)
                    catalogue.write_package(connection, tenant, plugin.slug, *packed)
            self._plugins = {**self._plugins, (tenant, plugin.slug): plugin}
            self.note((tenant, plugin.slug), None)
            self.engine.serve(tenant, plugin.slug, jobs, history)

    def replace_tenant(self, settings: Settings) -> None:
        """Serve a tenant by other settings from now on; runs that go on finish by the old ones."""
        with self._changing:
            self.tenants = {**self.tenants, settings.id: settings}
        for each in self.plugins(settings.id):
            self.install(settings.id, each.plugin, uploaded=each.installation.is_uploaded)

    def know(self, plugins: Mapping[tuple[str, str], PluginDescription]) -> None:
        """Take the plugins that the store has now, since other servers install some, too."""
        self._plugins = dict(plugins)

    def note(self, what: Problem, sentence: str | None) -> None:
        """Keep what is wrong with a plugin or a tenant's file, until it is well again (None)."""
        others = {key: text for key, text in self.problems.items() if key != what}
        self.problems = others if sentence is None else {**others, what: sentence}

    def sweep(self) -> None:
        """Remove uploads that nothing uses any more."""
        with self.uploading:
            self.address.uploads.sweep(self.store)

    def request(self, tenant: str, plugin: PluginDescription, name: str, call: Mapping[str, Any]) -> RunRequest:
        """Return the request for a call of a route or a hook."""
        more = self.address.for_tenants
        asked = request_for(plugin, None, self.tenants[tenant], self.store.url, more=more)
        return replace(asked, job=name, fire=now(), call=call)
