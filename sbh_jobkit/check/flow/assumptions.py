"""What a test tells about values, on the way where it is true and on the way where it is false."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.check.flow.frames import Frame
    from sbh_jobkit.check.flow.values import Function, Value


_ASKING = {"bool", "len"}
"""Builtins that are true only for something that is not None."""


class Assumptions(Machine):
    """Draws conclusions from tests; the classes below it evaluate."""

    modules: dict[str, Frame]

    def evaluate(self, node: ast.expr | None) -> Value:
        """Return what is known of the value of an expression."""
        raise NotImplementedError

    def read(self, node: ast.expr | None) -> Value:
        """Evaluate an expression whose value is used, and not only kept."""
        raise NotImplementedError

    def attribute_of(self, node: ast.expr, owner: Value, name: str, *, probed: bool = False) -> Value:
        """Return what is known of an attribute."""
        raise NotImplementedError

    def run_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
        """Follow the body of a function in the current frame; return whether its end is reached."""
        raise NotImplementedError

    def call_function(
        self, node: ast.AST, function: Function, given: Sequence[Value], named: Mapping[str, Value]
    ) -> Value:
        """Follow a call of one of the plugin's functions, and return what it returns."""
        raise NotImplementedError

    def assume(self, node: ast.expr, *, truth: bool) -> None:
        """Note what holds where a test is true, or false."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.assume(node.operand, truth=not truth)
        elif isinstance(node, ast.BoolOp):
            for operand in node.values if truth == isinstance(node.op, ast.And) else ():
                self.assume(operand, truth=truth)
        elif isinstance(node, ast.Compare):
            self._assume_comparison(node, truth=truth)
        elif isinstance(node, ast.NamedExpr):
            self.assume(node.target, truth=truth)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance" and node.args:
            self._some(node.args[0], "asked")
            if truth:
                self._some(node.args[0])
        elif truth:
            asks = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASKING
            self._some(node.args[0] if isinstance(node, ast.Call) and asks and node.args else node)

    def _assume_comparison(self, node: ast.Compare, *, truth: bool) -> None:
        if len(node.ops) != 1:
            return
        operator, left, right = node.ops[0], node.left, node.comparators[0]
        if _is_none(left):
            left, right = right, left
        if isinstance(operator, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) and _is_none(right):
            if truth == isinstance(operator, (ast.IsNot, ast.NotEq)):
                self._some(left)
        elif truth and isinstance(operator, (ast.Eq, ast.Is, ast.Gt, ast.GtE, ast.In)):
            self._some(left)
            self._some(right)

    def _some(self, node: ast.expr, fact: str = "some") -> None:
        """Note that a value is not None, or that its type was asked for."""
        if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute, ast.Call, ast.NamedExpr)):
            with self.silent():
                value = self.evaluate(node.target if isinstance(node, ast.NamedExpr) else node)
            if value.origin is not None:
                self.know(fact, value.origin, value.key)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
