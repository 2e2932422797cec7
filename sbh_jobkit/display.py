"""Where values meet their pictures: a value asks here, the views answer, and neither room knows the other.

The root, which knows all rooms, says how to find a view. It imports this module at once, so this imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class View(Protocol):
        """What shows values of one type, such as a module of the views."""

        @property
        def text(self) -> Callable[[Any], str]:
            """Return what writes a value for terminals."""

        @property
        def html(self) -> Callable[[Any], str]:
            """Return what writes a value for notebooks, as HTML that loads nothing."""


_finders: list[Callable[[type], View]] = []


def find_views_by(find: Callable[[type], View]) -> None:
    """Say who knows the view of a type; it is asked when a value is shown."""
    _finders[:] = [find]


class Shown:
    """A value that notebooks show as HTML, and terminals as text."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return both, as IPython asks for them; what cannot be shown says so, and the cell goes on."""
        del include, exclude
        (find,) = _finders
        view = find(type(self))
        try:
            return {"text/plain": view.text(self), "text/html": str(view.html(self))}
        except Exception as error:  # noqa: BLE001  what someone made by hand may hold anything
            why = f"its contents raised {type(error).__name__} when they were to be shown"
            return {"text/plain": f"<{type(self).__name__}: {why}>"}
