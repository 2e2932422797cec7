"""What is kept while code is followed: where it is, what is known there, and what was seen."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.flow.frames import Frame, State
from sbh_jobkit.check.flow.trace import Called, Entry, Trace, Used
from sbh_jobkit.check.flow.values import UNKNOWN, Value
from sbh_jobkit.plugin.members import RESULTS, calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.flow.frames import Facts

_MOST_STEPS = 60_000
"""Statements and expressions; a plugin that needs more is followed so far."""


class TooLongError(Exception):
    """The plugin is too large to be followed to its end."""


class Machine:
    """One walk through a plugin."""

    def __init__(self) -> None:
        """Begin."""
        self.trace = Trace()
        self.frame = Frame(module="", file="")
        self.facts: Facts = frozenset()
        self.entry = Entry(kind="module", file="", node=None)
        self.stack: tuple[ast.AST, ...] = ()
        """The functions that are being followed, and the calls of them."""
        self.loops: tuple[ast.AST, ...] = ()
        self.caught: frozenset[str] = frozenset()
        self.importing = True
        self.quiet = 0
        self.asked: set[str] = set()
        """The members of `ctx` that the code asks for by `hasattr`."""
        self._steps = 0

    def step(self) -> None:
        """Count a step; raises TooLongError after the last one."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TooLongError

    def state(self) -> State:
        """Return what is known here."""
        return State(names=dict(self.frame.names), facts=self.facts)

    def restore(self, state: State) -> None:
        """Go back to what was known at another place."""
        self.frame.names, self.facts = dict(state.names), state.facts

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Evaluate without noting what is seen."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1

    def know(self, *fact: object) -> None:
        """Note a fact, which holds from here on."""
        self.facts |= {fact}

    def is_some(self, value: Value) -> bool:
        """Whether a value that may be None was found not to be."""
        return not value.none or ("some", value.origin, value.key) in self.facts

    def see_use(self, node: ast.expr, value: Value, how: str, name: str = "", **more: Any) -> None:
        """Note that a value is used."""
        if value.origin is not None and not value.key:
            self.trace.looked.add(value.origin)
        if self.quiet or not (value.kind or value.none):
            return
        if value.origin is not None and ("asked", value.origin, value.key) in self.facts:
            return  # the code is prepared for several types
        self.trace.uses.append(
            Used(
                file=self.frame.file,
                node=node,
                entry=self.entry,
                value=value,
                how=how,
                name=name,
                status=("status", value.origin) in self.facts,
                some=self.is_some(value),
                caught=self.caught,
                **more,
            )
        )

    def look(self, value: Value) -> Value:
        """Note that something reads a result as a whole."""
        if value.origin is not None and not value.key:
            self.trace.looked.add(value.origin)
        return value

    def escape(self, *values: Value) -> None:
        """Note that other code gets values, and may look at whatever it likes."""
        for value in values:
            self.look(value)
            if value.origin is not None:
                self.know("status", value.origin)
                self.know("some", value.origin, value.key)
            self.escape(*(value.parts or ()), *(each for _, each in value.keys or ()))

    def see_call(
        self, node: ast.Call, path: str, given: tuple[Value, ...], named: dict[str, Value], *, ours: bool
    ) -> Value:
        """Note a call of `ctx` or a library; return the result of one of `ctx`."""
        origin = (*map(id, self.stack), id(node))
        starred = any(isinstance(each, ast.Starred) for each in node.args) or any(
            not word.arg for word in node.keywords
        )
        if not self.quiet:
            self.trace.calls.append(
                Called(
                    file=self.frame.file,
                    node=node.func,
                    call=node,
                    entry=self.entry,
                    path=path,
                    given=given,
                    named=named,
                    starred=starred,
                    origin=origin,
                    ours=ours,
                    importing=self.importing,
                    loops=self.loops,
                )
            )
        if not ours or path not in calls():
            return UNKNOWN
        self.facts = frozenset(fact for fact in self.facts if fact[1:2] != (origin,))
        return self._result(path, given, named, origin)

    def _result(self, path: str, given: tuple[Value, ...], named: dict[str, Value], origin: tuple[int, ...]) -> Value:
        call = calls()[path]
        whole, _, inner = call.result.rstrip("]").partition("[")
        value = Value(kind="none" if whole == "None" else whole, member=path, origin=origin, none=call.none)
        if whole == "list":
            return replace(value, element=Value(kind=inner, member=path))
        if path == "secrets.get":
            name = given[0] if given else named.get("key", UNKNOWN)
            default = len(given) > 1 or "default" in named
            found = {name.literal} if isinstance(name.literal, str) else set()
            return replace(value, none=not default, secrets=frozenset(found))
        return value

    def key_of(self, value: Value, name: Any, node: ast.AST) -> Value:
        """Return what is known of the value of a key of a result; looking at the status is a fact."""
        if name in {"status_code", "error"} and value.origin is not None:
            self.know("status", value.origin)
        if value.keys is not None:
            return value.at(name) or UNKNOWN
        found = RESULTS.get(value.kind, {}).get(name) if isinstance(name, str) else None
        if found is None:
            return UNKNOWN
        return Value(
            kind=found.kind,
            member=value.member,
            origin=value.origin,
            key=name,
            none=found.none,
            node=node,
            file=self.frame.file,
        )
