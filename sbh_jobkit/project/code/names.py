"""Which names a statement gives its module and which it needs from it, by Python's own symbol table.

What a statement needs at once, when its line runs, is kept apart from what functions that it defines need later.
"""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = {"listcomp", "setcomp", "dictcomp", "genexpr"}
"""Scopes whose code runs with the line that they stand in, although Python calls them functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a statement of a module does with the module's names."""

    gives: frozenset[str]
    """Bound by it: assigned, defined or imported."""
    now: frozenset[str]
    """Read when the statement runs."""
    later: frozenset[str]
    """Read when functions that it defines are called."""
    changes: frozenset[str]
    """Bound before, and perhaps altered by it: `x += 1`, `x["k"] = 1`, `x.append(1)`, `@x.add` above a function."""

    @property
    def needs(self) -> frozenset[str]:
        """All that it reads or changes."""
        return self.now | self.later | self.changes


def names(text: str, node: ast.stmt) -> Names:
    """Return the names of a statement, of which both the text and the parsed node are given."""
    table = symtable.symtable(text, "cell", "exec")
    inlined = _inlined(node)
    own = [found for found in table.get_symbols() if found.get_name() not in inlined or not found.is_assigned()]
    gives = {symbol.get_name() for symbol in own if symbol.is_assigned() or symbol.is_imported()}
    gives |= {found.target.id for found in at_once(node) if isinstance(found, ast.NamedExpr)}
    now = {symbol.get_name() for symbol in own if symbol.is_referenced()}
    later: set[str] = set()
    for scope, deferred in _scopes(table, deferred=False):
        (later if deferred else now).update(_globals_of(scope, deferred=deferred))
    changes = set(_changed(node))
    return Names(
        gives=frozenset() if isinstance(node, ast.Delete) else frozenset(gives - changes),
        now=frozenset(now),
        later=frozenset(later),
        changes=frozenset(changes),
    )


def at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run with a statement's line: not the bodies of functions, but decorators and defaults."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [*found.decorator_list, found.args]
        elif isinstance(found, ast.Lambda):
            waiting.append(found.args)
        else:
            waiting += ast.iter_child_nodes(found)


def root(node: ast.AST) -> str | None:
    """Return `world` for `world.http.get("…").respond(503)`, and None for what begins with no name."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return None  # what a function returns, which is not the function
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _inlined(node: ast.stmt) -> set[str]:
    """Return names that only comprehensions bind: from Python 3.12 on they look like the module's."""
    stored = [found for found in at_once(node) if isinstance(found, ast.Name) and isinstance(found.ctx, ast.Store)]
    targets = [found.target for found in at_once(node) if isinstance(found, ast.comprehension)]
    inside = {found for target in targets for found in ast.walk(target)}
    return {found.id for found in stored if found in inside} - {found.id for found in stored if found not in inside}


def _changed(node: ast.stmt) -> Iterator[str]:
    for found in at_once(node):
        if isinstance(found, ast.AugAssign) and isinstance(found.target, ast.Name):
            yield found.target.id
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from filter(None, (root(above) for above in found.decorator_list if _is_method(above)))
        targets = isinstance(found, (ast.Attribute, ast.Subscript)) and isinstance(found.ctx, (ast.Store, ast.Del))
        calls = isinstance(found, ast.Expr) and isinstance(found.value, ast.Call)
        name = root(found if targets else found.value) if targets or calls else None  # type: ignore[attr-defined] # an Expr
        if name:
            yield name


def _is_method(decorator: ast.expr) -> bool:
    return isinstance(decorator.func if isinstance(decorator, ast.Call) else decorator, ast.Attribute)


def _scopes(table: symtable.SymbolTable, *, deferred: bool) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """Yield the scopes inside of another, and whether their code runs only when a function is called."""
    for scope in table.get_children():
        later = deferred or (scope.get_type() == "function" and scope.get_name() not in _AT_ONCE)
        yield scope, later
        yield from _scopes(scope, deferred=later)


def _globals_of(scope: symtable.SymbolTable, *, deferred: bool) -> Iterator[str]:
    for symbol in scope.get_symbols():
        wanted = symbol.is_referenced() or (deferred and symbol.is_declared_global())
        if symbol.is_global() and wanted:
            yield symbol.get_name()
