"""Loops in a syntax tree: what changes in them, and what brings them to an end."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.walk import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANGES = {"append", "add", "extend", "pop", "popleft", "remove", "clear", "update", "discard", "insert", "popitem"}
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def changed(loop: ast.AST) -> set[str]:
    """Return the names that a loop gives values, or whose values it changes by a method."""
    found = set()
    for node in inside(loop):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(node.id)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found |= names(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            found |= names(node.func.value)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            found |= names(node)
    return found


def names(node: ast.AST | None) -> set[str]:
    """Return the names that an expression reads."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} if node is not None else set()


def exits(loop: ast.While) -> Iterator[list[ast.expr]]:
    """Yield for each way out of a loop the tests that it depends on; raising is a way, too."""
    if not (isinstance(loop.test, ast.Constant) and loop.test.value):
        yield [loop.test]
    yield from _exits(loop.body, [], nested=False)


def _exits(body: list[ast.stmt], tests: list[ast.expr], *, nested: bool) -> Iterator[list[ast.expr]]:
    for statement in body:
        if isinstance(statement, (ast.Return, ast.Raise)) or (isinstance(statement, ast.Break) and not nested):
            yield tests
        elif isinstance(statement, ast.If):
            yield from _exits(statement.body, [*tests, statement.test], nested=nested)
            yield from _exits(statement.orelse, [*tests, statement.test], nested=nested)
        elif isinstance(statement, _LOOPS):
            each = [statement.iter] if isinstance(statement, (ast.For, ast.AsyncFor)) else [statement.test]
            yield from _exits(statement.body, [*tests, *each], nested=True)
            yield from _exits(statement.orelse, tests, nested=nested)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _exits(statement.body, tests, nested=nested)
        elif isinstance(statement, (ast.Try, ast.TryStar)):
            for part in (
                statement.body,
                statement.orelse,
                statement.finalbody,
                *(each.body for each in statement.handlers),
            ):
                yield from _exits(part, tests, nested=nested)
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                yield from _exits(case.body, [*tests, statement.subject], nested=nested)


def counts(loop: ast.AST) -> set[str]:
    """Return the names that a loop counts up or down, by itself and not by an answer."""
    found = set()
    for node in inside(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            found |= targets & names(node.value)
    return found
