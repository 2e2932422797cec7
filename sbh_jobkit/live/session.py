"""A real tenant as the runner sees it: each run has a context over the services that `tenant.toml` describes."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.context import kept
from sbh_jobkit.context.context import PluginContext
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.live.bucket import SECRET_VARIABLES
from sbh_jobkit.live.dry import DryEvents, DryExtensions, DryFiles, DryHttp, DrySecrets, Write
from sbh_jobkit.live.events import LiveEvents
from sbh_jobkit.live.files import LiveFiles
from sbh_jobkit.live.http import LiveHttp
from sbh_jobkit.live.llm import LiveLlm, NoLlm
from sbh_jobkit.live.secrets import LiveSecrets, SettingsHints
from sbh_jobkit.run.kinds import FAULTS
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.session import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import httpx2

    from sbh_jobkit.context.backends import Row, Services
    from sbh_jobkit.context.links import Signer
    from sbh_jobkit.live.db import LiveDatabase, LiveRows
    from sbh_jobkit.live.s3 import S3Files
    from sbh_jobkit.live.secrets import Source
    from sbh_jobkit.live.settings import Settings
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.ports import LiveService
    from sbh_jobkit.run.recorder import Entry
    from sbh_jobkit.run.run import Event, Outcome, WorldSnapshot
    from sbh_jobkit.run.session import Rules, Session, Tenant

    History = Callable[[Job, float, Outcome, datetime, str | None], object]
    Tables = Mapping[str, Callable[[], list[Row]]]

_NEAR = 0.9
_MB = 1 << 20


class LiveTenant:
    """The tenant of one settings file. Services are opened when a job first uses them, and kept for later runs."""

    def __init__(
        self,
        settings: Settings,
        *,
        user_id: str | None = None,
        role: str | None = None,
        environment: Mapping[str, str] | None = None,
        transport: httpx2.BaseTransport | None = None,
        signer: Signer | None = None,
        tables: Tables | None = None,
        history: History | None = None,
        store: Callable[[Event], object] | None = None,
        sink: Callable[[Entry], object] | None = None,
        extensions: Iterable[object] = (),
        memory: Callable[[], float] | None = None,
        dry: Callable[[Write], object] | None = None,
        stored: Callable[[], Source] | None = None,
    ) -> None:
        """Describe the tenant by its settings; nothing is reached yet.

        `environment` and `transport` stand for this process's variables and for the network, `signer` makes links to
        files, `tables` are computed ones such as `plugin_jobs`, and `memory` returns the megabytes in use. Called as
        things happen: `sink` with every entry of a run, `store` with every event, `history` when a run has ended. With
        `dry`, nothing is written: it is called with each write instead. `stored` opens a scheduler's own source of
        secrets.
        """
        self.settings = settings
        self.user_id = user_id
        self.role = role
        self.environment = os.environ if environment is None else environment
        self.transport = transport
        self._signer = signer
        self.tables = tables
        self.history = history
        self._store = store
        self.sink = sink
        self._given = extensions
        self._dry = dry
        self._stored = stored
        self.memory = resident_mb if memory is None else memory

    @property
    def id(self) -> str:
        """The name of the tenant."""
        return self.settings.id

    def open(self, job: Job, fire: float, zone: ZoneInfo) -> LiveSession:
        """Open a session for the run of a job that was due at `fire`, in epoch seconds."""
        return LiveSession(self, job, fire, zone)

    @cached_property
    def secrets(self) -> LiveSecrets | DrySecrets:
        """The secrets of all sources."""
        found = LiveSecrets.from_settings(self.settings, self.environment, self._stored)
        return found if self._dry is None else DrySecrets(found, self._show)

    @cached_property
    def http(self) -> LiveHttp | DryHttp:
        """What sends requests."""
        found = LiveHttp(self.settings.http, self.transport)
        return found if self._dry is None else DryHttp(found, self._show)

    @cached_property
    def files(self) -> LiveFiles | S3Files | DryFiles:
        """The object storage; raises SettingsError if the settings name none. fsspec or obstore loads here."""
        found = self.open_files()
        return found if self._dry is None else DryFiles(found, self._show)

    def open_files(self) -> LiveFiles | S3Files:
        """Open the storage itself, also where a run is dry."""
        if (self.settings.files or "").startswith("s3://"):
            from sbh_jobkit.live.s3 import S3Files

            return S3Files.from_settings(self.settings, self.environment)
        return LiveFiles.from_settings(self.settings, self._signer)

    @cached_property
    def database(self) -> LiveDatabase:
        """The database; raises SettingsError if the settings name none. SQLAlchemy loads here."""
        from sbh_jobkit.live.db import LiveDatabase

        return LiveDatabase.from_settings(self.settings)

    @cached_property
    def llm(self) -> LiveLlm | NoLlm:
        """The language model."""
        if (settings := self.settings.llm) is None:
            return NoLlm()
        return LiveLlm(settings, self.secrets, self.transport, lambda text: self.redactor().text(text))

    @cached_property
    def events(self) -> LiveEvents | DryEvents:
        """Where events go."""
        if self._dry is not None:
            return DryEvents(self._show)
        settings, store, transport = self.settings.events, self._store, self.transport
        return LiveEvents(settings, self.id, self.secrets, store=store, transport=transport)

    @cached_property
    def extensions(self) -> Extensions[LiveService]:
        """What extensions offer for this tenant."""
        asked = (manager(self._given), None, FAULTS)
        if self._dry is not None:
            return DryExtensions(*asked, tenant_id=self.id, show=self._show)
        return Extensions(*asked, tenant_id=self.id)

    def redactor(self) -> Redactor:
        """Return the redactor of every secret that was read or set, and of what opens the database and the files."""
        return Redactor({**self._passwords, **self.secrets.seen})

    def remember(self, secrets: Mapping[str, str]) -> None:
        """Keep secrets out of what is kept of runs, names by values, also where no source has them any more."""
        for value, name in secrets.items():
            self.secrets.remember(name, value)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("http", "database", "llm", "events"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                opened.close()

    def _show(self, write: Write) -> None:
        """Show what a dry run did not do, without the values of secrets."""
        if self._dry is not None:
            self._dry(write.redacted(self.redactor().text))

    @cached_property
    def _passwords(self) -> dict[str, str]:
        from urllib.parse import unquote, urlsplit

        found = {}
        if (password := urlsplit(self.settings.db or "").password) is not None:
            found[unquote(password)] = "password of db"
        if (self.settings.files or "").startswith("s3://"):
            found |= {self.environment[name]: name for name in SECRET_VARIABLES if self.environment.get(name)}
        return {value: name for value, name in found.items() if value}


class LiveServices:
    """The services of a tenant, for one run."""

    __slots__ = ("_began", "_tenant", "_zone")

    def __init__(self, tenant: LiveTenant, zone: ZoneInfo) -> None:
        """Read naive times in `zone`; memory counts from now on."""
        self._tenant = tenant
        self._zone = zone
        self._began = tenant.memory()

    @property
    def secrets(self) -> LiveSecrets | DrySecrets:
        """The secrets."""
        return self._tenant.secrets

    @property
    def http(self) -> LiveHttp | DryHttp:
        """What sends requests."""
        return self._tenant.http

    @property
    def files(self) -> LiveFiles | S3Files | DryFiles:
        """The object storage."""
        return self._tenant.files

    @property
    def db(self) -> LiveRows:
        """The tables."""
        from sbh_jobkit.live.db import LiveRows

        return LiveRows(lambda: self._tenant.database, self._zone, self._tenant.tables)

    @property
    def llm(self) -> LiveLlm | NoLlm:
        """The language model."""
        return self._tenant.llm

    @property
    def hints(self) -> SettingsHints:
        """Where to set what is missing."""
        return SettingsHints(self._tenant.settings.secrets)

    @property
    def extensions(self) -> Extensions[Any]:
        """What extensions offer."""
        return self._tenant.extensions

    def memory_is_near(self) -> bool:
        """Whether the run has used 90 % of its limit, or more."""
        return self._tenant.memory() - self._began >= _NEAR * self._tenant.settings.limits.memory_mb


class LiveSession:
    """One run in a real tenant."""

    def __init__(self, tenant: LiveTenant, job: Job, fire: float, zone: ZoneInfo) -> None:
        """Make the context of the run."""
        self._tenant = tenant
        self._job = job
        self._fire = fire
        self._redactor: tuple[int, Redactor] | None = None
        tenant.secrets.read_all()
        self.recorder: Recorder = LiveRecorder(self.redactor, job.root, tenant.sink, tenant.events.publish)
        self.context: Any = PluginContext(
            tenant.id,
            tenant.user_id,
            tenant.role,
            services=LiveServices(tenant, zone),
            recorder=self.recorder,
            zone=zone,
            permissions=job.manifest.permissions,
        )
        limits = tenant.settings.limits
        self.limits = Limits(seconds=limits.seconds, memory_mb=limits.memory_mb, measured=True)
        self.rules: Rules | None = None
        self.before: WorldSnapshot | None = None
        self.after: WorldSnapshot | None = None
        self.expected: str | None = None

    @property
    def injected(self) -> tuple[str, ...]:
        """Nothing: what goes wrong here is real."""
        return ()

    def __enter__(self) -> Self:
        """Begin."""
        kept.begin(self.context)
        return self

    def __exit__(self, *_: object) -> None:
        """End; services stay open for later runs, and the context is used no more."""
        kept.end(self.context)

    def redactor(self) -> Redactor:
        """Return the redactor of the tenant's secrets, also of those that the run has read or set."""
        known = len(self._tenant.secrets.seen)
        if self._redactor is None or self._redactor[0] != known:
            self._redactor = known, self._tenant.redactor()
        return self._redactor[1]

    def finish(self, outcome: Outcome, started_at: datetime, why: str | None) -> None:
        """Write the history, and deliver the run's events."""
        if self._tenant.history is not None:
            self._tenant.history(self._job, self._fire, outcome, started_at, why)
        self._tenant.events.deliver()


class LiveRecorder(Recorder):
    """Publishes each event as it is recorded."""

    __slots__ = ("_publish",)

    def __init__(
        self,
        redactor: Callable[[], Redactor],
        root: Path | None,
        sink: Callable[[Entry], object] | None,
        publish: Callable[[Event], object],
    ) -> None:
        """Start empty."""
        super().__init__(redactor, root, sink=sink)
        self._publish = publish

    def event(self, type_: str, payload: Any, text: str, at: datetime) -> Event:
        """Record an event, and publish it as it is kept, without the values of secrets."""
        event = super().event(type_, payload, text, at)
        self._publish(event)
        return event


def resident_mb() -> float:
    """Return how much memory this process holds."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # not Linux: the most that it ever held, in kilobytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / _MB


if TYPE_CHECKING:
    _a_tenant: type[Tenant] = LiveTenant
    _a_session: type[Session] = LiveSession
    _services: type[Services] = LiveServices
