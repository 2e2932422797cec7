"""What a job is called with: the contract's `ctx`, answered by a fake tenant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock
from sbh_jobkit.errors import PermissionDenied, did_you_mean
from sbh_jobkit.fakes.access import FakeAccess
from sbh_jobkit.fakes.db import FakeDatabase
from sbh_jobkit.fakes.files import FakeFiles
from sbh_jobkit.fakes.llm import FakeLlm
from sbh_jobkit.fakes.secrets import FakeSecrets
from sbh_jobkit.fakes.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit import ports
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.http.http import FakeHttp
    from sbh_jobkit.run.recorder import Recorder

_NOT_FINITE = "JSON has no word for NaN or Infinity"


class FakeContext:
    """A `PluginContext` that works anywhere; built directly, it belongs to an empty tenant of that name."""

    def __init__(
        self,
        tenant_id: str,
        user_id: str | None = None,
        role: str | None = None,
        *,
        tenant: Tenant | None = None,
        journal: Recorder | None = None,
        permissions: frozenset[str] | None = None,
        zone: ZoneInfo | None = None,
        request: Any = None,
        trouble: FaultInjector | None = None,
    ) -> None:
        """Serve a tenant; what the job does and what goes wrong is written into the journal.

        `trouble` is what a fault plan does to the run.
        """
        if tenant is None:
            tenant = Tenant(tenant_id, user_id, role)
        self.tenant_id = tenant_id
        self.user_id = user_id
        self.role = role
        self.request = request
        self._tenant = tenant
        self._journal = journal if journal is not None else tenant.journal()
        self._permissions = permissions
        self._zone = zone if zone is not None else tenant.zone
        self._trouble = trouble
        self._gate = self._need if trouble is None else trouble.before(self._need)
        self.secrets = FakeSecrets(tenant.secrets, self._journal, trouble)
        self.files = FakeFiles(tenant.files, self._journal, self._gate, self._zone, trouble)
        self.db = FakeDatabase(tenant.db, self._journal, self._gate, trouble)
        self.llm = FakeLlm(tenant.llm, self._journal, self._gate, self._zone, trouble)
        self._http: FakeHttp | None = None

    def __repr__(self) -> str:
        """Name the tenant."""
        return f"<PluginContext of tenant {self.tenant_id!r}>"

    def _added(self, name: str) -> Any:
        """Open an extension's service when it is first used; any other name is unknown."""
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # Python tells what is missing, or the property that raised
        if name not in self._tenant.extensions.services:
            msg = f"ctx has no {name!r}{did_you_mean(name, [known for known in dir(self) if known[0] != '_'])}"
            raise AttributeError(msg)
        opened = FakeAccess(self._zone, name, self._tenant.extensions, self._journal, self._need).opened()
        setattr(self, name, opened)
        return opened

    if not TYPE_CHECKING:  # type checkers know the contract's names, and so find those that are misspelt
        __getattr__ = _added

    def __dir__(self) -> list[str]:
        """List also what extensions offer."""
        return [*super().__dir__(), *self._tenant.extensions.services]

    @property
    def http(self) -> FakeHttp:
        """Outbound HTTP; httpx and respx load when it is first used."""
        if self._http is None:
            from sbh_jobkit.fakes.http.http import FakeHttp

            self._http = FakeHttp(self._tenant.http, self._journal, self._gate, self._zone, self._trouble)
        return self._http

    def emit(self, event_type: str, payload: Mapping[str, Any] | None = None) -> None:
        """Publish an event; a payload that is not JSON is a fault, and is not published."""
        self._gate("emit", "emit_webhook")
        if not isinstance(event_type, str) or not event_type:
            message = f"an event's type must be text that is not empty, got {event_type!r}"
            self._journal.fault("payload-not-json", "ctx.emit", message)
            return
        try:
            written = json.dumps(payload, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            advice = "emit text, numbers, lists and dicts; write times with .isoformat()"
            why = _NOT_FINITE if isinstance(error, ValueError) and "float" in str(error) else str(error)
            self._journal.fault("payload-not-json", "ctx.emit", f"payload of {event_type!r}: {why}", advice)
            return
        self._tenant.events.append(self._journal.event(event_type, written, clock.now(self._zone)))

    def check_memory_usage(self) -> bool:
        """Return False when the memory limit is near or passed."""
        if self._trouble is not None:
            self._trouble.call("check_memory_usage")
        return not self._tenant.memory.is_near

    def _need(self, member: str, permission: str) -> None:
        if self._permissions is None or permission in self._permissions:
            return
        message = f"ctx.{member} needs the permission {permission!r}, which plugin.json does not list"
        advice = f'add "{permission}" to "permissions" in plugin.json'
        self._journal.fault("permission-denied", f"ctx.{member}", message, advice)
        raise PermissionDenied(message)


if TYPE_CHECKING:
    _fulfils: type[ports.Context] = FakeContext
