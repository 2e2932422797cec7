"""Makes objects of frozen dataclasses fast, where a simulation makes one for every run."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def maker(kind: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that makes objects of a frozen dataclass with slots, as its class does; all by keyword.

    The class itself sets each field by a call, since it is frozen. Here the fields are set while the object is of a
    class with the same slots that is not frozen; then it gets its own.
    """
    frozen: Any = kind
    body = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    names: dict[str, Any] = {"new": object.__new__, "opened": type(frozen.__name__, (frozen,), body), "frozen": frozen}
    taken, lines = [], ["self = new(opened)"]
    for each in fields(frozen):
        names[f"default_{each.name}"] = each.default
        if each.init:
            taken.append(each.name if each.default is MISSING else f"{each.name}=default_{each.name}")
        lines.append(f"self.{each.name} = {each.name if each.init else f'default_{each.name}'}")
    if hasattr(frozen, "__post_init__"):
        lines.append("self.__post_init__()")
    lines += ["self.__class__ = frozen", "return self"]
    code = "\n    ".join([f"def make(*, {', '.join(taken)}):", *lines])
    exec(code, names)  # noqa: S102  as dataclasses does: a call with these very names makes no dict of them
    made: Callable[_P, _T] = names["make"]
    return made
