"""Find which names a statement binds and which it reads, with Python's own symbol table.

Names that the statement reads when its line runs are separate from those that its functions read when they are called.
"""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = {"listcomp", "setcomp", "dictcomp", "genexpr"}
"""Scopes whose code runs with their line, although Python treats them as functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a statement of a module uses the module's names."""

    binds: frozenset[str]
    """Assigned, defined or imported by the statement."""
    reads_now: frozenset[str]
    """Read when the statement runs."""
    reads_later: frozenset[str]
    """Read when functions that the statement defines are called."""
    changes: frozenset[str]
    """Bound earlier, and perhaps changed here: `x += 1`, `x["k"] = 1`, `x.append(1)`, `@x.add` above a function."""

    @property
    def needs(self) -> frozenset[str]:
        """All names that it reads or changes."""
        return self.reads_now | self.reads_later | self.changes


def names(text: str, node: ast.stmt) -> Names:
    """Return the names of a statement, given as text and as a syntax tree."""
    table = symtable.symtable(text, "cell", "exec")
    inlined = _inlined(node)
    own = [found for found in table.get_symbols() if found.get_name() not in inlined or not found.is_assigned()]
    binds = {symbol.get_name() for symbol in own if symbol.is_assigned() or symbol.is_imported()}
    binds |= {found.target.id for found in immediate_nodes(node) if isinstance(found, ast.NamedExpr)}
    now = {symbol.get_name() for symbol in own if symbol.is_referenced()}
    later: set[str] = set()
    for scope, deferred in _scopes(table, deferred=False):
        (later if deferred else now).update(_globals_of(scope, deferred=deferred))
    changes = set(_changed(node))
    return Names(
        binds=frozenset() if isinstance(node, ast.Delete) else frozenset(binds - changes),
        reads_now=frozenset(now),
        reads_later=frozenset(later),
        changes=frozenset(changes),
    )


def immediate_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run with a statement's line: decorators and defaults, but not the bodies of functions."""
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
    """Return `world` for `world.http.get("…").respond(503)`, and None if the expression does not begin with a name."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return None  # the result of a function call is not the function
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _inlined(node: ast.stmt) -> set[str]:
    """Return the names that only comprehensions bind; since Python 3.12 they are in the module's symbol table."""
    nodes = [*immediate_nodes(node)]
    stored = [found for found in nodes if isinstance(found, ast.Name) and isinstance(found.ctx, ast.Store)]
    targets = [found.target for found in nodes if isinstance(found, ast.comprehension)]
    inside = {found for target in targets for found in ast.walk(target)}
    return {found.id for found in stored if found in inside} - {found.id for found in stored if found not in inside}


def _changed(node: ast.stmt) -> Iterator[str]:
    for found in immediate_nodes(node):
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
    """Yield the scopes inside another one, and whether their code runs only when a function is called."""
    for scope in table.get_children():
        later = deferred or (scope.get_type() == "function" and scope.get_name() not in _AT_ONCE)
        yield scope, later
        yield from _scopes(scope, deferred=later)


def _globals_of(scope: symtable.SymbolTable, *, deferred: bool) -> Iterator[str]:
    for symbol in scope.get_symbols():
        wanted = symbol.is_referenced() or (deferred and symbol.is_declared_global())
        if symbol.is_global() and wanted:
            yield symbol.get_name()
