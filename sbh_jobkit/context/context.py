"""What a job is called with, whichever tenant answers it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import clock
from sbh_jobkit.context.access import RunAccess
from sbh_jobkit.context.db import Database
from sbh_jobkit.context.files import Files
from sbh_jobkit.context.gate import Gate, OfOneRun
from sbh_jobkit.context.http import Http
from sbh_jobkit.context.llm import Llm
from sbh_jobkit.context.secrets import Secrets
from sbh_jobkit.errors import name_calls
from sbh_jobkit.plugin.members import unknown
from sbh_jobkit.run.outcome import through_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit import ports
    from sbh_jobkit.context.backends import Services
    from sbh_jobkit.run.recorder import Recorder

_ADVICE = "emit text, numbers, lists and dicts; write times with .isoformat()"


class PluginContext(OfOneRun):
    """The `ctx` of a job: fake and live contexts are instances of it.

    A unit test writes `PluginContext("acme")`, and gets the working context of an empty fake tenant.
    """

    if not TYPE_CHECKING:  # type checkers go by __init__

        def __new__(cls, *_: object, **given: object) -> Self:
            """Make a FakeContext for a unit test, which has no services to give."""
            if cls is PluginContext and "services" not in given:
                import sbh_jobkit  # only the root knows the fakes, which are a chapter above this one

                return object.__new__(sbh_jobkit.FakeContext)
            return object.__new__(cls)

    def __init__(
        self,
        tenant_id: str,
        user_id: str | None = None,
        role: str | None = None,
        *,
        services: Services,
        recorder: Recorder,
        zone: ZoneInfo,
        permissions: frozenset[str] | None = None,
        observe: Callable[[str], None] | None = None,
        request: Any = None,
    ) -> None:
        """Answer by a tenant's services, and record what the job does and what goes wrong.

        Naive times are in `zone`; `permissions` allow everything where they are None; `observe` is called with the
        name of each member before it answers; `request` is the HTTP request that a route serves.
        """
        self.tenant_id = tenant_id
        self.user_id = user_id
        self.role = role
        self.request = request
        self._services = services
        self._recorder = recorder
        self._zone = zone
        self._gate = Gate(recorder, permissions, observe)
        self._accesses: dict[str, RunAccess] = {}

    def __repr__(self) -> str:
        """Name the tenant."""
        return f"<PluginContext of tenant {self.tenant_id!r}>"

    # Members are made when the job first uses them: most jobs use few, and a fake's httpx loads with `http`.

    @cached_property
    def secrets(self) -> Secrets:
        """The tenant's secrets."""
        return Secrets(self._services.secrets, self._recorder, self._gate, self._services.hints)

    @cached_property
    def http(self) -> Http:
        """Outbound HTTP."""
        return Http(self._services.http, self._recorder, self._gate, self._zone)

    @cached_property
    def llm(self) -> Llm:
        """The language model."""
        return Llm(self._services.llm, self._recorder, self._gate, self._zone)

    @cached_property
    def files(self) -> Files:
        """The object storage."""
        return Files(self._services.files, self._recorder, self._gate, self._zone)

    @cached_property
    def db(self) -> Database:
        """The tables."""
        return Database(self._services.db, self._recorder, self._gate, self._services.hints)

    def emit(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Publish an event; a payload that is not JSON is a fault, and is not published."""
        self._gate("emit", "emit_webhook")
        _publish(self._recorder, event_type, payload, clock.now(self._zone))

    def check_memory_usage(self) -> bool:
        """Return False when the memory limit is near or passed."""
        self._gate("check_memory_usage")
        return not self._services.memory_is_near()

    def _extension(self, name: str) -> Any:
        """Open an extension's service when it is first used; any other name is unknown."""
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # Python tells what is missing, or the property that raised
        extensions = self._services.extensions
        if name not in extensions.services:
            raise AttributeError(unknown("ctx", name, extensions.services))
        self._accesses[name] = access = RunAccess(self._zone, name, extensions, self._recorder, self._gate)
        opened = access.opened()
        setattr(self, name, opened)
        return opened

    if not TYPE_CHECKING:  # type checkers know the contract's names, and so find those that are misspelt
        __getattr__ = _extension

    def __dir__(self) -> list[str]:
        """List also what extensions offer."""
        return [*super().__dir__(), *self._services.extensions.services]


name_calls(PluginContext, "ctx")


def _publish(recorder: Recorder, event_type: Any, payload: Any, at: datetime) -> None:
    if not isinstance(event_type, str) or not event_type:
        message = f"an event's type must be text that is not empty, got {event_type!r}"
        recorder.fault("payload-not-json", "ctx.emit", message)
        return
    sent, text, why = through_json(payload)
    if why is not None:
        recorder.fault("payload-not-json", "ctx.emit", f"payload of {event_type!r}: {why}", _ADVICE)
        return
    recorder.event(event_type, sent, text, at)


if TYPE_CHECKING:
    _fulfils: type[ports.Context] = PluginContext
