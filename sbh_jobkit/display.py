"""Where values meet their pictures: a value asks here, the views answer, and neither room knows the other.

The root, which knows all rooms, says how to load the views. It imports this module at once, so this imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_views: dict[type, Callable[[Any], str]] = {}
_waiting: list[Callable[[], object]] = []


def load_views_by(load: Callable[[], object]) -> None:
    """Say how to load the views; that happens when the first value is shown."""
    _waiting[:] = [load]


def show(kind: type, view: Callable[[Any], str]) -> None:
    """Show values of a type in notebooks by what a view makes of them: HTML that loads nothing."""
    _views[kind] = view


class Shown:
    """A value that notebooks show as HTML, and terminals as its text."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return both, as IPython asks for them."""
        del include, exclude
        while _waiting:
            _waiting.pop()()
        view = next(_views[kind] for kind in type(self).__mro__ if kind in _views)
        return {"text/plain": repr(self), "text/html": view(self)}
