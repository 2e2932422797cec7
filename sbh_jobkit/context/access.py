"""What a service of an extension may use of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit import clock
from sbh_jobkit.errors import ExtensionError, did_you_mean
from sbh_jobkit.plugin.manifest import PERMISSIONS
from sbh_jobkit.run.kinds import FAULTS

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit import ports
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.extensions.registry import Extensions
    from sbh_jobkit.run.recorder import Recorder


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RunAccess:
    """One run, as the service of that name sees it; its mistakes are faults of the run, which no job can hide."""

    zone: ZoneInfo
    _name: str
    _extensions: Extensions[Any]
    _recorder: Recorder
    _gate: Gate

    def now(self) -> datetime:
        """Return what time it is to the job, with its offset."""
        return clock.now(self.zone)

    def require(self, member: str, permission: str) -> None:
        """Raise PermissionDenied, and record a fault, unless the manifest lists the permission."""
        if permission not in PERMISSIONS:
            hint = did_you_mean(permission, PERMISSIONS) or f"; use one of {', '.join(sorted(PERMISSIONS))}"
            self._fail(member, f"asks for the unknown permission {permission!r}{hint}")
        self._gate.require(f"{self._name}.{member}", permission)

    def need(self, member: str, permission: str) -> None:
        """Old name of `require`."""
        self.require(member, permission)

    def fault(self, kind: str, member: str, message: str, advice: str | None = None) -> None:
        """Record that something went wrong, whether or not the job notices."""
        if kind not in FAULTS and kind not in self._extensions.fault_kinds:
            own = ", ".join(self._extensions.kinds_of(self._extensions.owner(self._name)))
            self._fail(member, f"reports a fault {kind!r}, and sbh_fault_kinds declares {own or 'none'}")
        self._recorder.fault(kind, f"ctx.{self._name}.{member}", message, advice)

    def shown(self, member: str, what: str, text: str) -> str:
        """Return a text with names in place of secrets' values, each of which is a fault."""
        return self._recorder.shown(f"ctx.{self._name}.{member}", what, text)

    def opened(self) -> Any:
        """Return what `ctx.<name>` is for the run."""
        try:
            return self._extensions.open(self._name, self)
        except ExtensionError as error:
            self._record(f"ctx.{self._name}", f"{error}")
            raise

    def _fail(self, member: str, wrong: str) -> NoReturn:
        called = f"ctx.{self._name}.{member}"
        message = f"extension {self._extensions.owner(self._name)}: {called} {wrong}"
        self._record(called, message)
        raise ExtensionError(message)

    def _record(self, member: str, message: str) -> None:
        if not any(fault.message == message for fault in self._recorder.faults):
            self._recorder.fault("extension-failed", member, message)


if TYPE_CHECKING:
    _fulfils: type[ports.Access] = RunAccess
