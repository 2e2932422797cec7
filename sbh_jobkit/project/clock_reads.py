"""Which statements that fill a notebook's world take a value from the clock, or draw one at random.

In the notebook that happened once, in the machine's time. In `world.py` it happens in virtual time, at the start of
each simulation. That is often what is meant ("three days ago"), but it is not what the notebook ran.
"""

from __future__ import annotations

import ast
import datetime as dt
import os
import random
import secrets
import time
import uuid
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.project.code.names import immediate_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sbh_jobkit.project.code.cells import Statement
    from sbh_jobkit.project.notebook import Notebook
    from sbh_jobkit.project.world import WorldParts

_CLASS_METHODS = {"now", "utcnow", "today"}
_TIME = {"asctime", "ctime", "gmtime", "localtime", "monotonic", "perf_counter", "strftime", "time", "time_ns"}
_RANDOM = {random.__name__, secrets.__name__, uuid.__name__}
_OWN_TIME = {"fromtimestamp", "UUID", "uuid3", "uuid5"}
"""Members of these modules that ask for nothing."""


def clock_notes(notebook: Notebook, world: WorldParts) -> Iterator[str]:
    """Yield a note for each statement that fills the world with a value of the moment."""
    for statement in world.filling:
        needed = notebook.with_dependencies([statement], without=world.local)
        source = next((found for each in needed if (found := _source(each, notebook.values))), None)
        if source is not None:
            text, what = source
            where = f"cell {statement.cell}: {world.named(statement)}"
            yield (
                f"{where} takes a value from {text}: in the notebook it is {what} when the cell ran, in world.py "
                f"{what} when a simulation begins; write the value, or fill the world in def setup(world)"
            )


def _source(statement: Statement, values: Any) -> tuple[str, str] | None:
    """Return the expression that asks for the moment, and what it gives."""
    nodes: Iterable[ast.AST] = immediate_nodes(statement.node)
    if isinstance(statement.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        nodes = ast.walk(statement.node)
    for node in nodes:
        what = _kind(_value(node.func, values)) if isinstance(node, ast.Call) else None
        if what is not None:
            return f"{ast.unparse(node.func)}()", what  # type: ignore[attr-defined] # a call
    return None


def _value(node: ast.expr, values: Any) -> Any:
    """Return what a dotted name stands for; only modules and classes are looked into."""
    if isinstance(node, ast.Name):
        return values.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    owner = _value(node.value, values)
    return getattr(owner, node.attr, None) if isinstance(owner, (ModuleType, type)) else None


def _kind(function: Any) -> str | None:
    name, owner = getattr(function, "__name__", None), getattr(function, "__self__", None)
    if isinstance(owner, type):
        return "the time" if issubclass(owner, dt.date) and name in _CLASS_METHODS else None
    if function is os.urandom or (name not in _OWN_TIME and _home(function, owner) in _RANDOM):
        return "what was drawn"
    return "the time" if _home(function, owner) == time.__name__ and name in _TIME else None


def _home(function: Any, owner: Any) -> str | None:
    """Return the module of a function; a module is the owner of its functions in C."""
    if isinstance(owner, ModuleType):
        return owner.__name__
    found = type(owner).__module__ if isinstance(owner, random.Random) else getattr(function, "__module__", None)
    return found if isinstance(found, str) else None
