"""What rules look at: a plugin's files, what was seen while its values were followed, and what `ctx` offers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Seen, Trace
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.settings import Settings
    from sbh_jobkit.check.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A plugin, as rules see it."""

    source: Source
    trace: Trace
    settings: Settings

    def found(self, seen: Seen, rule: str, message: str, node: ast.expr | None = None, **more: Any) -> Finding:
        """Return a finding where something was seen."""
        return self.source.found(seen.file, seen.node if node is None else node, rule, message, **more)

    def found_in(self, value: Value, seen: Seen, rule: str, message: str, **more: Any) -> Finding:
        """Return a finding where a value is written out, or else where it was seen."""
        if value.node is None or not value.file:
            return self.found(seen, rule, message, **more)
        return self.source.found(value.file, value.node, rule, message, **more)  # type: ignore[arg-type] # an expression


@cache
def extension_services() -> frozenset[str]:
    """Return the names of the services of installed extensions; packages are searched when it is first asked."""
    from sbh_jobkit.extensions.manager import manager

    if manager() is None:
        return frozenset()
    from sbh_jobkit.fakes.world import World

    return frozenset(World().extensions.services)
