"""Whether the exported modules define what the notebook has.

The cells' text says what is exported, the notebook's values say what ran. They differ where a cell was edited or has
failed while nobody was watching, or where a value was computed and would be computed again.
"""

from __future__ import annotations

import ast
import dis
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.project.code.names import immediate_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sbh_jobkit.project.code.cells import Statement

_SCALARS = (bool, int, float, complex, str, bytes)
_IMPORTS = (ast.Import, ast.ImportFrom)
_WITHOUT_EFFECT = {"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL", "RESUME"}


def disagreements(
    code: Iterable[Statement], values: Mapping[str, Any], exported: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Return problems and notes: what of `exported`, the names of `main.py`, is another than in the notebook."""
    problems: list[str] = []
    notes: list[str] = []
    if not exported:  # no function that knows its module
        return problems, notes
    last = {name: each for each in code if not isinstance(each.node, _IMPORTS) for name in each.names.binds}
    changing = {name for each in code for name in (*each.names.changes, *_globals(each.node))}
    for name, statement in last.items():
        if name in changing or name not in values or _is_same(values[name], exported.get(name)):
            continue
        if any(isinstance(node, ast.Call) for node in immediate_nodes(statement.node)) and not _is_code(values[name]):
            notes.append(
                f"cell {statement.cell}: {name!r} is computed when main.py is imported, and is then not what it is in "
                "the notebook; write the value in the cell if it matters"
            )
        else:
            problems.append(
                f"cell {statement.cell}: {name!r} of the notebook is not what this cell defines; run the cell again"
            )
    return problems, notes


def _globals(node: ast.AST) -> Iterable[str]:
    return [name for found in ast.walk(node) if isinstance(found, ast.Global) for name in found.names]


def _is_code(value: Any) -> bool:
    return isinstance(value, (FunctionType, type))


def _is_same(mine: Any, other: Any) -> bool:
    """Whether two values are equal, as far as that can be said; True for what changes in runs or has no equality."""
    if isinstance(mine, FunctionType) and isinstance(other, FunctionType):
        mine, other = inspect.unwrap(mine), inspect.unwrap(other)
    if isinstance(mine, FunctionType) and isinstance(other, FunctionType):
        return _is_same_code(mine.__code__, other.__code__) and _defaults(mine) == _defaults(other)
    if isinstance(mine, type) and isinstance(other, type):
        methods = {name: value for name, value in vars(mine).items() if isinstance(value, FunctionType)}
        return all(name in vars(other) and _is_same(value, vars(other)[name]) for name, value in methods.items())
    if isinstance(mine, tuple) and isinstance(other, tuple):
        return len(mine) == len(other) and all(map(_is_same, mine, other))
    if type(mine) in _SCALARS or mine is None:
        return type(mine) is type(other) and bool(mine == other or mine != mine)  # noqa: PLR0124  NaN
    return True


def _is_same_code(mine: CodeType, other: CodeType) -> bool:
    parts = ("co_names", "co_varnames", "co_freevars", "co_argcount", "co_kwonlyargcount")
    if any(getattr(mine, part) != getattr(other, part) for part in parts) or _steps(mine) != _steps(other):
        return False
    return len(mine.co_consts) == len(other.co_consts) and all(map(_is_same_constant, mine.co_consts, other.co_consts))


def _steps(code: CodeType) -> list[str]:
    """Return the instructions; a call of a method is compiled in two ways, by what else is in its module or cell."""
    found = (each.opname.replace("LOAD_METHOD", "LOAD_ATTR") for each in dis.get_instructions(code))
    return [name for name in found if name not in _WITHOUT_EFFECT]


def _is_same_constant(mine: Any, other: Any) -> bool:
    if isinstance(mine, CodeType) and isinstance(other, CodeType):
        return _is_same_code(mine, other)
    return type(mine) is type(other) and (mine == other if isinstance(mine, frozenset) else repr(mine) == repr(other))


def _defaults(function: FunctionType) -> list[Any]:
    """Return the default values that cannot change."""
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [value for value in given if type(value) in _SCALARS or value is None]
