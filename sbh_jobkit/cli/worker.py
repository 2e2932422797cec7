"""`sbh-jobkit worker`: run the jobs that `serve --engine distributed` plans, on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli.live_options import VARIABLE
from sbh_jobkit.cli.served import logging_on, modules, notified, screen_for
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.optional import needed
from sbh_jobkit.report.terminal.serving import Serving
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.engines.store import Store


def worker(options: Namespace) -> bool:
    """Work until Ctrl-C or SIGTERM."""
    grace = times.duration(options.grace, zero=True).total_seconds()
    if options.store is None:
        msg = f"a worker needs a store; name it with --store postgresql://…, or set {VARIABLE}"
        raise SettingsError(msg)
    with needed("sbh-jobkit worker", "distributed"):
        from sbh_jobkit.cli.lifetime import Lifetime
        from sbh_jobkit.cli.web import beside_store
        from sbh_jobkit.engines import heartbeat, identity
        from sbh_jobkit.engines.catalogue import Catalogue
        from sbh_jobkit.engines.distributed import adapters
        from sbh_jobkit.engines.distributed.worker import QueueWorker
        from sbh_jobkit.engines.folders import require_folder
        from sbh_jobkit.engines.packages import PackageCache
        from sbh_jobkit.engines.starter import Starter
    if options.cache:
        require_folder(Path(options.cache), "--cache")
    with adapters.opened(options.engine, options.store) as (store, engine):
        heartbeat.check_start(store, options.name, options.engine)
        beside = beside_store(store)
        more = _for_tenants(options, store, Path(options.key_file or beside("key")).absolute())
        screen = screen_for(with_tenant=True, with_plugin=True)
        with ExitStack() as closing:
            starter = closing.enter_context(
                Starter.start(modules(), runs_per_process=options.runs_per_process, waiting=options.runs)
            )
            closing.enter_context(logging_on(screen))
            cache = PackageCache(store, Path(options.cache or beside("packages")).absolute())
            running = QueueWorker(
                identity.identify(),
                store,
                engine,
                starter,
                Catalogue(store, cache, more),
                slots=options.runs,
                tenants=options.tenants,
                ended=notified([screen.ended]),
                called=options.name,
                engine_name=options.engine,
            )
            running.start()
            serving = Serving(plugins=[], tenants=options.tenants or ["all"], store=store.shown, due=[], url=None)
            ready = f"up to {count(options.runs, 'run')} at a time"
            Lifetime(running, screen, grace, lambda: None, ready=lambda: ready).run(serving, None)
    return True


def _for_tenants(options: Namespace, store: Store, key_file: Path) -> dict[str, Any]:
    """Return what the tenants of runs need; raises SettingsError for a key that does not fit the store's secrets."""
    from sbh_jobkit.engines import keyring, vault

    keys = keyring.Keys.load(key_file)
    if keys is None:
        msg = f"a worker needs the key of the store's secrets; name its file with --key-file, or set {keyring.VARIABLE}"
        raise SettingsError(msg)
    with store.read() as connection:
        vault.check(connection, keys)
    return {"keys": str(key_file), **({"links": options.url} if options.url else {})}
