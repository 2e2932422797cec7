"""Small changes of Python code, one at a time: each should make a test fail.

Annotations, docstrings and `strict=` of zip are left alone: changing them changes nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_OPERATOR: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OTHER_NAME = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
    "partition": "rpartition",
    "rpartition": "partition",
    "startswith": "endswith",
    "endswith": "startswith",
    "IGNORECASE": "NOFLAG",
    "ASCII": "NOFLAG",
}
_UNTELLING = (ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.Starred, ast.UnaryOp)
"""Too small to show alone where they are changed."""
_OF_TEXTS = {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "removesuffix", "removeprefix", "replace"}


class Mutant(NamedTuple):
    """A changed piece of a module; while it is at hand, the tree that it was made from has the change."""

    name: str
    """The function, the piece as it was, and as it is: stable where lines move."""
    line: int


class _Place(NamedTuple):
    """Where a node is held, so that another can take its place."""

    parent: ast.AST
    field: str
    index: int | None
    around: ast.AST
    """The expression or statement to show."""
    function: str

    def put(self, node: object) -> None:
        """Put a node here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Change the tree in place, one change after another; each is undone before the next."""
    seen: Counter[str] = Counter()
    for node, place in list(_places(tree, "module", tree)):
        for changed in _changes(node, place):
            before = ast.unparse(place.around)
            place.put(changed)
            after = ast.unparse(place.around) if place.around is not node else ast.unparse(changed)
            name = f"{place.function}: {_short(before)} → {_short(after)}"
            seen[name] += 1
            yield Mutant(f"{name} #{seen[name]}" if seen[name] > 1 else name, getattr(place.around, "lineno", 0))
            place.put(node)


def _short(code: str) -> str:
    return " ".join(code.split())


def _places(node: ast.AST, function: str, around: ast.AST) -> Iterator[tuple[ast.AST, _Place]]:
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "type_params"}:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_untouched(node, child):
                continue
            shown = _shown(node, child, around)
            yield child, _Place(node, field, index, shown, function)
            yield from _places(child, _named(function, child), shown)


def _shown(node: ast.AST, child: ast.AST, around: ast.AST) -> ast.AST:
    """Return what to show of a change of the child: an expression or a short statement around it."""
    if isinstance(child, ast.stmt) or isinstance(node, ast.match_case):
        return child
    if isinstance(node, ast.stmt) and isinstance(child, ast.expr):
        return node if isinstance(child, _UNTELLING) and not hasattr(node, "body") else child
    return node if isinstance(node, (ast.expr, ast.arguments)) and not isinstance(node, _UNTELLING) else around


def _named(function: str, node: ast.AST) -> str:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name if function == "module" else f"{function}.{node.name}"
    return function


def _is_untouched(parent: ast.AST, child: ast.AST) -> bool:
    docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
    typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
    strict = isinstance(child, ast.keyword) and child.arg == "strict"
    slots = isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__slots__"
    decorator = isinstance(parent, (ast.FunctionDef, ast.ClassDef)) and child in parent.decorator_list
    imports = isinstance(child, (ast.Import, ast.ImportFrom))
    return docstring or typing or strict or slots or decorator or imports


def _changes(node: ast.AST, place: _Place) -> Iterator[ast.AST]:
    yield from _other_value(node)
    yield from _other_condition(node, place)
    yield from _other_statement(node)
    match node:
        case ast.operator() | ast.cmpop() if type(node) in _OTHER_OPERATOR:
            yield _OTHER_OPERATOR[type(node)]()
        case ast.BoolOp():
            yield from _without_one(node)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()) if not isinstance(node.operand, ast.Constant):
            yield node.operand
        case ast.Name(id=name) if name in _OTHER_NAME:
            yield ast.Name(_OTHER_NAME[name], ast.Load())
        case ast.Attribute(attr=name) if name in _OTHER_NAME:
            yield ast.Attribute(node.value, _OTHER_NAME[name], ast.Load())
        case ast.Call(func=ast.Attribute(attr=name)) if name in _OF_TEXTS:
            yield node.func.value  # type: ignore[attr-defined]


def _other_value(node: ast.AST) -> Iterator[ast.Constant]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}¬")


def _without_one(node: ast.BoolOp) -> Iterator[ast.expr]:
    for left_out in range(len(node.values)):
        rest = [value for index, value in enumerate(node.values) if index != left_out]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _other_condition(node: ast.AST, place: _Place) -> Iterator[ast.AST]:
    """Turn a condition round, unless a part of it is changed anyway."""
    condition = place.field in {"test", "ifs"} and isinstance(node, ast.expr)
    if condition and not isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
        yield ast.UnaryOp(ast.Not(), node)
    if condition and isinstance(node, ast.Compare) and type(node.ops[0]) in {ast.Lt, ast.LtE, ast.Gt, ast.GtE}:
        yield ast.UnaryOp(ast.Not(), node)
    if place.field == "ifs":
        yield ast.Constant(value=True)


def _other_statement(node: ast.AST) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            yield ast.Pass()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
