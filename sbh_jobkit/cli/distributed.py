"""`sbh-jobkit serve --engine distributed`: the REST API and the planning; workers run the jobs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.cli.served import describe_all, logging_on, modules, screen_for, serving_of
from sbh_jobkit.live.optional import needed
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import HistorySettings, Settings
    from sbh_jobkit.run.run import Run


def serve_distributed(options: Namespace, tenants: Sequence[Settings]) -> bool:
    """Plan jobs for workers until Ctrl-C or SIGTERM."""
    grace = times.duration(options.grace, zero=True).total_seconds()
    plugins = describe_all(options.paths)
    with needed("sbh-jobkit serve --engine distributed", "distributed"):
        from sbh_jobkit.cli.lifetime import Lifetime
        from sbh_jobkit.cli.web import Found, Web, beside_store
        from sbh_jobkit.engines import identity
        from sbh_jobkit.engines.alerting import Alerting
        from sbh_jobkit.engines.catalogue import Catalogue
        from sbh_jobkit.engines.distributed import adapters
        from sbh_jobkit.engines.distributed.scheduler import QueueScheduler
        from sbh_jobkit.engines.packages import PackageCache
        from sbh_jobkit.engines.served import serve_plugins
        from sbh_jobkit.engines.starter import Starter
    with adapters.opened(options.engine, options.store) as (store, engine):
        serve_plugins(plugins, tenants, store.url)  # says what is wrong before anything is made
        web = Web.open(options, store, shows=sys.stdout.isatty())
        with ExitStack() as closing:
            _install(store, tenants, plugins)
            cache = PackageCache(store, Path(beside_store(store)("packages")).absolute())
            catalogue = Catalogue(store, cache, web.address.for_tenants)
            screen = screen_for(with_tenant=len(tenants) > 1, with_plugin=True)
            starter = closing.enter_context(
                Starter.start(modules(), runs_per_process=options.runs_per_process, waiting=options.runs)
            )
            closing.enter_context(logging_on(screen))
            ends: list[Callable[[Run], object]] = []
            scheduler = QueueScheduler(
                identity.identify(),
                store,
                engine,
                catalogue,
                history=partial(_kept, {tenant.id: tenant for tenant in tenants}),
                changed=lambda: service.know(catalogue.plugins),
                ended=lambda run: [each(run) for each in ends],
                called=options.name,
                engine_name=options.engine,
            )
            service = web.service(store, scheduler, starter, tenants, Found(plugins={}, problems={}), packs=True)
            alerting = Alerting(store, lambda: scheduler.jobs, lambda: list(service.tenants.values()))
            alerting.start()
            closing.callback(alerting.stop)
            ends += [web.metrics.ended, alerting.wake]
            scheduler.start(begin_now=options.begin_now)
            closing.callback(web.serve(service).stop)
            served = list(catalogue.plugins.values())
            serving = serving_of(served, tenants, store, list(scheduler.jobs.values()), web)
            ready = f"planning {count(len(scheduler.jobs), 'job')} for workers"
            Lifetime(scheduler, screen, grace, lambda: None, ready=lambda: ready).run(serving, web.note)
    return True


def _install(store: Store, tenants: Sequence[Settings], plugins: Sequence[PluginDescription]) -> None:
    """Keep the tenants, and the plugins that the command line names, in the store."""
    from sbh_jobkit.engines import catalogue, installations
    from sbh_jobkit.engines.instants import now_in
    from sbh_jobkit.engines.packages import pack

    packed = [(plugin, pack(Path(plugin.path))) for plugin in plugins]
    with store.write() as connection:
        for tenant in tenants:
            catalogue.write_tenant(connection, tenant)
            for plugin, package in packed:
                installations.install(connection, tenant.id, plugin.slug, plugin.path, now_in(connection))
                catalogue.write_package(connection, tenant.id, plugin.slug, *package)


def _kept(tenants: dict[str, Settings], key: Key) -> HistorySettings:
    from sbh_jobkit.live.settings import HistorySettings

    return tenants[key[0]].kept(key[2]) if key[0] in tenants else HistorySettings()
