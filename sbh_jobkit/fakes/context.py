"""The context of a fake tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.context import PluginContext
from sbh_jobkit.context.gate import WORLD
from sbh_jobkit.fakes.services import FakeServices
from sbh_jobkit.fakes.stores import Stores

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.run.recorder import Recorder


class FakeContext(PluginContext):
    """The `ctx` of a fake tenant: `FakeContext("acme")` belongs to a new, empty one."""

    def __init__(
        self,
        tenant_id: str,
        user_id: str | None = None,
        role: str | None = None,
        *,
        stores: Stores | None = None,
        recorder: Recorder | None = None,
        permissions: frozenset[str] | None = None,
        zone: ZoneInfo | None = None,
        request: Any = None,
        injector: FaultInjector | None = None,
    ) -> None:
        """Use a tenant's stores, or new empty ones; `injector` applies a fault plan to the run."""
        self._injector = injector
        self._stores = stores if stores is not None else Stores(tenant_id, user_id, role)
        used = recorder if recorder is not None else self._stores.recorder()
        PluginContext.__init__(  # not by super(), which would be looked up for every run
            self,
            tenant_id,
            user_id,
            role,
            services=FakeServices(self._stores, used, injector),
            recorder=used,
            zone=zone if zone is not None else self._stores.zone,
            permissions=permissions,
            observe=None if injector is None else injector.on_call,
            request=request,
        )
        if self._stores.permissions is not None:
            self._gate.granted_by = WORLD


FakeContext.__name__ = PluginContext.__name__  # Python's errors name the class that authors know
