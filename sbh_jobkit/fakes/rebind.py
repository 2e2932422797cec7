"""Functions of one world for a copy of it: what a function has captured of the first world is the copy there."""

from __future__ import annotations

from functools import partial
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_DEEPEST = 3
"""A function may capture a function that captures the world, and so on."""


def rebind(value: Any, worlds: Collection[object], copy: object, depth: int = 0) -> Any:
    """Return a function, or what else is in `value`, with the copy in place of any of the worlds that it captures.

    Global variables stay: a module is not copied.
    """
    if any(value is world for world in worlds):
        return copy
    if depth > _DEEPEST:
        return value
    if isinstance(value, partial):
        again = partial(
            rebind(value.func, worlds, copy, depth + 1),
            *(rebind(each, worlds, copy, depth + 1) for each in value.args),
            **{name: rebind(each, worlds, copy, depth + 1) for name, each in value.keywords.items()},
        )
        return again if _differs(value, again) else value
    return _function(value, worlds, copy, depth) if isinstance(value, FunctionType) else value


def _differs(one: partial[Any], two: partial[Any]) -> bool:
    before, after = ((each.func, *each.args, *each.keywords.values()) for each in (one, two))
    return any(left is not right for left, right in zip(before, after, strict=True))


def _function(function: FunctionType, worlds: Collection[object], copy: object, depth: int) -> FunctionType:
    cells = function.__closure__ or ()
    again = tuple(_cell(cell, worlds, copy, depth) for cell in cells)
    defaults = tuple(rebind(each, worlds, copy, depth + 1) for each in function.__defaults__ or ())
    same = all(left is right for left, right in zip(cells, again, strict=True))
    if same and all(left is right for left, right in zip(function.__defaults__ or (), defaults, strict=True)):
        return function
    made = FunctionType(function.__code__, function.__globals__, function.__name__, defaults or None, again or None)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__dict__.update(function.__dict__)
    return made


def _cell(cell: CellType, worlds: Collection[object], copy: object, depth: int) -> CellType:
    """Return the same cell, whose variable other functions may change, unless it holds one of the worlds."""
    try:
        content = cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return cell
    again = rebind(content, worlds, copy, depth + 1)
    return cell if again is content else CellType(again)
