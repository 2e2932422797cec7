"""The `ctx` of `target="host"`: it answers as today's host does.

Where the answer differs from the guide's, the run also gets a fault; its kind is the id of the divergence (D1, D2, …)
in `divergences.json`.
"""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.llm import Llm
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.files import FakeFiles
from sbh_jobkit.fakes.host.db import HostDatabase
from sbh_jobkit.fakes.host.files import HostFiles
from sbh_jobkit.fakes.host.secrets import HostSecrets
from sbh_jobkit.fakes.services import FakeRows

if TYPE_CHECKING:
    from sbh_jobkit.context.http import Http


class HostLlm(Llm):
    """The tenant's language model."""

    __slots__ = ()

    def run(
        self, prompt: str, model: str | None = None, temperature: float = 0.7, max_tokens: int = 1000
    ) -> dict[str, Any]:
        """Return `{text, usage, model}`, where `usage` has attributes (D40)."""
        answer = super().run(prompt, model, temperature, max_tokens)
        if answer["usage"] is None:
            return answer
        message = "today's host returns usage as an object: usage.total_tokens works, and usage['total_tokens'] fails"
        self._recorder.divergence("D40", "ctx.llm.run", message)
        return {**answer, "usage": SimpleNamespace(**answer["usage"])}


class HostContext(FakeContext):
    """A `PluginContext` that answers as today's host does."""

    @cached_property
    def secrets(self) -> HostSecrets:
        """The tenant's secrets, which a job can neither read nor change."""
        return HostSecrets(self._services.secrets, self._recorder, self._gate, self._services.hints)

    @cached_property
    def files(self) -> HostFiles:
        """The object storage."""
        store = self._stores.files
        services = FakeFiles(store, self._stores.signer, self._injector)
        return HostFiles(store, services, self._recorder, self._gate, self._zone, tenant=self.tenant_id)

    @cached_property
    def db(self) -> HostDatabase:
        """The tables."""
        tables, unread = self._stores.db, self._stores.recorder()
        rows = FakeRows(tables, self._injector)
        return HostDatabase(tables, rows, self._recorder, self._gate, self._services.hints, unread=unread)

    @cached_property
    def llm(self) -> HostLlm:
        """The language model."""
        return HostLlm(self._services.llm, self._recorder, self._gate, self._zone)

    @cached_property
    def http(self) -> Http:
        """Outbound HTTP, to five hosts only."""
        from sbh_jobkit.fakes.host.http import HostHttp

        return HostHttp(self._services.http, self._recorder, self._gate, self._zone)

    @property
    def check_memory_usage(self) -> Any:
        """Raise AttributeError (D2)."""
        message = "today's host has no ctx.check_memory_usage: it raises AttributeError"
        self._recorder.divergence("D2", "ctx.check_memory_usage", message)
        msg = "ctx has no 'check_memory_usage'"
        raise AttributeError(msg)


HostContext.__name__ = FakeContext.__name__  # Python's errors name the class that authors know
