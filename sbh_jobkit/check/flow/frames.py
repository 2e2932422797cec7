"""The names of a function while it is followed, and those of a module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.values import UNKNOWN, Value, join

if TYPE_CHECKING:
    import ast

Facts = frozenset[tuple[object, ...]]
"""What was found out on the way here: `("status", origin)` was looked at, `("some", origin, key)` is not None,
and of `("asked", origin, key)` the type was asked for."""


@dataclass(slots=True, kw_only=True, eq=False)
class Frame:
    """One call of a function, or a module."""

    module: str
    file: str
    node: ast.AST | None = None
    """The function; None for a module."""
    outer: Frame | None = None
    """The frame in which the function was defined."""
    names: dict[str, Value] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    """The names that the function declares global or nonlocal."""
    returns: list[tuple[Value, Facts]] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    entry: bool = False
    """Whether the platform calls it."""

    def lookup(self, name: str) -> Value | None:
        """Return what is known of a name here; None if nothing defines it."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.outer
        return None

    def bind(self, name: str, value: Value) -> None:
        """Give a name a value; one that is shared between functions is not followed."""
        if name not in self.shared:
            self.names[name] = value
            return
        frame = self.outer
        while frame is not None:
            if name in frame.names:
                frame.names[name] = UNKNOWN
            frame = frame.outer


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The names of the current frame, and the facts, at one place."""

    names: dict[str, Value]
    facts: Facts


def merged(states: list[State]) -> State:
    """Return what is known where several ways meet."""
    first, *others = states
    names, facts = dict(first.names), first.facts
    for state in others:
        facts &= state.facts
        for name, value in state.names.items():
            names[name] = join(names[name], value) if name in names else value
    return State(names=names, facts=facts)
