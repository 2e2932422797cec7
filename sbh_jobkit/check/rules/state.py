"""Rules for what runs share: names of the module, default arguments, attributes of functions, and caches."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.edits import made_inside
from sbh_jobkit.check.loops import changed
from sbh_jobkit.check.walk import functions, inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.subject import Subject
    from sbh_jobkit.check.walk import Function

_GROWS = {
    "append",
    "add",
    "extend",
    "update",
    "insert",
    "setdefault",
    "appendleft",
    "pop",
    "remove",
    "clear",
    "popleft",
}
_MUTABLE = {"list", "dict", "set", "deque", "defaultdict", "Counter", "OrderedDict"}
_ADVICE = "keep it in a file of the tenant (ctx.files), or make it again in each run"


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield state that outlives a run, and that tenants share."""
    for file, tree in subject.source.modules.values():
        shared = {*_mutable_names(tree)}
        for function in functions(tree):
            if function in subject.trace.ran:
                yield from _globals(subject, file, function)
                yield from _grown(subject, file, function, shared)
            yield from _defaults(subject, file, function)
            yield from _caches(subject, file, function)
        names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for function in functions(tree):
            if function in subject.trace.ran:
                yield from _attributes(subject, file, function, names)


def _found(subject: Subject, file: str, node: ast.expr | ast.stmt, message: str) -> Finding:
    return subject.source.found(file, node, "shared-state", message, level="warning", advice=_ADVICE)


def _mutable_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and _is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return True
    called = node.func if isinstance(node, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in _MUTABLE


def _globals(subject: Subject, file: str, function: Function) -> Iterator[Finding]:
    names = {name for node in inside(function) if isinstance(node, ast.Global) for name in node.names}
    for node in inside(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in names:
            names.discard(node.id)
            message = f"{node.id!r} belongs to the module, so all runs and all tenants share it"
            yield _found(subject, file, node, message)


def _grown(subject: Subject, file: str, function: Function, shared: set[str]) -> Iterator[Finding]:
    """Find changes of a list, dict or set of the module; one that is kept by tenant is meant so."""
    own = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
    own |= {node.id for node in inside(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in inside(function):
        owner: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GROWS:
            owner = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            owner = node.value
        if not isinstance(owner, ast.Name) or owner.id not in shared - own or _by_tenant(node):
            continue
        message = f"{owner.id!r} belongs to the module, so all runs and all tenants share what is put into it"
        yield _found(subject, file, node if isinstance(node, ast.expr) else owner, message)


def _by_tenant(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "tenant_id" for each in ast.walk(node))


def _defaults(subject: Subject, file: str, function: Function) -> Iterator[Finding]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    pairs += [
        (each, default) for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default
    ]
    for parameter, default in pairs:
        if _is_mutable(default) and parameter.arg in changed(function):
            message = f"the default of {parameter.arg!r} is made once, so all calls share what is put into it"
            yield subject.source.found(
                file,
                default,
                "mutable-default",
                message,
                level="warning",
                advice=f"write {parameter.arg}=None, and make it inside: {ast.unparse(default)}",
                edits=tuple(made_inside(subject.source, file, function, parameter, default)),
            )


def _caches(subject: Subject, file: str, function: Function) -> Iterator[Finding]:
    if not [*function.args.posonlyargs, *function.args.args]:
        return
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        sizes = (
            [*decorator.args, *(word.value for word in decorator.keywords)] if isinstance(decorator, ast.Call) else []
        )
        unbound = name == "cache" or (name == "lru_cache" and any(_is_none(each) for each in sizes[:1]))
        if unbound:
            message = "this cache is never emptied, and all tenants share it"
            yield _found(subject, file, decorator, message)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _attributes(subject: Subject, file: str, function: Function, names: set[str]) -> Iterator[Finding]:
    for node in inside(function):
        stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if stored and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            message = f"an attribute of the function {node.value.id!r} stays, so all runs and all tenants share it"
            yield _found(subject, file, node, message)
