"""The jobs of a store, as workers and planners know them: tenants and plugins are read from it, and kept in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, tuple_, update

from sbh_jobkit.engines import packages
from sbh_jobkit.engines.describe import describe, from_text, to_text
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.schema import insert, package, plugin, tenant
from sbh_jobkit.engines.served import ServedJob, serve_plugin
from sbh_jobkit.errors import JobkitError, PluginError
from sbh_jobkit.live.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.engines.packages import PackageCache
    from sbh_jobkit.engines.planner import Key, PlannedJob
    from sbh_jobkit.engines.store import Store


@dataclass(frozen=True, slots=True)
class Installed:
    """What the store says of one plugin at one tenant: which package, and which settings."""

    tenant: str
    plugin: str
    package: str
    settings_of: int
    """When the tenant's settings were changed."""

    @property
    def key(self) -> tuple[str, str]:
        """The tenant and the plugin."""
        return self.tenant, self.plugin


_ALL = (  # made once: to build a statement costs more than to execute it
    select(plugin.c.tenant, plugin.c.plugin, plugin.c.package, tenant.c.changed_at)
    .join_from(plugin, tenant, plugin.c.tenant == tenant.c.tenant)
    .where(plugin.c.package.is_not(None))
    .order_by(plugin.c.tenant, plugin.c.plugin)
)
_SOME = _ALL.where(tuple_(plugin.c.tenant, plugin.c.plugin).in_(bindparam("keys", expanding=True)))


def write_tenant(connection: Connection, settings: Settings) -> None:
    """Keep what a tenant's file says in the store, for workers."""
    values = {"settings": settings.text, "changed_at": to_store(now_in(connection))}
    known = connection.execute(select(tenant.c.settings).where(tenant.c.tenant == settings.id)).scalar()
    if known is None:
        new = insert(connection, tenant).values(tenant=settings.id, **values)
        connection.execute(new.on_conflict_do_nothing())
    elif known != settings.text:
        connection.execute(update(tenant).where(tenant.c.tenant == settings.id).values(**values))


def write_package(connection: Connection, tenant_id: str, slug: str, digest: str, data: bytes) -> None:
    """Keep a plugin's package in the store, and let its runs use it from now on."""
    packages.put(connection, digest, data)
    mine = (plugin.c.tenant == tenant_id) & (plugin.c.plugin == slug)
    connection.execute(update(plugin).where(mine).values(package=digest))


class Catalogue:
    """The jobs that a store's tenants have."""

    def __init__(self, store: Store, cache: PackageCache, more: Mapping[str, Any]) -> None:
        """Read nothing yet; `more` is what else the tenants of runs need, see `served`."""
        self._store = store
        self._cache = cache
        self._more = more
        self._lock = threading.Lock()
        self._described: dict[str, PluginDescription] = {}
        """By package."""
        self.plugins: dict[tuple[str, str], PluginDescription] = {}
        """By tenant and slug, as `jobs` found them."""
        self._jobs: dict[tuple[str, str], tuple[Installed, dict[str, ServedJob]]] = {}
        """By tenant and slug, as they were loaded last."""

    def known(self, keys: Iterable[Key]) -> dict[Key, PlannedJob]:
        """Return those of jobs that were loaded before, as they were then; nothing is read."""
        with self._lock:
            found = {key: self._jobs[key[:2]][1].get(key[2]) for key in keys if key[:2] in self._jobs}
        return {key: job.planned for key, job in found.items() if job is not None}

    def installed(self, connection: Connection, keys: Iterable[Key]) -> dict[tuple[str, str], Installed]:
        """Return what the store says now of the plugins that have jobs, as far as it has their packages."""
        rows = connection.execute(_SOME, {"keys": sorted({key[:2] for key in keys})})
        return {found.key: found for found in (Installed(*row) for row in rows)}

    def job(self, key: Key, installed: Installed | None) -> ServedJob:
        """Return a job of what is installed, whose package is in the cache and unchanged; raises PluginError."""
        if installed is None:
            msg = f"the store has no package of the plugin {key[1]!r} for the tenant {key[0]!r}; upload it"
            raise PluginError(msg)
        self._cache.folder(installed.package)  # also where it is known: its files may have been changed
        job = self._jobs_of(installed).get(key[2])
        if job is None:
            msg = f"the plugin {key[1]!r} has no job {key[2]!r} any more"
            raise PluginError(msg)
        return job

    def jobs(self) -> tuple[dict[Key, ServedJob], dict[tuple[str, str], str]]:
        """Return all jobs, and why plugins cannot be loaded, by tenant and slug."""
        with self._store.read() as connection:
            found = [Installed(*row) for row in connection.execute(_ALL)]
        jobs: dict[Key, ServedJob] = {}
        problems: dict[tuple[str, str], str] = {}
        for each in found:
            try:
                of_it = self._jobs_of(each)
            except JobkitError as error:
                problems[each.tenant, each.plugin] = f"{error}"
            else:
                jobs |= {job.planned.key: job for job in of_it.values()}
        with self._lock:
            self._jobs = {each.key: self._jobs[each.key] for each in found if each.key in self._jobs}
            used = {each.package: self._described[each.package] for each in found if each.package in self._described}
            self._described = used
            self.plugins = {(each.tenant, each.plugin): used[each.package] for each in found if each.package in used}
        return jobs, problems

    def _jobs_of(self, installed: Installed) -> dict[str, ServedJob]:
        """Return the jobs of an installation; what the store says of it is read and loaded once."""
        with self._lock:
            loaded, known = self._jobs.get(installed.key, (None, {}))
            described = self._described.get(installed.package)
        if loaded == installed:
            return known
        if described is None:
            described = self._describe(installed.package)
        with self._store.read() as connection:
            text = connection.execute(select(tenant.c.settings).where(tenant.c.tenant == installed.tenant)).scalar_one()
        settings = Settings.from_text(Path(f"{installed.tenant}.toml"), text)
        jobs = {job.planned.job: job for job in serve_plugin(described, settings, self._store.url, self._more)}
        with self._lock:
            self._described[installed.package] = described
            self._jobs[installed.key] = installed, jobs
        return jobs

    def _describe(self, digest: str) -> PluginDescription:
        """Return what a package has: what stands in the store, or else what its plugin shows when it is loaded."""
        folder = f"{self._cache.folder(digest)}"
        this = package.c.digest == digest
        with self._store.read() as connection:
            text = connection.execute(select(package.c.described).where(this)).scalar()
        found = from_text(folder, text)
        if found is None:
            found = describe(folder)
            with self._store.write() as connection:
                connection.execute(update(package).where(this).values(described=to_text(found)))
        return replace(found, copy=folder, fingerprint=digest[:8])
