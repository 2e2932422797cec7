"""Follow statements: which ways there are, and what is known on each."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.decorators import DECORATORS
from sbh_jobkit.check.flow.expressions import Expressions
from sbh_jobkit.check.flow.frames import Frame, merged
from sbh_jobkit.check.flow.trace import Dropped, Returned
from sbh_jobkit.check.flow.values import NONE, UNKNOWN, Function, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.check.flow.frames import State

_TRANSPARENT = {"cache", "lru_cache", "wraps", "staticmethod", *DECORATORS}
"""Decorators that leave a function callable as it is written."""
_PROPERTIES = {"property", "cached_property"}


class Statements(Expressions):
    """Follows statements."""

    def __init__(self) -> None:
        """Begin without a loop."""
        super().__init__()
        self._exits: list[tuple[list[State], list[State]]] = []
        """For each loop the states at its `break`, and at its `continue`."""

    def run(self, body: Sequence[ast.stmt]) -> bool:
        """Follow statements; return whether the end is reached."""
        for statement in body:
            self.step()
            known: Callable[[Any], bool | None] | None = getattr(self, f"_{type(statement).__name__}", None)
            if known is None:
                self._others(statement)
            elif known(statement) is False:
                return False
        return True

    def run_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
        """Follow the body of a function in the current frame; return whether its end is reached."""
        exits, self._exits = self._exits, []
        try:
            if isinstance(node, ast.Lambda):
                self.frame.returns.append((self.evaluate(node.body), self.facts))
                return False
            return self.run(node.body)
        finally:
            self._exits = exits

    def _others(self, statement: ast.stmt) -> None:
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                self.read(child)

    def _Expr(self, node: ast.Expr) -> None:
        value = self.evaluate(node.value)
        if not self.quiet:
            self.trace.dropped.append(Dropped(file=self.frame.file, node=node.value, entry=self.entry, value=value))

    def _Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.bind(target, value)
            if isinstance(target, ast.Name) and target.id == "_":
                self.look(value)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.evaluate(node.value))

    def _AugAssign(self, node: ast.AugAssign) -> None:
        whole = ast.copy_location(ast.BinOp(left=_loaded(node.target), op=node.op, right=node.value), node)
        value = self.evaluate(whole)
        if isinstance(node.target, (ast.Name, ast.Attribute)):
            self.bind(node.target, value)

    def _Return(self, node: ast.Return) -> bool:
        value = self.evaluate(node.value) if node.value is not None else NONE
        self.frame.returns.append((value, self.facts))
        if self.frame.entry and not self.quiet:
            self.look(value)
            at = node.value if node.value is not None else ast.copy_location(ast.Constant(None), node)
            self.trace.returns.append(Returned(file=self.frame.file, node=at, entry=self.entry, value=value))
        return False

    def _Raise(self, node: ast.Raise) -> bool:
        self._others(node)
        return False

    def _Break(self, _: ast.Break) -> bool:
        if self._exits:
            self._exits[-1][0].append(self.state())
        return False

    def _Continue(self, _: ast.Continue) -> bool:
        if self._exits:
            self._exits[-1][1].append(self.state())
        return False

    def _Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.frame.shared.update(node.names)

    _Nonlocal = _Global

    def _Assert(self, node: ast.Assert) -> None:
        self.read(node.test)
        self.assume(node.test, truth=True)

    def _If(self, node: ast.If) -> bool:
        self.read(node.test)
        before = self.state()
        self.assume(node.test, truth=True)
        ends = self._way(node.body)
        self.restore(before)
        self.assume(node.test, truth=False)
        return self._meet([*ends, *self._way(node.orelse)])

    def _way(self, body: Sequence[ast.stmt]) -> list[State]:
        return [self.state()] if self.run(body) else []

    def _meet(self, states: list[State]) -> bool:
        if states:
            self.restore(merged(states))
        return bool(states)

    def _For(self, node: ast.For | ast.AsyncFor) -> bool:
        item = self.item_of(node.iter)
        before, ends = self.state(), []
        for _ in range(2):  # the second time with what the first one may have changed
            self.bind(node.target, item)
            again, broken = self._around(node, node.body)
            ends += broken
            if again:
                self.restore(merged([before, *again]))
            before = self.state()
        return self._meet([*ends, *self._way(node.orelse)])

    _AsyncFor = _For

    def _While(self, node: ast.While) -> bool:
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        before, ends = self.state(), []
        for _ in range(2):
            self.loops = (*self.loops, node)
            self.read(node.test)
            self.loops = self.loops[:-1]
            start = self.state()
            self.assume(node.test, truth=True)
            again, broken = self._around(node, node.body)
            ends += broken
            self.restore(merged([start, *again]))
        if forever:
            return self._meet(ends)
        self.restore(merged([before, self.state()]))
        self.assume(node.test, truth=False)
        return self._meet([*ends, *self._way(node.orelse)])

    def _around(self, loop: ast.AST, body: Sequence[ast.stmt]) -> tuple[list[State], list[State]]:
        """Follow the body of a loop once; return the states in which it goes on, and in which it is left."""
        self._exits.append(([], []))
        self.loops = (*self.loops, loop)
        ends = self._way(body)
        self.loops = self.loops[:-1]
        broken, continued = self._exits.pop()
        return [*ends, *continued], broken

    def _Try(self, node: ast.Try) -> bool:
        before, caught = self.state(), self.caught
        self.caught = caught | frozenset(name for each in node.handlers for name in _names(each))
        live = self.run(node.body)
        self.caught = caught
        after = self.state()
        ends = (self._way(node.orelse) if live else []) if node.orelse else [after] if live else []
        for handler in node.handlers:
            self.restore(merged([before, after]))
            if handler.name:
                self.frame.bind(handler.name, Value(kind="exception"))
            ends += self._way(handler.body)
        if not node.finalbody:
            return self._meet(ends)
        self.restore(merged(ends or [before]))
        return self.run(node.finalbody) and bool(ends)

    _TryStar = _Try

    def _With(self, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            value = self.read(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, Value() if value.kind else UNKNOWN)
        return self.run(node.body)

    _AsyncWith = _With

    def _Match(self, node: ast.Match) -> bool:
        self.escape(self.read(node.subject))
        before, ends = self.state(), [self.state()]
        for case in node.cases:
            self.restore(before)
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    self.frame.bind(name, UNKNOWN)
            if case.guard is not None:
                self.read(case.guard)
            ends += self._way(case.body)
        return self._meet(ends)

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]:
            self.read(each)
        names = {_called(each) for each in node.decorator_list}
        of_class = isinstance(self.frame.node, ast.ClassDef)
        frame = self.frame.outer if of_class else self.frame  # a method does not see the names of its class
        is_property = of_class and bool(names) and names <= _PROPERTIES
        known = is_property or names <= (_TRANSPARENT | {"classmethod"} if of_class else _TRANSPARENT)
        kind = "property" if is_property else "function"
        found = Value(kind=kind, target=Function(node=node, frame=frame)) if known else UNKNOWN
        self.frame.bind(node.name, found)

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> None:
        bases = [self.read(each) for each in node.bases]
        for each in node.decorator_list:
            self.read(each)
        outer = self.frame
        self.frame = Frame(module=outer.module, file=outer.file, node=node, outer=outer)
        self.run(node.body)
        names, self.frame = self.frame.names, outer
        self.frame.bind(node.name, self.class_of(node, bases, names))

    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            name = alias.name if alias.asname else top
            kind = "module" if name in self.modules or alias.name in self.modules else "lib"
            self.frame.bind(alias.asname or top, Value(kind=kind, target=name))

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self.absolute(node)
        for alias in node.names:
            name = alias.asname or alias.name
            if f"{module}.{alias.name}".lstrip(".") in self.modules:
                self.frame.bind(name, Value(kind="module", target=f"{module}.{alias.name}".lstrip(".")))
            elif module in self.modules:
                self._from_sibling(module, alias.name, name)
            else:
                self.frame.bind(name, self.library_name(module, alias.name))

    def _from_sibling(self, module: str, name: str, bound: str) -> None:
        names = self.modules[module].names
        if name == "*":
            self.frame.names.update({each: value for each, value in names.items() if not each.startswith("_")})
        else:
            self.frame.bind(bound, names.get(name, UNKNOWN))

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the name of the module of a `from` import, also of a relative one."""
        raise NotImplementedError

    def library_name(self, module: str, name: str) -> Value:
        """Return what a name imported from a library is."""
        raise NotImplementedError


def _loaded(node: ast.expr) -> ast.expr:
    """Return an expression that reads what another one assigns."""
    if isinstance(node, ast.Name):
        return ast.copy_location(ast.Name(id=node.id, ctx=ast.Load()), node)
    if isinstance(node, ast.Subscript):
        return ast.copy_location(ast.Subscript(value=node.value, slice=node.slice, ctx=ast.Load()), node)
    return node


def _called(node: ast.expr) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _names(handler: ast.ExceptHandler) -> frozenset[str]:
    """Return the exceptions that a handler names; a broad one is not a sign that its author expects a certain one."""
    if handler.type is None:
        return frozenset({"Exception"})
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(_called(each) for each in types)
