"""Which view shows which value; each loads when its first value is shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit.display import View

_VIEWS = ("Difference", "Plugin", "Preview", "Run", "Schedule", "Simulation", "Snapshot", "World")
"""Types of the kit; each has a view of its name."""


def view_of(kind: type) -> View:
    """Return the module that shows values of a type."""
    name = next(each.__name__ for each in kind.__mro__ if each.__name__ in _VIEWS)
    view: View = import_module(f"{__package__}.{name.lower()}")
    return view
