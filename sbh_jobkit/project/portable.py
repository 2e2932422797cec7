"""Decide what can be written to a file: values that code can create again, and code that needs only the file."""

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
"""Modules whose objects work the same in another process."""
_ENVIRONMENT = {"environ", "getenv", "getpass"}
_BUILTINS = {"open", "input"}
_MAX_ITEMS = 1000
_MAX_DEPTH = 4


def live_object(value: Any, home: str | None, depth: int = 0) -> str | None:
    """Return the type of a value, or of one inside it, that a file cannot hold; `home` is the notebook's module."""
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
    if depth == _MAX_DEPTH:
        return None
    return next((found for item in inside[:_MAX_ITEMS] if (found := live_object(item, home, depth + 1))), None)


def outside_source(nodes: Iterable[ast.AST]) -> str | None:
    """Return the expression with which code reads a file, the environment or input, or None."""
    return next((ast.unparse(node) for node in nodes if _reads_outside(node)), None)


def environment_source(nodes: Iterable[ast.AST]) -> str | None:
    """Return the expression with which code reads the environment, or None."""
    return next((ast.unparse(node) for node in nodes if _name(node) in _ENVIRONMENT), None)


def _reads_outside(node: ast.AST) -> bool:
    name = _name(node)
    if isinstance(node, ast.Attribute) and node.attr.startswith("read_"):
        return not (isinstance(node.value, ast.Attribute) and node.value.attr == "files")  # the files of a World
    return name in _ENVIRONMENT or (isinstance(node, ast.Name) and name in _BUILTINS)


def _name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def local_module(node: ast.Import | ast.ImportFrom) -> str | None:
    """Return the file of an imported module that is in the notebook's folder and not installed, or None."""
    module = (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in {"src", "sbh_jobkit"}:
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module without a spec
        return None
    if spec is None or spec.origin is None:
        return None
    origin, here = Path(spec.origin), Path.cwd()
    if not origin.is_relative_to(here) or "site-packages" in origin.parts:
        return None
    return origin.relative_to(here).as_posix()
