"""Evaluate expressions, as far as their values are known."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.flow import library
from sbh_jobkit.check.flow.calls import Calls
from sbh_jobkit.check.flow.trace import MemberRead
from sbh_jobkit.check.flow.values import UNKNOWN, UNSET, Function, Value, all_secrets, constant, join
from sbh_jobkit.plugin.members import RESULTS, SERVICES, VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DICTS = {"dict", "Row", *RESULTS}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class Expressions(Calls):
    """Evaluates expressions."""

    def evaluate(self, node: ast.expr | None) -> Value:
        """Return what is known of the value of an expression."""
        if node is None:
            return UNKNOWN
        self.step()
        known: Callable[[Any], Value] | None = getattr(self, f"_{type(node).__name__}", None)
        if known is not None:
            return known(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.read(child)
        return UNKNOWN

    def read(self, node: ast.expr | None) -> Value:
        """Evaluate an expression whose value is used, and not only kept."""
        return self.look(self.evaluate(node))

    def _Constant(self, node: ast.Constant) -> Value:
        return constant(node.value, node, self.frame.file)

    def _Name(self, node: ast.Name) -> Value:
        found = self.frame.lookup(node.id)
        return library.attribute(f"builtins.{node.id}") if found is None else found

    def _Attribute(self, node: ast.Attribute) -> Value:
        owner = self.read(node.value)
        return self.attribute_of(node, owner, node.attr)

    def attribute_of(self, node: ast.expr, owner: Value, name: str, *, probed: bool = False) -> Value:
        """Return what is known of an attribute."""
        if owner.kind == "ctx":
            return self._member(node, owner.target, name, probed=probed)
        if owner.kind == "lib":
            return library.attribute(f"{owner.target}.{name}")
        if owner.kind in {"instance", "class", "super"}:
            return self.attribute_of_instance(node, owner, name)
        if owner.kind == "module":
            return self.modules[owner.target].names.get(name, UNKNOWN) if owner.target in self.modules else UNKNOWN
        if owner.kind == "datetime" and name in {"year", "month", "day", "hour", "minute"}:
            return Value(kind="int", key=name, target=owner.target if owner.key == "now" else None)
        if not probed:
            self.see_use(node, owner, "attribute", name)
        return (
            Value(kind="method", target=(owner, name), secrets=owner.secrets)
            if owner.kind or owner.secrets
            else UNKNOWN
        )

    def _member(self, node: ast.expr, path: str, name: str, *, probed: bool) -> Value:
        found = f"{path}.{name}".lstrip(".")
        if probed:
            self.asked.add(found)
        if not self.quiet:
            caught = "AttributeError" in self.caught or found in self.asked
            self.trace.members.append(
                MemberRead(file=self.frame.file, node=node, entry=self.entry, path=found, probed=probed or caught)
            )
        if not path and name in VALUES:
            return Value(kind="str" if name == "tenant_id" else "")
        return Value(kind="ctx", target=found) if path in {"", *SERVICES} else UNKNOWN

    def _Subscript(self, node: ast.Subscript) -> Value:
        owner, index = self.read(node.value), self.read(node.slice)
        if not isinstance(node.ctx, ast.Load):
            return UNKNOWN
        name = index.literal
        present = ("some", owner.origin, name) in self.facts
        self.see_use(node, owner, "subscript", name if isinstance(name, str) else "", present=present)
        if owner.kind in _DICTS:
            return self.key_of(owner, name, node)
        if owner.parts is not None and isinstance(name, int) and -len(owner.parts) <= name < len(owner.parts):
            return owner.parts[name]
        if owner.kind in {"list", "tuple"} and owner.element is not None and not isinstance(node.slice, ast.Slice):
            return owner.element
        if isinstance(node.slice, ast.Slice):
            return replace(owner, literal=UNSET, parts=None, origin=None, key="", none=False)
        return Value(secrets=owner.secrets)

    def _Slice(self, node: ast.Slice) -> Value:
        for part in (node.lower, node.upper, node.step):
            self.read(part)
        return UNKNOWN

    def _Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        parts = tuple(self.evaluate(each) for each in node.elts)
        for part in parts:
            self.look(part)
        kind = type(node).__name__.lower()
        element = parts[0] if parts else None
        for part in parts[1:]:
            element = join(element, part) if element is not None else part
        if any(isinstance(each, ast.Starred) for each in node.elts):
            return Value(kind=kind, node=node, file=self.frame.file)
        return Value(kind=kind, parts=parts, element=element, node=node, file=self.frame.file)

    _List = _Set = _Tuple

    def _Starred(self, node: ast.Starred) -> Value:
        self.read(node.value)
        return UNKNOWN

    def _Dict(self, node: ast.Dict) -> Value:
        keys: list[tuple[Any, Value]] = []
        for key, each in zip(node.keys, node.values, strict=True):
            value = self.read(each)
            if key is None:
                self.see_use(each, value, "iterate", "**")
                keys += value.keys if value.keys is not None else ((UNSET, value),)
                continue
            name = self.read(key).literal
            known = name if isinstance(name, (str, int, float)) else UNSET
            keys.append((known, replace(value, node=each, file=self.frame.file)))
        return Value(kind="dict", keys=tuple(keys), node=node, file=self.frame.file)

    def _JoinedStr(self, node: ast.JoinedStr) -> Value:
        parts = [self.read(each.value) for each in node.values if isinstance(each, ast.FormattedValue)]
        texts = [each for each in node.values if isinstance(each, ast.FormattedValue)]
        for each, value in zip(texts, parts, strict=True):
            self.see_use(each.value, value, "text")
        secrets = frozenset[str]().union(*(all_secrets(each) for each in parts))
        first = node.values[0] if node.values else None
        start = first.value if isinstance(first, ast.Constant) else ""
        literals = [self._literal_text(each) for each in node.values]
        if all(literal is not None for literal in literals):
            return replace(constant("".join(f"{each}" for each in literals), node, self.frame.file), secrets=secrets)
        return Value(kind="str", secrets=secrets, target=("text", start), node=node, file=self.frame.file)

    def _literal_text(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.FormattedValue):
            if node.format_spec is not None:
                return None
            with self.silent():
                value = self.evaluate(node.value)
            return f"{value.literal}" if isinstance(value.literal, (str, int)) else None
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def _BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.read(node.left), self.read(node.right)
        operator = _OPERATORS.get(type(node.op), "")
        self.see_use(node, left, "operator", other=right, operator=operator)
        if right.none or right.kind in RESULTS:
            self.see_use(node, right, "operator", other=left, operator=operator)
        return library.arithmetic(operator, left, right)

    def _UnaryOp(self, node: ast.UnaryOp) -> Value:
        value = self.read(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value.literal, (int, float)):
            return constant(-value.literal, node)
        return Value(kind="bool" if isinstance(node.op, ast.Not) else value.kind)

    def _BoolOp(self, node: ast.BoolOp) -> Value:
        before = self.facts
        values = []
        for operand in node.values:
            values.append(self.read(operand))
            self.assume(operand, truth=isinstance(node.op, ast.And))
        looked = {fact for fact in self.facts if fact[0] == "status"}
        self.facts = before | looked
        if isinstance(node.op, ast.Or):
            kept = [replace(each, none=False) for each in values[:-1] if not each.is_none]
            found = values[-1]
            for each in reversed(kept):
                found = join(each, found)
            return found
        return values[-1] if all(each.none or each.kind == values[-1].kind for each in values) else UNKNOWN

    def _Compare(self, node: ast.Compare) -> Value:
        left = self.read(node.left)
        for operator, each in zip(node.ops, node.comparators, strict=True):
            right = self.read(each)
            sign = _COMPARISONS.get(type(operator), "")
            if sign:
                self.see_use(node, left, "order" if sign[0] in "<>" else "equal", other=right, operator=sign)
            if isinstance(operator, (ast.In, ast.NotIn)):
                self._in(node, left, right)
            left = right
        return Value(kind="bool")

    def _in(self, node: ast.Compare, left: Value, right: Value) -> None:
        if left.literal == "error" and right.origin is not None:
            self.know("status", right.origin)
            self.know("some", right.origin, "error")
        if left.is_none:
            self.escape(*(right.parts or ()))
        self.see_use(node, right, "in")
        if left.kind == "int":
            self.see_use(node, left, "in", other=right)

    def _IfExp(self, node: ast.IfExp) -> Value:
        self.read(node.test)
        before = self.facts
        self.assume(node.test, truth=True)
        body = self.evaluate(node.body)
        self.facts = before
        self.assume(node.test, truth=False)
        other = self.evaluate(node.orelse)
        self.facts = before
        return join(body, other)

    def _NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.bind(node.target, value)
        return value

    def _Lambda(self, node: ast.Lambda) -> Value:
        return Value(kind="function", target=Function(node=node, frame=self.frame))

    def _Await(self, node: ast.Await) -> Value:
        value = self.evaluate(node.value)
        return value.element or UNKNOWN if value.kind == "coroutine" else UNKNOWN

    def _Yield(self, node: ast.Yield) -> Value:
        self.frame.yields.append(self.read(node.value) if node.value else UNKNOWN)
        return UNKNOWN

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        names, facts, loops = dict(self.frame.names), self.facts, self.loops
        for part in node.generators:
            self.bind(part.target, self.item_of(part.iter))
            self.loops = (*self.loops, node)
            for test in part.ifs:
                self.read(test)
                self.assume(test, truth=True)
        if isinstance(node, ast.DictComp):
            self.read(node.key)
            element = self.read(node.value)
        else:
            element = self.read(node.elt)
        self.frame.names, self.facts, self.loops = names, facts, loops
        kinds = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}
        element = replace(element, none=False)  # whether each item was tested is not followed
        return Value(kind=kinds.get(type(node), "generator"), element=element)

    _ListComp = _SetComp = _GeneratorExp = _DictComp = _comprehension

    def item_of(self, node: ast.expr) -> Value:
        """Evaluate what a loop goes through, and return what its items are like."""
        value = self.read(node)
        self.see_use(node, value, "iterate")
        return value.element or Value(secrets=value.secrets)

    def bind(self, target: ast.expr, value: Value) -> None:
        """Give a name, or several, a value."""
        if isinstance(target, ast.Name):
            self.frame.bind(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts: Sequence[Value] = value.parts if value.parts is not None else ()
            fits = len(parts) == len(target.elts) and not any(isinstance(each, ast.Starred) for each in target.elts)
            for index, each in enumerate(target.elts):
                self.bind(each, parts[index] if fits else value.element or Value(secrets=value.secrets))
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Value(kind="list"))
        else:
            self._store(target, value)

    def _store(self, target: ast.expr, value: Value) -> None:
        """Give an attribute or a key a value; a dict that is written out gets the key."""
        if not isinstance(target, ast.Subscript):
            owner = self.evaluate(target.value if isinstance(target, ast.Attribute) else target)
            if isinstance(target, ast.Attribute) and owner.kind == "instance":
                owner.target.store(target.attr, self.look(value))
            else:
                self.escape(value)
            return
        self.escape(value)
        owner, index = self.evaluate(target.value), self.read(target.slice)
        if not isinstance(target.value, ast.Name) or owner.kind != "dict":
            return
        name = index.literal if isinstance(index.literal, (str, int, float)) else UNSET
        if owner.keys is not None:
            kept = [(key, each) for key, each in owner.keys if key is UNSET or key != name]
            self.frame.bind(target.value.id, replace(owner, keys=(*kept, (name, value))))
