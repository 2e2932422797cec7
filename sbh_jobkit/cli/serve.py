"""`sbh-jobkit serve`: run the jobs of plugins on the real services of a tenant, when they are due."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli.served import (
    describe_all,
    load_tenants,
    logging_on,
    modules,
    notified,
    screen_for,
    serving_of,
)
from sbh_jobkit.engines.engine import LOCAL
from sbh_jobkit.engines.served import serve_plugin, serve_plugins
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.errors import JobkitError, SettingsError
from sbh_jobkit.live.optional import needed
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from sbh_jobkit.cli.web import Found
    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.scheduler import Scheduler
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import HistorySettings, Settings
    from sbh_jobkit.run.run import Run


def serve(options: Namespace) -> bool:
    """Run jobs until Ctrl-C or SIGTERM; with `--check`, only reach each service once."""
    tenants = load_tenants(options.tenant)
    if options.check:
        return check_services(tenants)
    if options.engine != LOCAL:
        from sbh_jobkit.cli.distributed import serve_distributed

        return serve_distributed(options, tenants)
    grace = times.duration(options.grace, zero=True).total_seconds()
    plugins = describe_all(options.paths)
    with needed("sbh-jobkit serve", "serve"):
        from sbh_jobkit.cli.lifetime import Lifetime
        from sbh_jobkit.cli.reload import Reload
        from sbh_jobkit.cli.web import Web, beside_store, install_all
        from sbh_jobkit.engines.alerting import Alerting
        from sbh_jobkit.engines.copies import Copies
        from sbh_jobkit.engines.local import LocalEngine
        from sbh_jobkit.engines.store import Store
    store = Store.open(options.store)
    try:
        serve_plugins(plugins, tenants, store.url)  # says what is wrong before anything is made
        _require_something(options.paths, plugins, store)
        web = Web.open(options, store, shows=sys.stdout.isatty())
        copies = Copies(Path(beside_store(store)("copies")).resolve())
        plugins = describe_all(options.paths, copies.load, warns=False)
        found = install_all(store, tenants, plugins, web.address.uploads)
        reload = Reload(plugins, copies)
        more = web.address.for_tenants
        jobs = [job for tenant in tenants for job in _jobs_of(tenant, found, store, more)]
        plugins = list({plugin.path: plugin for plugin in found.plugins.values()}.values())
        screen = screen_for(with_tenant=len(tenants) > 1, with_plugin=len(plugins) > 1)
        with ExitStack() as closing:
            starter = closing.enter_context(
                Starter.start(modules(), runs_per_process=options.runs_per_process, waiting=options.runs)
            )
            closing.enter_context(logging_on(screen))
            closing.callback(copies.close)
            closing.callback(web.address.uploads.close)
            ends: list[Callable[[Run], object]] = [screen.ended, web.metrics.ended]
            kept = _history(jobs, tenants)
            ended = notified(ends)
            engine = LocalEngine(
                store, jobs, starter, slots=options.runs, history=kept, ended=ended, called=options.name
            )
            serving = serving_of(plugins, tenants, store, jobs, web)
            service = web.service(store, engine, starter, tenants, found)
            alerting = Alerting(store, lambda: engine.jobs, lambda: list(service.tenants.values()))
            alerting.start()
            closing.callback(alerting.stop)
            ends.append(alerting.wake)
            engine.start(begin_now=options.begin_now)
            closing.callback(web.serve(service).stop)
            ready = partial(_ready, engine)
            Lifetime(engine, screen, grace, lambda: reload(service, screen), ready=ready).run(serving, web.note)
    finally:
        store.close()
    return True


def _ready(engine: Scheduler) -> str:
    return f"serving {count(len(engine.jobs), 'job')}"


def _require_something(paths: Sequence[str], plugins: Sequence[PluginDescription], store: Store) -> None:
    """Raise JobkitError where there is nothing to serve, or the store may not be written."""
    from sbh_jobkit.engines import installations, rights

    with store.read() as connection:
        rights.require(connection, store.shown)
        if any(each.is_uploaded for each in installations.read(connection)):
            return
    if not paths:
        msg = "serve needs the path of a plugin; see sbh-jobkit serve --help"
        raise JobkitError(msg)
    if not any(plugin.jobs or plugin.routes or plugin.hooks for plugin in plugins):
        msg = f"{' and '.join(paths)} have no job, no route and no hook, so there is nothing to serve"
        raise JobkitError(msg)


def _jobs_of(tenant: Settings, found: Found, store: Store, more: Mapping[str, Any]) -> list[ServedJob]:
    mine = [plugin for (owner, _), plugin in found.plugins.items() if owner == tenant.id]
    return [job for plugin in mine for job in serve_plugin(plugin, tenant, store.url, more)]


def check_services(tenants: Sequence[Settings]) -> bool:
    """Print what each tenant would use, reach each service once, and return whether all can be reached."""
    from sbh_jobkit.live.reach import reach
    from sbh_jobkit.live.session import LiveTenant

    problems = []
    for settings in tenants:
        tenant = LiveTenant(settings)
        print(f"tenant {settings.id} ({settings.path}), zone {settings.timezone.key}")
        for service in reach(tenant):
            print(f"  {service}")
            if not service.ok:
                problems.append(f"tenant {settings.id}: {service.name} cannot be used: {service.why}")
        tenant.close()
    if problems:
        raise SettingsError("\n".join(problems))
    return True


def _history(jobs: Sequence[ServedJob], tenants: Sequence[Settings]) -> Mapping[Key, HistorySettings]:
    kept = {tenant.id: tenant for tenant in tenants}
    return {job.planned.key: kept[job.planned.tenant].kept(job.planned.job) for job in jobs}
