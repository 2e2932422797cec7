"""What a file can hold: values that its text makes again anywhere, and code that needs nothing around it."""

from __future__ import annotations

import ast
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


_PLAIN = frozenset(
    {
        *("abc", "builtins", "calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions"),
        *("functools", "hashlib", "ipaddress", "itertools", "logging", "operator", "pathlib", "random", "re", "string"),
        *("struct", "types", "typing", "urllib", "uuid", "weakref", "zoneinfo"),
    }
)
"""Modules whose objects are as good as new in another process."""
_ENVIRONMENT = {"environ", "getenv", "getpass"}
_BUILTINS = {"open", "input"}
_LOOKED_AT = 1000
_DEEPEST = 4


def live(value: Any, home: str | None, depth: int = 0) -> str | None:
    """Name the kind of a value that a file cannot hold, or of one inside of it; `home` is the notebook's module."""
    if isinstance(value, (type, FunctionType, ModuleType)):
        return None
    kind = type(value)
    if kind.__module__ != home and kind.__module__.partition(".")[0].lstrip("_") not in _PLAIN:
        return f"a {kind.__name__}"
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, (list, tuple, set, frozenset)):
        inside = list(value)
    else:
        return None
    if depth == _DEEPEST:
        return None
    return next((found for item in inside[:_LOOKED_AT] if (found := live(item, home, depth + 1))), None)


def outside(nodes: Iterable[ast.AST]) -> str | None:
    """Name what code takes from its surroundings: a file, the environment, a person."""
    return next((ast.unparse(node) for node in nodes if _asks(node)), None)


def environment(nodes: Iterable[ast.AST]) -> str | None:
    """Name what code takes from the environment."""
    return next((ast.unparse(node) for node in nodes if _name(node) in _ENVIRONMENT), None)


def _asks(node: ast.AST) -> bool:
    name = _name(node)
    if isinstance(node, ast.Attribute) and node.attr.startswith("read_"):
        return not (isinstance(node.value, ast.Attribute) and node.value.attr == "files")  # those of a World
    return name in _ENVIRONMENT or (isinstance(node, ast.Name) and name in _BUILTINS)


def _name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def beside(node: ast.Import | ast.ImportFrom) -> str | None:
    """Name the file of an imported module that stands in the notebook's folder, and is not installed."""
    module = (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in {"src", "sbh_jobkit"}:
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module that was made by hand
        return None
    if spec is None or spec.origin is None:
        return None
    origin, here = Path(spec.origin), Path.cwd()
    if not origin.is_relative_to(here) or "site-packages" in origin.parts:
        return None
    return origin.relative_to(here).as_posix()
