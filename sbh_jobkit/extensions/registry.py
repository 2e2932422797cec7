"""What extensions do for one tenant: services, kinds of fault, setting a world up, and looking at its runs.

A mistake in an extension is seldom its user's, so every error here names the extension.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sbh_jobkit.errors import ExtensionError, PermissionDenied
from sbh_jobkit.extensions.manager import answers, call, raised
from sbh_jobkit.ports import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pluggy import PluginManager

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.ports import Access, LiveService
    from sbh_jobkit.run.run import Run

_KIND = re.compile(r"[a-z]+(-[a-z]+)*")
_OF_A_WORLD = ("open", "snapshot", "restore")
_S = TypeVar("_S", bound="LiveService")


class Extensions(Generic[_S]):
    """The extensions of one world, or of one real tenant."""

    __slots__ = ("_asked", "_kinds", "_kits", "_methods", "_services", "_world", "manager")

    def __init__(
        self, manager: PluginManager | None, world: Any, kinds: Collection[str], *, tenant_id: str | None = None
    ) -> None:
        """Ask for kinds of fault beside the kit's own `kinds`; services are asked for when one is needed.

        Services are those for a fake tenant's world, or with a `tenant_id` the live ones, for the tenant of that name.
        """
        self.manager = manager
        """The manager, to give another world the same extensions."""
        self._world = world
        live = tenant_id is not None
        self._asked = ("sbh_live_services", {"tenant_id": tenant_id}) if live else ("sbh_services", {"world": world})
        self._methods = ("open",) if live else _OF_A_WORLD
        self._kits = kinds
        self._kinds: dict[str, tuple[str, str]] = {}
        self._services: dict[str, tuple[str, _S]] | None = None
        for owner, answer in answers(manager, "sbh_fault_kinds"):
            for kind, meaning in answer.items():
                self._declare(owner, kind, meaning)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.manager is not None

    def __repr__(self) -> str:
        """Name them."""
        names = [name for name, _ in self.manager.list_name_plugin()] if self.manager is not None else []
        return f"<extensions: {', '.join(names) or 'none'}>"

    @property
    def fault_kinds(self) -> Mapping[str, str]:
        """The kinds of fault that extensions declare, and their meaning."""
        return {kind: meaning for kind, (_, meaning) in self._kinds.items()}

    @property
    def services(self) -> Mapping[str, _S]:
        """The services that extensions add, by name."""
        offered = self._offered()
        return {name: service for name, (_, service) in offered.items()} if offered else {}

    def open(self, name: str, access: Access) -> Any:
        """Return what `ctx.<name>` is for one run."""
        owner, service = self._offered()[name]
        try:
            opened = service.open(access)
        except (ExtensionError, PermissionDenied):
            raise
        except (Exception, SystemExit) as error:
            msg = f"extension {owner}: open of {name!r}{raised(error, service.open)}"
            raise ExtensionError(msg) from error
        if opened is None:
            msg = f"extension {owner}: open of {name!r} must return what ctx.{name} is, got None"
            raise ExtensionError(msg)
        return opened

    def owner(self, name: str) -> str:
        """Return the name of the extension that offers a service."""
        return self._offered()[name][0]

    def kinds_of(self, owner: str) -> list[str]:
        """Return the kinds of fault that an extension declares."""
        return [kind for kind, (declared_by, _) in self._kinds.items() if declared_by == owner]

    def configure(self, plugin: Plugin | None) -> None:
        """Let each extension set up the world, which has all services by now."""
        if self.manager is not None:
            self._offered()
            call(self.manager.hook.sbh_configure_world, world=self._world, plugin=plugin)

    def notify(self, run: Run) -> Run:
        """Show an ended run to each extension, and return it."""
        if self.manager is not None:
            call(self.manager.hook.sbh_run, run=run)
        return run

    def _declare(self, owner: str, kind: Any, meaning: Any) -> None:
        wrong = None
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            wrong = "is not a kind of fault; write it like 'email-invalid'"
        elif kind in self._kits:
            wrong = "is a kind of the kit itself; give yours another name"
        elif kind in self._kinds:
            wrong = f"is declared by extension {self._kinds[kind][0]}, too; a world can have only one of them"
        elif not isinstance(meaning, str) or not meaning:
            wrong = f"needs a text with its meaning, got {meaning!r}"
        if wrong is not None:
            msg = f"extension {owner}: sbh_fault_kinds: {kind!r} {wrong}"
            raise ExtensionError(msg)
        self._kinds[kind] = (owner, meaning)

    def _offered(self) -> dict[str, tuple[str, _S]]:
        if self._services is None:
            self._services = {}  # an extension may look at the services while it is asked
            found = None
            try:
                found = self._found()
            finally:
                self._services = found
        return self._services

    def _found(self) -> dict[str, tuple[str, _S]]:
        found: dict[str, tuple[str, _S]] = {}
        hook, given = self._asked
        for owner, answer in answers(self.manager, hook, **given):
            for name, service in answer.items():
                wrong = None
                if not isinstance(name, str) or not name.isidentifier() or name[0] == "_" or iskeyword(name):
                    wrong = "cannot be written after `ctx.`; use a name such as 'email'"
                elif name in MEMBERS or self._has(name):
                    wrong = "is a name that world or ctx has already; give yours another"
                elif name in found:
                    wrong = f"is offered by extension {found[name][0]}, too; a world can have only one of them"
                elif not _has_methods(service, self._methods):
                    wrong = f"must be an object with the methods {', '.join(self._methods)}, got {_kind(service)}"
                if wrong is not None:
                    msg = f"extension {owner}: {hook}: {name!r} {wrong}"
                    raise ExtensionError(msg)
                found[name] = (owner, service)
        return found

    def _has(self, name: str) -> bool:
        return self._world is not None and (name in vars(self._world) or hasattr(type(self._world), name))


def _has_methods(value: Any, methods: Collection[str]) -> bool:
    return not isinstance(value, type) and all(callable(getattr(value, method, None)) for method in methods)


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"
