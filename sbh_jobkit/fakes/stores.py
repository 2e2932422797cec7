"""The stores of a fake tenant: filled by its author through a world, and read by a job through its context."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from sbh_jobkit.run.recorder import Recorder, known_kinds
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.run import Event, HttpCall, LlmCall
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.http.routes import HttpRoutes
    from sbh_jobkit.ports import Service
    from sbh_jobkit.run.recorder import Entry


class Stores:
    """The services of one tenant, empty at first."""

    def __init__(self, tenant_id: str, user_id: str | None = None, role: str | None = None) -> None:
        """Start empty."""
        self.tenant_id = tenant_id
        self.user_id = user_id
        self.role = role
        self.permissions: frozenset[str] | None = None
        """What jobs may do, over their manifests; None leaves it to those."""
        self.allowed: frozenset[str] = frozenset()
        """Kinds of fault that do not fail a run."""
        self.secrets = SecretStore()
        self.files = FileStore(lambda: self.zone)
        self.db = Tables(lambda: self.zone, lambda: self.folder)
        self.llm = LlmScript()
        self.memory = Memory()
        self.jobs = JobTable()
        self.events: PersistentList[Event] = PersistentList()
        """What jobs emitted, oldest first."""
        self.random = SeededRandom()
        """SeededRandom that is the same in every simulation with the same seed."""
        self._http: HttpRoutes | None = None
        self._zone: ZoneInfo | None = None
        self._redactor: Redactor | None = None
        self._extensions: Extensions[Service] | None = None
        self.db.compute(TABLE, self.jobs.rows, because="its rows follow the plugin's jobs and their runs")

    def _added(self, name: str) -> Any:
        """Return what an extension offers; any other name is unknown."""
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # Python tells what is missing, or the property that raised
        services = self.extensions.services
        if name not in services:
            msg = f"world has no {name!r}{did_you_mean(name, [known for known in dir(self) if known[0] != '_'])}"
            raise AttributeError(msg)
        return services[name]

    if not TYPE_CHECKING:  # type checkers know the kit's own names, and so find those that are misspelt
        __getattr__ = _added

    def __dir__(self) -> list[str]:
        """List also what extensions offer."""
        return [*super().__dir__(), *self.extensions.services]

    @property
    def extensions(self) -> Extensions[Service]:
        """What third parties add; installed packages are looked through when it is first used."""
        if self._extensions is None:
            self._extensions = Extensions(manager(), self, known_kinds())
        return self._extensions

    @property
    def zone(self) -> ZoneInfo:
        """The zone in force."""
        return self._zone or times.zone("UTC")

    @property
    def folder(self) -> Path:
        """Where relative paths begin: where the process stands."""
        return Path()

    @property
    def http(self) -> HttpRoutes:
        """The internet: respx routes. httpx and respx load when it is first used."""
        if self._http is None:
            from sbh_jobkit.fakes.http.routes import HttpRoutes

            self._http = HttpRoutes(lambda: self.random)
        return self._http

    def recorder(self, root: Path | None = None) -> Recorder:
        """Return an empty record for one run of a plugin in that folder; events and calls are kept here, too."""
        return Recorder(self.redactor, root, self.allowed, self._keep)

    def _keep(self, entry: Entry) -> None:
        if isinstance(entry, HttpCall):
            self.http.log.append(entry)
        elif isinstance(entry, Event):
            self.events.append(entry)
        elif isinstance(entry, LlmCall):
            self.llm.calls.append(entry)

    def redactor(self) -> Redactor:
        """Return what keeps the values of all secrets that this tenant ever had out of sight."""
        if self._redactor is None or len(self._redactor) != len(self.secrets.ever):
            self._redactor = Redactor(self.secrets.ever)
        return self._redactor

    def forget(self) -> None:
        """Drop what was recorded of past runs, so that a long simulation does not grow; the state stays."""
        for recorded in (self.events, self.llm.calls):
            if recorded:
                recorded.clear()
        if self._http is not None:
            self._http.forget()
