"""Go through syntax trees; what was gone through once is kept, because many rules read the same trees."""

from __future__ import annotations

import ast
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = (ast.If, ast.Try, ast.TryStar, ast.ExceptHandler, ast.With, ast.For, ast.While, ast.Match, ast.match_case)
"""The statements in which a module can define functions."""
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_TREES, _FUNCTIONS = 64, 4096


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below one, as `ast.iter_child_nodes` does, which is slower."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


@lru_cache(maxsize=_TREES)
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return every node of a module's tree, from the top down as `ast.walk` does."""
    found = [tree]
    for node in found:  # it grows meanwhile
        found += children(node)
    return tuple(found)


@lru_cache(maxsize=_TREES)
def functions(tree: ast.AST) -> tuple[Function, ...]:
    """Return every function in a syntax tree, nested ones and methods among them."""
    return tuple(node for node in nodes(tree) if isinstance(node, Function))


def outer_functions(tree: ast.Module) -> set[Function]:
    """Return the functions that are in no other function and in no class."""
    found: set[Function] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        for each in children(waiting.pop()):
            if isinstance(each, Function):
                found.add(each)
            elif isinstance(each, _BLOCKS):
                waiting.append(each)
    return found


@lru_cache(maxsize=_FUNCTIONS)
def inside(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return the nodes in a statement, without those of functions and classes that are defined there."""
    found: list[ast.AST] = []
    waiting = children(node)[::-1]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, _OWN_SCOPE):
            found.append(each)
            waiting += children(each)[::-1]
    return tuple(found)


def forget() -> None:
    """Let go of the trees, once a check has ended."""
    nodes.cache_clear()
    functions.cache_clear()
    inside.cache_clear()
