"""What each member of a context begins with: a permission check, in the run that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self

from sbh_jobkit.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.run.recorder import Recorder


class OfOneRun:
    """What belongs to one run, and is not copied: a copy would outlive it."""

    __slots__ = ()

    def __copy__(self) -> Self:
        """Return the same object."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return the same object."""
        return self


MANIFEST = "plugin.json does", '"permissions" in plugin.json'
WORLD = "the permissions of the world do", "world.permissions, or to the test's marker sbh_permissions"
"""Who grants permissions, and where to add one."""


class Gate:
    """Called by every member before it does anything."""

    __slots__ = ("_permissions", "_recorder", "granted_by", "observe", "shut")

    def __init__(
        self,
        recorder: Recorder,
        permissions: frozenset[str] | None = None,
        observe: Callable[[str], None] | None = None,
    ) -> None:
        """Allow these permissions, or everything where they are None; `observe` is called with each member first."""
        self._recorder = recorder
        self._permissions = permissions
        self.granted_by = MANIFEST
        self.observe = observe
        self.shut: Callable[[str], NoReturn] | None = None
        """What refuses a member when the run has ended."""

    def __call__(self, member: str, permission: str | None = None) -> None:
        """Let the call of a member such as `files.list` pass; raises PermissionDenied, which is also a fault."""
        if self.shut is not None:
            self.shut(member)
        if self.observe is not None:
            self.observe(member)
        if permission is not None:
            self.require(member, permission)

    def require(self, member: str, permission: str) -> None:
        """Raise PermissionDenied, and record the fault, unless the permission is granted."""
        if self._permissions is None or permission in self._permissions:
            return
        granter, where = self.granted_by
        message = f"ctx.{member} needs the permission {permission!r}, which {granter} not list"
        advice = f'add "{permission}" to {where}'
        self._recorder.fault("permission-denied", f"ctx.{member}", message, advice)
        raise PermissionDenied(message)
