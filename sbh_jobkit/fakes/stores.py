"""The stores of a fake tenant: an author fills them through a world, a job reads them through its context."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.links import Signer
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.fakes.filestore import FileStore
from sbh_jobkit.fakes.llm import LlmScript
from sbh_jobkit.fakes.memory import Memory
from sbh_jobkit.fakes.persistent_list import PersistentList
from sbh_jobkit.fakes.plugin_jobs import TABLE, JobTable
from sbh_jobkit.fakes.random import SeededRandom
from sbh_jobkit.fakes.secrets import SecretStore
from sbh_jobkit.fakes.tables import Tables
from sbh_jobkit.run.kinds import known_kinds
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.run import Event, HttpCall, LlmCall
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.http.routes import HttpRoutes
    from sbh_jobkit.ports import Service
    from sbh_jobkit.run.recorder import Entry

_STORAGE = "https://files.example"
"""Where presigned URLs lead: `ctx.http` answers them there."""


class Stores:
    """The services of one tenant, empty at first."""

    def __init__(self, tenant_id: str, user_id: str | None = None, role: str | None = None) -> None:
        """Start with empty stores."""
        self.tenant_id = tenant_id
        self.user_id = user_id
        self.role = role
        self.permissions: frozenset[str] | None = None
        """The permissions of all jobs; None means those of their manifests."""
        self.allowed: frozenset[str] = frozenset()
        """Kinds of faults that do not fail a run."""
        self.secrets = SecretStore()
        self.files = FileStore(lambda: self.zone)
        self.db = Tables(lambda: self.zone, lambda: self.folder, lambda: self.not_begun)
        self.llm = LlmScript()
        self.memory = Memory()
        self.jobs = JobTable()
        self.signer = Signer(base=_STORAGE, secret=b"presigned", tenant=tenant_id)
        """Signs presigned URLs; its key is fixed, so that the same link is signed in every simulation."""
        self.events: PersistentList[Event] = PersistentList()
        """The events that jobs emitted, oldest first."""
        self.random = SeededRandom()
        """Random numbers that are the same in every simulation with the same seed."""
        self._http: HttpRoutes | None = None
        self._zone: ZoneInfo | None = None
        self._redactor: Redactor | None = None
        self._extensions: Extensions[Service] | None = None
        self.db.compute(TABLE, self.jobs.rows, because="the kit fills it from the plugin's jobs and their runs")

    def _extension_service(self, name: str) -> Any:
        """Return an extension's service; raises AttributeError for any other name."""
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # raises Python's own AttributeError
        services = self.extensions.services
        if name not in services:
            msg = f"world has no {name!r}{did_you_mean(name, [known for known in dir(self) if known[0] != '_'])}"
            raise AttributeError(msg)
        return services[name]

    if not TYPE_CHECKING:  # hidden from type checkers, so that they report misspelled names
        __getattr__ = _extension_service

    def __dir__(self) -> list[str]:
        """Include the services of extensions."""
        return [*super().__dir__(), *self.extensions.services]

    @property
    def extensions(self) -> Extensions[Service]:
        """The installed extensions; they are searched for when this is first used."""
        if self._extensions is None:
            self._extensions = Extensions(manager(), self, known_kinds())
        return self._extensions

    @property
    def zone(self) -> ZoneInfo:
        """The zone in force."""
        return self._zone or times.zone("UTC")

    @property
    def not_begun(self) -> str:
        """The end of an error's sentence, where something is missing because nothing has set it up yet."""
        return ""

    @property
    def folder(self) -> Path:
        """The folder of relative paths: the current directory."""
        return Path()

    @property
    def http(self) -> HttpRoutes:
        """The routes of the internet (respx); httpx and respx are imported when it is first used."""
        if self._http is None:
            from sbh_jobkit.fakes.http.routes import HttpRoutes

            self._http = HttpRoutes(lambda: self.random)
        return self._http

    @property
    def unused_routes(self) -> tuple[str, ...]:
        """The routes that no request has asked, such as `GET https://api.example.com/users`."""
        return self._http.unused if self._http is not None else ()

    def recorder(self, root: Path | None = None) -> Recorder:
        """Return a recorder for one run of a plugin in the folder `root`.

        Events, requests and prompts are also added to the logs of this tenant.
        """
        return Recorder(self.redactor, root, self.allowed, self._log, self.secrets.own)

    def _log(self, entry: Entry) -> None:
        if isinstance(entry, Event):
            self.events.append(entry)
        elif isinstance(entry, HttpCall):
            self.http.log.append(entry)
        elif isinstance(entry, LlmCall):
            self.llm.calls.append(entry)

    def redactor(self) -> Redactor:
        """Return a redactor for the values of all secrets that this tenant ever had."""
        known = self._redactor
        if known is None or len(known.given) != len(self.secrets.ever):
            known = self._redactor = Redactor(self.secrets.ever)
        return known

    def forget(self) -> None:
        """Clear the logs of past runs, so that memory does not grow in a long simulation; the state stays."""
        self.events.clear()
        self.llm.calls.clear()
        if self._http is not None:
            self._http.forget()
