"""Rules for the functions that the platform calls: their parameters, and whether calling them runs their code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import argument, decorators, text
from sbh_jobkit.check.walk import functions, inside, outer_functions
from sbh_jobkit.plugin.addresses import path_parts
from sbh_jobkit.plugin.members import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.subject import Subject
    from sbh_jobkit.check.walk import Function

_CALLED = {
    "job": (1, 1, "(ctx)"),
    "route": (1, 2, "(ctx), or (ctx, data)"),
    "hook": (2, 2, "(ctx, event_data)"),
    "llm_filter": (2, 2, "(ctx, data)"),
    "generator_hook": (2, 2, "(ctx, data)"),
}
"""The fewest and the most arguments that a function of a kind is called with."""
_OF_CONTEXT = {*SERVICES, "emit", "check_memory_usage", "tenant_id"}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield functions that cannot be called as the platform calls them, and code that never runs."""
    for file, tree in subject.source.modules.values():
        outer = outer_functions(tree)
        for function in functions(tree):
            for kind, call in decorators(function):
                yield from _parameters(subject, file, function, kind, call)
                if function not in outer:
                    message = f"{function.name} is inside a function or a class, where the platform does not find it"
                    yield subject.source.found(file, call, "job-nested", message, advice="move it to the module")
                elif kind == "job" and _yields(function):
                    message = f"{function.name} is a generator, so calling it runs nothing of it"
                    yield subject.source.found(file, function, "job-generator", message, advice="remove yield")
    yield from _coroutines(subject)


def _yields(function: Function) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in inside(function))


def _parameters(subject: Subject, file: str, function: Function, kind: str, call: ast.Call) -> Iterator[Finding]:
    fewest, most, shown = _CALLED[kind]
    arguments = function.args
    given = [each.arg for each in [*arguments.posonlyargs, *arguments.args]]
    keywords = [
        each.arg for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    parts = _parts_of_path(kind, call)
    # where the path is not a plain string, every parameter that has a name may be a part of it
    by_name = {*parts} if parts is not None else {each.arg for each in arguments.args} | {*keywords}
    required = [name for name in given[1 : len(given) - len(arguments.defaults)] if name not in by_name]
    unnamed = by_name.intersection(each.arg for each in arguments.posonlyargs[1:])
    missing = len(given) < fewest and arguments.vararg is None
    taken = ", ".join([*given, *keywords]) or "nothing"
    also = f" and with {', '.join(parts)} by name" if parts else ""
    message = f"{function.name} is called with {shown}{also}, but it takes {taken}"
    if missing or len(required) >= most or unnamed or not by_name.issuperset(keywords):
        yield subject.source.found(file, function, "signature", message)
    elif fewest > 1 and len(given) > 1 and _is_context(function, given[1]) and not _is_context(function, given[0]):
        message = f"{function.name} uses {given[1]!r} as the context, but the context comes first"
        node = [*arguments.posonlyargs, *arguments.args][1]
        rule = "D18" if kind == "hook" and subject.settings.target == "host" else "signature"
        yield subject.source.found(file, node, rule, message, advice=f"write def {function.name}{shown}")
    elif kind == "hook" and subject.settings.target == "host" and given[1:] == ["ctx"]:
        message = f"{function.name} takes {given[0]!r} before 'ctx', but it is called with ctx first"
        node = [*arguments.posonlyargs, *arguments.args][0]
        yield subject.source.found(file, node, "D18", message, advice=f"write def {function.name}{shown}")


def _parts_of_path(kind: str, call: ast.Call) -> list[str] | None:
    """Return the parts of a route's path, which it gets by name; None for a path that is not a plain string."""
    if kind != "route":
        return []
    path = text(argument(call, 0, "path"))
    return None if path is None else path_parts(path)


def _is_context(function: Function, name: str) -> bool:
    """Whether a function uses a parameter as it would use the context."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in _OF_CONTEXT
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in ast.walk(function)
    )


def _coroutines(subject: Subject) -> Iterator[Finding]:
    for dropped in subject.trace.dropped:
        if dropped.value.kind == "coroutine":
            message = "nobody awaits this coroutine, so nothing of it runs"
            yield subject.found(dropped, "not-awaited", message, advice=f"write await {ast.unparse(dropped.node)}")
    asynchronous = {
        child
        for _, tree in subject.source.modules.values()
        for function in functions(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        for child in inside(function)
    }
    for called in subject.trace.calls:
        if called.path == "time.sleep" and called.call in asynchronous:
            message = "time.sleep blocks the event loop, so nothing else of the job goes on meanwhile"
            advice = "make it a plain function: one job gains nothing from async"
            yield subject.found(called, "blocking-call", message, called.call, level="note", advice=advice)
