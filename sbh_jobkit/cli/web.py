"""What `sbh-jobkit serve` serves beside its scheduler: where it listens, its keys, its tokens, its plugins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import streams
from sbh_jobkit.engines import heartbeat, installations, vault
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.folders import require_folder
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.keyring import Keys, require_private, write_private
from sbh_jobkit.engines.uploads import Uploads
from sbh_jobkit.errors import PluginError, SettingsError
from sbh_jobkit.server import tokens
from sbh_jobkit.server.app import App
from sbh_jobkit.server.metrics import Metrics
from sbh_jobkit.server.pages.site import Site
from sbh_jobkit.server.service import Address, Problem, Service
from sbh_jobkit.server.thread import ServerThread, bind, is_loopback

if TYPE_CHECKING:
    import socket
    from argparse import Namespace
    from collections.abc import Sequence

    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.engines.scheduler import Scheduler
    from sbh_jobkit.engines.starter import Starter
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import Settings

_FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is served."""

    plugins: dict[tuple[str, str], PluginDescription]
    """By tenant and slug."""
    problems: dict[Problem, str]
    """What could not be loaded, with a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A socket that listens, and what is needed to answer on it."""

    socket: socket.socket
    address: Address
    keys: Keys
    metrics: Metrics
    token: str | None
    """The first token, if it was made just now and is shown."""
    has_token: bool
    """Whether anybody may call."""

    @property
    def note(self) -> str | None:
        """What its operator should know."""
        if self.has_token:
            return None
        return (
            "there is no token yet, so the REST API refuses everything; make one with sbh-jobkit token add NAME, or"
            " serve with --token-file FILE"
        )

    @classmethod
    def open(cls, options: Namespace, store: Store, *, shows: bool) -> Web:
        """Listen, read or make the key, and make the first token if there is none; raises JobkitError.

        `shows` says whether a person sees what is printed.
        """
        beside = beside_store(store)
        key_file = Path(options.key_file or beside("key")).absolute()
        uploads = Path(options.uploads or beside("plugins")).absolute()
        require_folder(uploads, "--uploads")
        heartbeat.check_start(store, options.name, options.engine)
        _require_token(options, store, shows=shows)
        keys = Keys.load_or_make(key_file)
        with store.read() as connection:
            vault.check(connection, keys)
        listening = bind(options.host, options.port)
        try:
            host = f"[{options.host}]" if ":" in options.host else options.host
            url = options.url or f"http://{host}:{listening.getsockname()[1]}"
            address = Address(url=url.rstrip("/"), uploads=Uploads(uploads), key_file=key_file)
            token = _first_token(store, options.token_file, shows=shows)
        except BaseException:
            listening.close()
            raise
        with store.read() as connection:
            has_token = bool(tokens.read(connection))
        return cls(socket=listening, address=address, keys=keys, metrics=Metrics(), token=token, has_token=has_token)

    def service(
        self,
        store: Store,
        engine: Scheduler,
        starter: Starter,
        tenants: Sequence[Settings],
        found: Found,
        *,
        packs: bool = False,
    ) -> Service:
        """Return what its answers stand on."""
        return Service(
            store=store,
            engine=engine,
            starter=starter,
            tenants={tenant.id: tenant for tenant in tenants},
            plugins=found.plugins,
            problems=found.problems,
            keys=self.keys,
            address=self.address,
            packs=packs,
        )

    def serve(self, service: Service) -> ServerThread:
        """Begin to answer."""
        stopping = Event()
        app = App(service, self.metrics, Site(service).routes, stopping=stopping)
        thread = ServerThread(app.asgi, self.socket, stopping=stopping)
        thread.start()
        return thread


def beside_store(store: Store) -> Any:
    """Return a function that names a file or folder beside the store."""
    database = store.engine.url.database
    stem = database if store.is_sqlite and database and database != ":memory:" else "sbh-jobkit"
    return lambda ending: f"{stem}.{ending}"


def install_all(
    store: Store, tenants: Sequence[Settings], plugins: Sequence[PluginDescription], uploads: Uploads
) -> Found:
    """Write which plugins the command line names for each tenant, and add those that were uploaded."""
    found: dict[tuple[str, str], PluginDescription] = {}
    problems: dict[Problem, str] = {}
    with store.write() as connection:
        known = installations.read(connection)
        for tenant in tenants:
            for plugin in plugins:
                installations.install(connection, tenant.id, plugin.slug, plugin.path, now())
                found[tenant.id, plugin.slug] = plugin
    names = {tenant.id for tenant in tenants}
    for each in known:
        if each.is_uploaded and each.tenant in names:
            if (each.tenant, each.plugin) in found:
                streams.message(
                    f"note: the upload of {each.plugin} is not served, since the command line names the plugin"
                )
                continue
            try:
                found[each.tenant, each.plugin] = _uploaded(each, uploads)
            except PluginError as error:
                problem = f"the upload of {each.plugin} at {each.tenant} is not served: {error}"
                problems[each.tenant, each.plugin] = problem
                streams.message(f"warning: {problem}")
    uploads.sweep(store)
    return Found(plugins=found, problems=problems)


def _uploaded(each: installations.Installation, uploads: Uploads) -> PluginDescription:
    """Load an upload; raises PluginError."""
    found = replace(describe(each.path), fingerprint=Path(each.path).name[:8])
    uploads.use(Path(each.path))
    return found


def _require_token(options: Namespace, store: Store, *, shows: bool) -> None:
    """Raise SettingsError where others reach the server, and nobody has a token."""
    with store.read() as connection:
        if tokens.read(connection) or shows or options.token_file:
            return
    if not is_loopback(options.host):
        msg = f"--host {options.host} lets other machines in, and there is no token yet; add --token-file FILE, or make"
        msg += " one with sbh-jobkit token add NAME"
        raise SettingsError(msg)


def _first_token(store: Store, file: str | None, *, shows: bool) -> str | None:
    """Make the first token where there is none and somebody gets to know it; return it to be shown."""
    with store.write() as connection:
        if tokens.read(connection):
            return None
        path = Path(file) if file else None
        if path is not None and path.exists():
            require_private(path, "token file")
            tokens.add(connection, _FIRST, tokens.OPERATE, value=path.read_text(encoding="utf-8").strip())
            return None
        if path is None and not shows:
            return None
        made = tokens.add(connection, _FIRST, tokens.OPERATE)
        if path is not None:
            write_private(path, f"{made}\n")
        return made if shows else None
