"""Which view shows which value; each loads when its first value is shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit.display import View

_VIEWS = {
    "Comparison": "comparison",
    "Difference": "snapshot",
    "Findings": "findings",
    "Plugin": "plugin",
    "Preview": "preview",
    "Run": "run",
    "Schedule": "schedule",
    "Simulation": "simulation",
    "Snapshot": "snapshot",
    "Stress": "stress",
    "World": "snapshot",
}
"""The module that shows values of a type, by the type's name."""


def view_of(kind: type) -> View:
    """Return the module that shows values of a type."""
    module = next(_VIEWS[each.__name__] for each in kind.__mro__ if each.__name__ in _VIEWS)
    view: View = import_module(f"{__package__}.{module}")
    return view
