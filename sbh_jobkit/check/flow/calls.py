"""Evaluate calls: of `ctx`, of the plugin's own functions, and of Python's libraries."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow import library
from sbh_jobkit.check.flow.classes import Classes
from sbh_jobkit.check.flow.frames import Frame
from sbh_jobkit.check.flow.values import UNKNOWN, Function, Value, all_secrets, join, tainted
from sbh_jobkit.plugin.members import RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEEPEST = 12
_DICTS = {"dict", "Row", *RESULTS}
_TESTS = {"builtins.isinstance", "builtins.bool", "builtins.type", "builtins.callable", "builtins.hasattr"}
"""Functions that only look at what they are given."""


class Calls(Classes):
    """Evaluates calls."""

    def _Call(self, node: ast.Call) -> Value:
        function = self.evaluate(node.func)
        given = tuple(self.evaluate(each) for each in node.args)
        named = {word.arg: self.evaluate(word.value) for word in node.keywords if word.arg}
        for word in node.keywords:
            if word.arg is None:
                unpacked = self.read(word.value)
                named |= {key: value for key, value in unpacked.keys or () if isinstance(key, str)}
        if function.kind == "ctx":
            self._look_all(given, named)
            return self.see_call(node, function.target, given, named, ours=True)
        if function.kind in {"function", "bound", "class"}:
            starred = any(isinstance(each, ast.Starred) for each in node.args)
            return self._call_own(node, function, () if starred else given, named)
        if function.kind == "method":
            return self._call_method(node, function, given, named)
        if function.target == "builtins.super":
            return self.super_of(given)
        if function.kind == "lib":
            return self._call_library(node, function.target, given, named)
        self.see_use(node, function, "call")
        self.escape(*given, *named.values())
        return Value(secrets=frozenset[str]().union(*(all_secrets(each) for each in (*given, *named.values()))))

    def _call_own(self, node: ast.Call, function: Value, given: tuple[Value, ...], named: dict[str, Value]) -> Value:
        """Follow a call of one of the plugin's functions, methods or classes."""
        if function.kind == "class":
            return self.make_instance(node, function.target, given, named)
        if function.kind == "bound":
            return self.call_function(node, function.target.function, (function.target.owner, *given), named)
        return self.call_function(node, function.target, given, named)

    def _look_all(self, given: Sequence[Value], named: Mapping[str, Value]) -> None:
        for value in (*given, *named.values()):
            self.look(value)

    def call_function(
        self, node: ast.AST, function: Function, given: Sequence[Value], named: Mapping[str, Value]
    ) -> Value:
        """Follow a call of one of the plugin's functions, and return what it returns."""
        body, inner = function.node, function.frame
        if body in self.stack or len(self.stack) > _DEEPEST:
            self.escape(*given, *named.values())
            return UNKNOWN
        frame = Frame(module=inner.module, file=inner.file, node=body, outer=inner)
        frame.names.update(self._parameters(body, given, named))
        outer, stack, guarded = self.frame, self.stack, self.facts
        self.frame, self.stack = frame, (*stack, node, body)
        try:
            live = self.run_function(body)
        finally:
            self.frame, self.stack = outer, stack
        ends = [facts for _, facts in frame.returns] + ([self.facts] if live else [])
        self.facts = frozenset.intersection(*ends) if ends else self.facts
        self.facts |= guarded
        return _returned(body, frame)

    def _parameters(
        self,
        body: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        given: Sequence[Value],
        named: Mapping[str, Value],
    ) -> dict[str, Value]:
        """Return what is known of the parameters of a call."""
        arguments = body.args
        positional = [*arguments.posonlyargs, *arguments.args]
        names = [each.arg for each in [*positional, *arguments.kwonlyargs]]
        found = dict.fromkeys(names, UNKNOWN)
        with self.silent():
            defaults = zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
            for parameter, default in [*defaults, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
                if default is not None:
                    found[parameter.arg] = self.evaluate(default)
        found |= {each.arg: value for each, value in zip(positional, given, strict=False)}
        found |= {name: value for name, value in named.items() if name in names}
        for value in [*given[len(positional) :], *(each for name, each in named.items() if name not in names)]:
            self.escape(value)
        rest = {name: value for name, value in named.items() if name not in names}
        if arguments.kwarg is not None:
            found[arguments.kwarg.arg] = Value(kind="dict", keys=tuple(rest.items()))
        if arguments.vararg is not None:
            found[arguments.vararg.arg] = Value(kind="tuple", parts=tuple(given[len(positional) :]))
        return found

    def _call_method(self, node: ast.Call, function: Value, given: tuple[Value, ...], named: dict[str, Value]) -> Value:
        owner, name = function.target
        if name in {"append", "add", "extend", "insert", "update"} and isinstance(node.func, ast.Attribute):
            self._grow(node.func.value, owner, given, named)
        if owner.kind in _DICTS and name in {"get", "pop", "setdefault"} and given:
            return self._get(node, owner, given)
        if name == "format" and owner.kind == "str":
            for each, value in zip(node.args, given, strict=False):
                self.see_use(each, value, "text")
        if name not in {"append", "add", "extend", "get", "items", "values", "keys"}:
            self._look_all(given, named)
        if not owner.kind or name in {"append", "add", "insert", "extend"}:
            self.escape(*given, *named.values())
        if isinstance(node.func, ast.Attribute) and owner.kind in {"logger", "lib"}:
            self.see_call(node, f"{owner.target}.{name}", given, named, ours=False)
        if owner.kind in _DICTS and name in {"values", "items"} and owner.keys is not None:
            values = [value for _, value in owner.keys]
            return Value(kind="list", secrets=frozenset[str]().union(*(each.secrets for each in values)))
        return library.method(owner, name, given, named)

    def _get(self, node: ast.Call, owner: Value, given: Sequence[Value]) -> Value:
        """Return what `dict.get` returns: the value of the key, which may be absent."""
        name = given[0].literal
        found = self.key_of(owner, name, node)
        key = RESULTS.get(owner.kind, {}).get(name) if isinstance(name, str) else None
        if key is not None and not key.always:
            return Value(kind=found.kind, origin=found.origin, key=found.key, member=found.member)
        if len(given) > 1 and found.none:
            return replace(found, default=True)
        return found

    def _grow(self, node: ast.expr, owner: Value, given: Sequence[Value], named: Mapping[str, Value]) -> None:
        """Note what is added to a list or a dict that has a name."""
        if not isinstance(node, ast.Name) or self.frame.names.get(node.id) is not owner:
            return
        added = frozenset[str]().union(*(all_secrets(each) for each in (*given, *named.values())))
        if owner.kind == "list":
            item = given[-1] if given else UNKNOWN
            element = item if owner.parts == () else join(owner.element, item) if owner.element else None
            self.frame.bind(node.id, Value(kind="list", element=element, secrets=owner.secrets | added))
        elif owner.kind in {"dict", "set"}:
            self.frame.bind(node.id, Value(kind=owner.kind, secrets=owner.secrets | added))

    def _call_library(self, node: ast.Call, name: str, given: tuple[Value, ...], named: dict[str, Value]) -> Value:
        if name == "builtins.getattr" and len(given) > 1 and isinstance(given[1].literal, str):
            return self.attribute_of(node, given[0], given[1].literal, probed=len(given) > 2)  # noqa: PLR2004  a default
        if name == "builtins.hasattr" and len(given) > 1 and isinstance(given[1].literal, str):
            self.attribute_of(node, given[0], given[1].literal, probed=True)
        if name in {"builtins.all", "builtins.any"}:
            self.escape(*given)
        if name.startswith("asyncio.run"):
            coroutine = given[0] if given else UNKNOWN
            return coroutine.element or UNKNOWN
        self.see_call(node, name, given, named, ours=False)
        plain = name.removeprefix("builtins.")
        for each, value in zip(node.args, given, strict=False):
            self.look(value)
            if name not in _TESTS:
                how = "iterate" if plain in library.ITERATES else "given"
                self.see_use(each, value, how, name)
        if not name.startswith(("builtins.", "json.", "datetime.", "base64.", "time.", "math.", "logging.")):
            self.escape(*given, *named.values())
        if name == "logging.getLogger":
            return Value(kind="lib", target="logging")
        found = library.call(name, given, named)
        if name in {"datetime.datetime.now", "datetime.datetime.today"}:
            zone = given[0] if given else named.get("tz", UNKNOWN)
            return replace(found, key="UTC" if zone.target == "UTC" else "now")
        return tainted(found, *given) if name == "builtins.str" else found


def _returned(body: ast.AST, frame: Frame) -> Value:
    """Return what the call of a function gives: what it returns, its generator, or its coroutine."""
    values = frame.yields or [value for value, _ in frame.returns]
    found = values[0] if values else UNKNOWN
    for value in values[1:]:
        found = join(found, value)
    if frame.yields:
        return Value(kind="generator", element=found)
    if isinstance(body, ast.AsyncFunctionDef):
        return Value(kind="coroutine", element=found, target=body)
    return found
