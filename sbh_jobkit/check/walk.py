"""Go through syntax trees; what was gone through once is kept, because many rules read the same trees."""

from __future__ import annotations

import ast
from functools import lru_cache

_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_TREES, _FUNCTIONS = 64, 4096


@lru_cache(maxsize=_TREES)
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return every node of a module's tree."""
    return tuple(ast.walk(tree))


@lru_cache(maxsize=_FUNCTIONS)
def inside(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return the nodes in a statement, without those of functions and classes that are defined there."""
    found: list[ast.AST] = []
    waiting = [*ast.iter_child_nodes(node)][::-1]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, _OWN_SCOPE):
            found.append(each)
            waiting += [*ast.iter_child_nodes(each)][::-1]
    return tuple(found)


def forget() -> None:
    """Let go of the trees, once a check has ended."""
    nodes.cache_clear()
    inside.cache_clear()
