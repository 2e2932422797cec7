"""The plugin's own classes: their instances, what attributes hold, and which method a call reaches."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.assumptions import Assumptions
from sbh_jobkit.check.flow.values import UNKNOWN, Function, Value, join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLAIN_BASES = {"builtins.object", "typing.Protocol"}
_OWN_WAYS = {"__getattr__", "__getattribute__", "__new__", "__setattr__"}
"""Methods with which a class does something else than what its text says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Class:
    """A class of the plugin that can be followed."""

    node: ast.ClassDef
    names: Mapping[str, Value]
    """What its body defines."""
    bases: tuple[Class, ...] = ()
    fields: tuple[str, ...] | None = None
    """The parameters of a dataclass, in order; None for a class with an `__init__` of its own, or none."""

    @property
    def order(self) -> tuple[Class, ...]:
        """Itself and its bases, in the order in which Python looks for a name."""
        found = [self, *(each for base in self.bases for each in base.order)]
        return tuple(each for number, each in enumerate(found) if each not in found[number + 1 :])

    def lookup(self, name: str, after: Class | None = None) -> Value | None:
        """Return what the class or a base of it defines, or only those after one of them; None if it is not there."""
        order = self.order
        start = order.index(after) + 1 if after in order else 0
        return next((each.names[name] for each in order[start:] if name in each.names), None)


@dataclass(slots=True, kw_only=True, eq=False)
class Instance:
    """One object of such a class."""

    of: Class
    attributes: dict[str, Value] = field(default_factory=dict)
    """What each attribute may hold, from all assignments that were followed."""
    escaped: bool = False
    """Whether other code has it, and may have changed it."""

    def store(self, name: str, value: Value) -> None:
        """Note that an attribute is given a value; what is in a list or a dict may change, and is not kept."""
        kept = replace(value, parts=None, keys=None)
        before = self.attributes.get(name)
        self.attributes[name] = UNKNOWN if self.escaped else kept if before is None else join(before, kept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bound:
    """A method of an instance, or of a class."""

    function: Function
    owner: Value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Super:
    """What `super()` gives: the instance or class, whose names are looked up after one of its classes."""

    owner: Value
    after: Class


class Classes(Assumptions):
    """Follows instances."""

    def class_of(self, node: ast.ClassDef, bases: Sequence[Value], names: Mapping[str, Value]) -> Value:
        """Return the value of a class statement; one that is made in a way that is not followed is not known."""
        decorators = [self.evaluate(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]
        known = [base.target for base in bases if base.kind == "class"]
        plain = all(base.kind == "class" or base.target in _PLAIN_BASES for base in bases) and not node.keywords
        is_data = [each.target for each in decorators] == ["dataclasses.dataclass"]
        if not plain or (decorators and not is_data) or _OWN_WAYS & {*names}:
            return Value(target=node)
        own = tuple(
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        )
        inherited = tuple(name for base in known for name in base.fields or ())
        fields = (*inherited, *own) if is_data else None
        return Value(kind="class", target=Class(node=node, names=dict(names), bases=tuple(known), fields=fields))

    def make_instance(self, node: ast.AST, made: Class, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
        """Return a new instance, after its `__init__` was followed."""
        instance = Instance(of=made)
        value = Value(kind="instance", target=instance)
        start = made.lookup("__init__")
        if start is not None and start.kind == "function":
            self.call_function(node, start.target, (value, *given), named)
        elif made.fields is not None:
            for name, each in [*zip(made.fields, given, strict=False), *named.items()]:
                instance.store(name, each)
        else:
            self.escape(*given, *named.values())
        return value

    def attribute_of_instance(self, node: ast.expr, owner: Value, name: str) -> Value:
        """Return what an attribute of an instance, or of a class, is; a method is bound to it."""
        after = None
        if owner.kind == "super":
            owner, after = owner.target.owner, owner.target.after
        is_class = owner.kind == "class"
        known: Class = owner.target if is_class else owner.target.of
        if after is None and not is_class and name in owner.target.attributes:
            held: Value = owner.target.attributes[name]
            return held
        found = known.lookup(name, after)
        if found is None or found.kind not in {"function", "property"} or not isinstance(found.target, Function):
            return found or UNKNOWN
        kinds = {getattr(each, "id", "") for each in getattr(found.target.node, "decorator_list", ())}
        if found.kind == "property":
            return UNKNOWN if is_class else self.call_function(node, found.target, (owner,), {})
        if "staticmethod" in kinds or (is_class and "classmethod" not in kinds):
            return found
        bound = Value(kind="class", target=known) if "classmethod" in kinds else owner
        return Value(kind="bound", target=Bound(function=found.target, owner=bound))

    def super_of(self, given: Sequence[Value]) -> Value:
        """Return what `super()` is in the method that is followed; unknown where it is not one of a known class."""
        body = self.frame.node
        if not isinstance(body, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return UNKNOWN
        first = next(iter([*body.args.posonlyargs, *body.args.args]), None)
        owner = self.frame.names.get(first.arg, UNKNOWN) if first is not None else UNKNOWN
        if owner.kind not in {"instance", "class"}:
            return UNKNOWN
        known: Class = owner.target if owner.kind == "class" else owner.target.of
        named = given[0].target if given else None  # super(Class, self)
        after = next((each for each in known.order if each is named or (not given and body in each.node.body)), None)
        return UNKNOWN if after is None else Value(kind="super", target=Super(owner=owner, after=after))

    def escape(self, *values: Value) -> None:
        """Note that other code gets values; what it does with an instance is not known."""
        super().escape(*values)
        for value in values:
            if value.kind == "instance" and not value.target.escaped:
                value.target.escaped = True
                self.escape(*value.target.attributes.values())
                value.target.attributes = dict.fromkeys(value.target.attributes, UNKNOWN)
            elif value.kind in {"bound", "super"}:
                self.escape(value.target.owner)
