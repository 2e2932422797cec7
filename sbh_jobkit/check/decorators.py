"""The platform's decorators in a syntax tree: who has one, and what they say."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.walk import Function

DECORATORS = {"job", "route", "hook", "llm_filter", "generator_hook"}


def decorators(function: Function) -> Iterator[tuple[str, ast.Call]]:
    """Yield the name and the call of each of the platform's decorators of a function."""
    for found in function.decorator_list:
        called = found.func if isinstance(found, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        if isinstance(found, ast.Call) and name in DECORATORS:
            yield name, found


def jobs(function: Function) -> Iterator[tuple[str | None, str | None]]:
    """Yield name and schedule of each `@job` of a function; None for one that is not a plain string."""
    for name, call in decorators(function):
        if name == "job":
            yield text(argument(call, 0, "name")), text(argument(call, 1, "schedule"))


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return the argument of a call, given by position or by name."""
    if position < len(call.args):
        return call.args[position]
    return next((word.value for word in call.keywords if word.arg == name), None)


def text(node: ast.expr | None) -> str | None:
    """Return the text of a plain string, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
