"""Find which permissions and secrets a plugin's code needs, by following its `ctx` without running the code.

The context is followed through variables and into functions of the plugin. If it is passed to other code, every
permission that the other code could use counts as needed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import decorators
from sbh_jobkit.check.walk import Function
from sbh_jobkit.plugin.manifest import PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MEMBERS = {
    "db": {"": "db.read"},
    "http": {"": "outbound_http"},
    "llm": {"": "llm.use"},
    "files": {
        **dict.fromkeys(("list", "get", "get_presigned_url"), "files.read"),
        **dict.fromkeys(("upload", "delete"), "files.write"),
    },
    "emit": {"": "emit_webhook"},
}
"""The permission that each method of each member needs; an empty name stands for all methods."""
_NO_PERMISSION = {"check_memory_usage", "request", "role", "secrets", "tenant_id", "user_id"}
"""Members that need no permission."""
_INSPECTORS = {"bool", "callable", "hasattr", "id", "isinstance", "len", "print", "repr", "str", "type"}
"""Builtins that only inspect their arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the plugin, and what it uses, such as `ctx.files.upload`."""

    file: str
    line: int
    what: str
    node: ast.expr = field(compare=False)


@dataclass(frozen=True, slots=True)
class Uses:
    """What a plugin's code uses of its context."""

    permissions: dict[str, Place] = field(default_factory=dict)
    """Each permission, and the first place that needs it."""
    secrets: list[str] = field(default_factory=list)
    """The names of secrets that the code reads by a plain string."""
    escapes: list[Place] = field(default_factory=list)
    """Where the context, or a member of it, is passed to code that is not the plugin's, or used as an extension's."""


def find_uses(modules: Mapping[str, tuple[str, ast.Module]]) -> Uses:
    """Return what the modules of a plugin, (file, tree) by name, use of the context of their decorated functions."""
    found = Uses()
    follower = _Follower(modules, found)
    for name, (_, tree) in modules.items():
        for node in tree.body:
            if isinstance(node, Function) and any(decorators(node)):
                parameters = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args]]
                if parameters:
                    follower.follow(name, node, {"ctx" if "ctx" in parameters else parameters[0]: "ctx"})
    return found


class _Follower:
    """Follows the context from function to function, into each once for each way in which it is passed."""

    def __init__(self, modules: Mapping[str, tuple[str, ast.Module]], found: Uses) -> None:
        self.modules = modules
        self.found = found
        self.functions = {name: dict(_find_functions(name, tree, modules)) for name, (_, tree) in modules.items()}
        self._followed: set[tuple[int, frozenset[tuple[str, str]]]] = set()

    def follow(self, module: str, function: Function | ast.Lambda, given: dict[str, str]) -> None:
        """Read a function; the names in `given` are the context or a part of it."""
        seen = id(function), frozenset(given.items())
        if seen in self._followed:
            return
        self._followed.add(seen)
        own = {node.name: (module, node) for node in ast.walk(function) if isinstance(node, Function)}
        aliases = dict(given)
        for _ in range(2):  # an alias of an alias, defined before or after it
            aliases.update(_aliases(function, aliases))
        visitor = _Visitor(self, module, aliases, {**self.functions[module], **own})
        for statement in function.body if isinstance(function.body, list) else [function.body]:
            visitor.visit_value(statement)


def _find_functions(
    module: str, tree: ast.Module, modules: Mapping[str, tuple[str, ast.Module]]
) -> Iterator[tuple[str, tuple[str, Function]]]:
    """Yield the functions of the plugin that a module can call, by the name that it uses."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, (module, node)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module in modules:
            own = dict(_find_functions(node.module, modules[node.module][1], {}))
            yield from ((alias.asname or alias.name, own[alias.name]) for alias in node.names if alias.name in own)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    own = dict(_find_functions(alias.name, modules[alias.name][1], {}))
                    yield from ((f"{alias.asname or alias.name}.{name}", where) for name, where in own.items())


def _context_path(node: ast.AST, names: Mapping[str, str]) -> str | None:
    """Return a path such as `ctx.files.upload` for an expression, or None if it is not part of the context."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        inner = _context_path(node.value, names)
        return f"{inner}.{node.attr}" if inner else None
    if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "getattr" and len(node.args) > 1:
        inner, name = _context_path(node.args[0], names), _text(node.args[1])
        return f"{inner}.{name}" if inner and name else None
    return None


def _possible_permissions(path: str) -> set[str]:
    """Return the permissions that a part of the context may need; several if the code that uses it is unknown."""
    _, member, method = (*path.split("."), "", "")[:3]
    if member in _NO_PERMISSION:
        return set()
    if member not in MEMBERS:  # the whole context, or a service of an extension
        ours = {name for methods in MEMBERS.values() for name in methods.values()}
        return set(PERMISSIONS - ours if member else PERMISSIONS)
    methods = MEMBERS[member]
    found = methods.get("") or methods.get(method)
    return {found} if found else set() if method else set(methods.values())


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _aliases(function: ast.AST, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs += _pairs(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            pairs.append((node.target, node.value))
        for target, value in pairs:
            path = _context_path(value, names) if value is not None else None
            if isinstance(target, ast.Name) and path:
                yield target.id, path


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr | None]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [*zip(target.elts, value.elts, strict=True)]
    return [(target, value)]


class _Visitor(ast.NodeVisitor):
    """Reads the body of one function."""

    def __init__(
        self, follower: _Follower, module: str, names: dict[str, str], functions: Mapping[str, tuple[str, Function]]
    ) -> None:
        self._follower, self._module, self._names, self._functions = follower, module, names, functions

    def visit_value(self, node: ast.AST) -> None:
        """Read a node whose value is used in a way that is not followed."""
        path = _context_path(node, self._names)
        if path is None:
            self.visit(node)
        elif isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            self._record_use(path, node)  # type: ignore[arg-type] # only an expression is a part of the context

    def generic_visit(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit_value(child)

    def _visit_inspected(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if _context_path(child, self._names) is None:
                self.visit_value(child)

    visit_Compare = visit_Expr = visit_FormattedValue = visit_If = visit_BoolOp = visit_UnaryOp = _visit_inspected  # noqa: N815  as ast names them

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            for to, value in _pairs(target, node.value):
                followed = isinstance(to, ast.Name) and value is not None and _context_path(value, self._names)
                if not followed and value is not None:
                    self.visit_value(value)
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign | ast.NamedExpr) -> None:
        if node.value is not None and not (
            isinstance(node.target, ast.Name) and _context_path(node.value, self._names)
        ):
            self.visit_value(node.value)

    visit_NamedExpr = visit_AnnAssign  # noqa: N815  as ast names them

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if _context_path(node, self._names) is None:  # otherwise a member is set or deleted
            self.visit_value(node.value)

    def visit_FunctionDef(self, node: Function | ast.Lambda) -> None:
        taken = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        outer = {name: path for name, path in self._names.items() if name not in taken}
        inner = _Visitor(self._follower, self._module, outer, self._functions)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            inner.visit_value(statement)

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # noqa: N815  as ast names them

    def visit_Call(self, node: ast.Call) -> None:
        path = _context_path(node.func, self._names)
        if path is None:
            self.visit_value(node.func)
        else:
            self._record_use(path, node)
            self._record_secret(path, node)
        called = (
            self._functions.get(ast.unparse(node.func)) if isinstance(node.func, (ast.Name, ast.Attribute)) else None
        )
        given: dict[str, str] = {}
        for key, argument in [*enumerate(node.args), *((word.arg, word.value) for word in node.keywords)]:
            passed = _context_path(argument, self._names)
            if passed is None:
                self.visit_value(argument)
            elif called and (parameter := _parameter(called[1], key)):
                given[parameter] = passed
            elif getattr(node.func, "id", None) not in _INSPECTORS:
                self._record_use(passed, node)
        if called and given:
            self._follower.follow(*called, given)

    def _record_secret(self, path: str, node: ast.Call) -> None:
        name = _text(node.args[0]) if node.args else None
        if path in {"ctx.secrets.get", "ctx.secrets.has"} and name and name not in self._follower.found.secrets:
            self._follower.found.secrets.append(name)

    def _record_use(self, path: str, node: ast.expr) -> None:
        needed, place = _possible_permissions(path), self._place(node, path)
        for name in sorted(needed):
            self._follower.found.permissions.setdefault(name, place)
        if len(needed) > 1:
            self._follower.found.escapes.append(place)

    def _place(self, node: ast.expr, what: str) -> Place:
        return Place(file=self._follower.modules[self._module][0], line=node.lineno, what=what, node=node)


def _parameter(function: Function, key: int | str | None) -> str | None:
    """Return the parameter for an argument, by position or by name; None if it goes to `*args` or `**kwargs`."""
    positional = [*function.args.posonlyargs, *function.args.args]
    if isinstance(key, int):
        return positional[key].arg if key < len(positional) else None
    return key if key in {argument.arg for argument in [*positional, *function.args.kwonlyargs]} else None
