"""Rules for names: those that nothing defines, and imports of the SDK that nothing uses."""

from __future__ import annotations

import ast
import builtins
import symtable
from typing import TYPE_CHECKING

from sbh_jobkit.check.rules.modules import SDK, SDK_NAMES
from sbh_jobkit.check.walk import nodes
from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.source import Source

_GIVEN = {*dir(builtins), "__file__", "__name__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__"}
_DYNAMIC = {"globals", "exec", "eval", "vars", "setattr"}


def findings(source: Source) -> Iterator[Finding]:
    """Yield names that raise NameError when the line is reached, and names of the SDK that are not used."""
    for file, tree in source.modules.values():
        if file not in source.damaged:
            yield from _undefined(source, file, tree)
            yield from _unused(source, file, tree)


def _undefined(source: Source, file: str, tree: ast.Module) -> Iterator[Finding]:
    try:
        table = symtable.symtable("\n".join(source.texts.get(file, ())), file, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    used = {node.id for node in nodes(tree) if isinstance(node, ast.Name)}
    starred = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes(tree))
    if starred or used & _DYNAMIC or _expects_name_errors(tree):
        return
    defined = {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
    defined |= {each.get_name() for each in table.get_symbols() if each.is_namespace()} | _declared(tree)
    wanted = {*_globals(table)} - defined - _GIVEN - {*SDK_NAMES}
    if not wanted:
        return
    known = defined | {*_locals(table)}
    first: dict[str, ast.Name] = {}
    for node in _evaluated(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in wanted:
            first.setdefault(node.id, node)
    for name, node in first.items():
        message = f"nothing defines {name!r}{did_you_mean(name, known - {name})}"
        yield source.found(file, node, "undefined-name", message, advice=_advice(name))


def _advice(name: str) -> str:
    libraries = {"json": "import json", "time": "import time", "re": "import re", "math": "import math"}
    libraries |= {"datetime": "from datetime import datetime", "timedelta": "from datetime import timedelta"}
    return f"add `{libraries[name]}`" if name in libraries else ""


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that functions and classes read from the module, and those that the module itself reads."""
    top = table.get_type() == "module"
    for each in table.get_symbols():
        # symtable takes a function with the name `top` for the module, whose local names are global, too
        if each.is_referenced() and (top or (each.is_global() and not each.is_local())):
            yield each.get_name()
    for child in table.get_children():
        yield from _globals(child)


def _locals(table: symtable.SymbolTable) -> Iterator[str]:
    for child in table.get_children():
        yield from (each.get_name() for each in child.get_symbols() if each.is_local())
        yield from _locals(child)


def _declared(tree: ast.Module) -> set[str]:
    return {name for node in nodes(tree) if isinstance(node, ast.Global) for name in node.names}


def _expects_name_errors(tree: ast.Module) -> bool:
    types = [node.type for node in nodes(tree) if isinstance(node, ast.ExceptHandler) and node.type is not None]
    return any(isinstance(each, ast.Name) and each.id == "NameError" for node in types for each in ast.walk(node))


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree without annotations, which the import shows if they are evaluated."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_comment"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _evaluated(child)


def _unused(source: Source, file: str, tree: ast.Module) -> Iterator[Finding]:
    names = {node.id for node in nodes(tree) if isinstance(node, ast.Name)}
    texts = "\n".join(
        node.value for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for node in tree.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) and node.module == SDK else ():
            name = alias.asname or alias.name
            if name not in names and name != "*" and name not in texts:
                message = f"{name!r} is imported from the SDK, and nothing uses it"
                yield source.found(file, alias, "sdk-unused", message, level="note", advice="remove it")
