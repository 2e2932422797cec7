"""What is known of a value in a plugin's code; what is not known is empty, and no rule speaks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

UNSET: Any = object()
Origin = tuple[int, ...]
"""Which call a result is of: the calls that led to it, so that two uses of one helper differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What is known of a value."""

    kind: str = ""
    """Its type, such as `str`, `Response`, `datetime`, `ctx`, `function`, `lib`; empty if it is not known."""
    literal: Any = UNSET
    """The value itself, of a constant."""
    parts: tuple[Value, ...] | None = None
    """The items of a tuple, list or set that is written out."""
    keys: tuple[tuple[Any, Value], ...] | None = None
    """The keys of a dict that is written out; a key that is not a constant is UNSET."""
    element: Value | None = None
    """What the items of a list, or the values that a generator yields, are like."""
    target: Any = None
    """The path of `ctx` or of a library, the function, or what kind of time a datetime is."""
    member: str = ""
    """The call of `ctx` that it is a result of, such as `http.get`."""
    origin: Origin | None = None
    key: str = ""
    """Which key of that result it is, such as `json`."""
    none: bool = False
    """Whether it may be None by the contract."""
    default: bool = False
    """Whether `.get` was given a default that is never used, because the key is always there."""
    secrets: frozenset[str] = frozenset()
    """The names of the secrets whose values are in it."""
    node: ast.AST | None = None
    """Where it was written out."""
    file: str = ""

    @property
    def is_constant(self) -> bool:
        """Whether its value is known."""
        return self.literal is not UNSET

    @property
    def is_none(self) -> bool:
        """Whether it is None for certain."""
        return self.kind == "none"

    def at(self, key: str) -> Value | None:
        """Return the value of a key of a dict that is written out."""
        return dict(self.keys).get(key) if self.keys is not None else None


UNKNOWN = Value()
NONE = Value(kind="none", literal=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A function of the plugin, and the frame in which it was defined."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Any
    """The Frame, whose module imports this one."""


def constant(literal: Any, node: ast.AST | None = None, file: str = "") -> Value:
    """Return a value that is known."""
    kind = "none" if literal is None else "ellipsis" if literal is ... else type(literal).__name__
    return Value(kind=kind, literal=literal, node=node, file=file)


def join(one: Value, other: Value) -> Value:
    """Return what is known of a value that is one or the other."""
    if one == other:
        return one
    if one.is_none or other.is_none:
        return other if one.is_none else one
    secrets = one.secrets | other.secrets
    if one.kind != other.kind or one.target != other.target:
        return Value(secrets=secrets)
    same = one.origin == other.origin and one.key == other.key
    element = join(one.element, other.element) if one.element and other.element else None
    return Value(
        kind=one.kind,
        target=one.target,
        element=element,
        member=one.member if one.member == other.member else "",
        origin=one.origin if same else None,
        key=one.key if same else "",
        none=same and one.none and other.none,
        secrets=secrets,
    )


def tainted(value: Value, *others: Value) -> Value:
    """Return a value that has the secrets of the others in it."""
    secrets = value.secrets.union(*(each.secrets for each in others))
    return value if secrets == value.secrets else replace(value, secrets=secrets)


def all_secrets(value: Value, depth: int = 4) -> frozenset[str]:
    """Return the names of the secrets in a value, and in its items and keys."""
    found = value.secrets
    if depth:
        inner = [*(value.parts or ()), *(each for _, each in value.keys or ())]
        inner += [value.element] if value.element else []
        for each in inner:
            found |= all_secrets(each, depth - 1)
    return found
