"""Plugins and tenants of the command line, read again on SIGHUP: what has changed counts, what is faulty is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.engines.served import require_known_jobs
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.live.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.cli.screens import Screen
    from sbh_jobkit.engines.copies import Copies
    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.server.service import Service


class Reload:
    """Reads each plugin and each tenant again; runs that go on finish with what they began with."""

    def __init__(self, plugins: Sequence[PluginDescription], copies: Copies) -> None:
        """Know what is served."""
        self._plugins = {plugin.path: plugin for plugin in plugins}
        self._copies = copies

    def __call__(self, service: Service, screen: Screen) -> None:
        """Serve what has changed, and say what became of each plugin and of each tenant's file."""
        for path, old in self._plugins.items():
            try:
                self._plugins[path] = self._reload(old, service, screen)
                service.note((None, path), None)
            except JobkitError as error:
                problem = f"{error}; {old.slug} {old.label} is still served"
                service.note((None, path), problem)
                screen.message("error", problem)
        for settings in list(service.tenants.values()):
            try:
                _reload_tenant(settings, service, screen)
                service.note((settings.id, f"{settings.path}"), None)
            except JobkitError as error:
                problem = f"{error}; the settings of {settings.id} stay as they were"
                service.note((settings.id, f"{settings.path}"), problem)
                screen.message("error", problem)
        service.sweep()

    def _reload(self, old: PluginDescription, service: Service, screen: Screen) -> PluginDescription:
        new = self._copies.load(old.path)
        if old.slug != new.slug:
            msg = f"{old.path}: the plugin is called {new.slug!r} now, and a server cannot change that; start it again"
            raise JobkitError(msg)
        for warning in new.warnings:
            screen.message("warning", warning)
        if old.fingerprint == new.fingerprint:
            screen.message("info", f"{new.slug} {old.label} has not changed")
            return old
        for tenant in service.tenants:
            service.install(tenant, new, uploaded=False)
        screen.message("info", f"{new.slug} {new.label} is served now, in place of {old.label}")
        return new


def _reload_tenant(old: Settings, service: Service, screen: Screen) -> None:
    if old.path is None:
        return
    new = Settings.load(old.path)
    if old.id != new.id:
        msg = f"{old.path}: the tenant is called {new.id!r} now, and a server cannot change that; start it again"
        raise JobkitError(msg)
    if old.text == new.text:
        return
    require_known_jobs([each.plugin for each in service.plugins(new.id)], [new])
    service.replace_tenant(new)
    screen.message("info", f"{old.path} has changed, and counts for {new.id} now")
