"""Plugins of the command line, loaded again on SIGHUP: what has changed is served, and what is faulty is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.cli.screens import Screen
    from sbh_jobkit.engines.copies import Copies
    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.server.service import Service


class Reload:
    """Loads each plugin again; runs that go on finish with the one that they began with."""

    def __init__(self, plugins: Sequence[PluginDescription], copies: Copies) -> None:
        """Know what is served."""
        self._plugins = {plugin.path: plugin for plugin in plugins}
        self._copies = copies

    def __call__(self, service: Service, screen: Screen) -> None:
        """Serve what has changed, and say for each plugin what became of it."""
        for path, old in self._plugins.items():
            try:
                self._plugins[path] = self._reload(old, service, screen)
            except JobkitError as error:
                screen.message("error", f"{error}; {old.slug} {old.label} is still served")

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
