"""How a value finds the view that shows it: values are defined in lower chapters, views in `report`.

The root of the package knows both and says how to find a view. It imports this module at once, so this imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class View(Protocol):
        """What shows values of one type: a module of `report.notebook`."""

        @property
        def text(self) -> Callable[[Any], str]:
            """Return the function that writes a value for terminals."""

        @property
        def html(self) -> Callable[[Any], str]:
            """Return the function that writes a value for notebooks, as HTML that loads nothing."""


_finders: list[Callable[[type], View]] = []


def find_views_by(find: Callable[[type], View]) -> None:
    """Set the function that returns the view of a type; it is called when a value is shown."""
    _finders[:] = [find]


class Shown:
    """A value that notebooks show as HTML, and terminals as text."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return text and HTML, as IPython asks for them; a value that cannot be shown does not break the cell."""
        del include, exclude
        (find,) = _finders
        view = find(type(self))
        try:
            return {"text/plain": view.text(self), "text/html": str(view.html(self))}
        except Exception as error:  # noqa: BLE001  a value that a user made may hold anything
            why = f"cannot be shown: its contents raised {type(error).__name__}"
            return {"text/plain": f"<{type(self).__name__}: {why}>"}
