"""Find where today's host differs, as far as a plugin's files show it; `simulate --target host` shows the rest."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.code import jobs, line
from sbh_jobkit.check.context import decorators
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin import divergences
from sbh_jobkit.plugin.manifest import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source

EVENTS = frozenset(
    {
        *("auth.user.created", "auth.user.updated", "auth.user.deleted", "payments.subscription.created"),
        *("payments.subscription.updated", "files.uploaded", "files.deleted", "builder.generated", "webhook.received"),
        "analytics.rollup.completed",
    }
)
"""The event types of today's host."""
ON_HOST = {"sdk-import": "D22", "syntax": "D22", "job-twice": "D35"}
"""The rules that are divergences on today's host."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def findings(source: Source) -> Iterator[Finding]:
    """Yield where today's host differs."""
    yield from _check_manifest(source)
    for file, tree in source.modules.values():
        for node in ast.walk(tree):
            for problem in _check_import(node, file) if isinstance(node, ast.ImportFrom) else _check_call(node):
                yield _finding(file, getattr(node, "lineno", 1), *problem)
        for function in [node for node in ast.walk(tree) if isinstance(node, _Function)]:
            for problem in _check_job(function):
                yield _finding(file, line(function), *problem)
            for name, call in decorators(function):
                kind = call.args[0] if call.args else None
                text = kind.value if isinstance(kind, ast.Constant) and isinstance(kind.value, str) else ""
                for problem in _check_hook(function, text) if name == "hook" else _check_route(function, text, name):
                    yield _finding(file, line(function), *problem)


def _finding(file: str, where: int, id_: str, message: str) -> Finding:
    return Finding(file=file, line=where, rule=id_, message=message, advice=divergences.table()[id_].advice)


def _check_manifest(source: Source) -> Iterator[Finding]:
    if not source.text:
        return
    for key in ("version", "entry"):
        if key not in source.data:
            yield _finding(FILE, 1, "D17", f"today's host requires {key!r} in the manifest")
    events = source.data.get("events")
    for index, event in enumerate(events if isinstance(events, list) else ()):
        if isinstance(event, str) and event not in EVENTS:
            message = f"today's host does not know the event {event!r}{did_you_mean(event, EVENTS)}"
            yield _finding(FILE, source.line(f"$.events[{index}]"), "D16", message)
    if source.entry == "main.py":
        yield _finding(
            FILE,
            source.line("$.entry"),
            "D34",
            "today's host confuses plugins whose entries have the same name, such as main.py",
        )


def _check_import(node: ast.ImportFrom, file: str) -> Iterator[tuple[str, str]]:
    if node.level > file.count("/"):  # a module in a folder of the plugin may import from that folder
        name = f"{'.' * node.level}{node.module or ''}"
        yield "D42", f"today's host loads {file} as a top-level module, which cannot import {name!r}"


def _check_call(node: ast.AST) -> Iterator[tuple[str, str]]:
    called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    if called == "get_by_id" and isinstance(node, ast.Call) and any(given.arg == "id" for given in node.keywords):
        yield "D43", "today's host calls the parameter record_id, so get_by_id(…, id=…) raises TypeError"


def _check_job(function: _Function) -> Iterator[tuple[str, str]]:
    if isinstance(function, ast.AsyncFunctionDef) and any(jobs(function)):
        yield "D33", f"today's host does not await async jobs: the code of {function.name} would not run"


def _check_hook(function: _Function, event: str) -> Iterator[tuple[str, str]]:
    if event and event not in EVENTS:
        yield "D16", f"today's host does not know the event {event!r}{did_you_mean(event, EVENTS)}"
    names = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    if "ctx" in names[1:]:
        yield "D18", f"{function.name} takes {names[0]!r} before 'ctx', but it is called with ctx first"


def _check_route(function: _Function, path: str, name: str) -> Iterator[tuple[str, str]]:
    if name != "route":
        return
    arguments = function.args
    if len([*arguments.posonlyargs, *arguments.args]) < 2 and arguments.vararg is None:  # noqa: PLR2004  (ctx, data)
        yield "D19", f"today's host calls {function.name} with (ctx, data), but it takes only ctx"
    if any(mark in path for mark in "<{:"):
        yield "D19", f"today's host does not support parameters in the path {path!r}"
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            yield "D19", f"today's host ignores the status of a tuple, but {function.name} returns one"
        if isinstance(node, ast.Attribute) and node.attr == "request" and getattr(node.value, "id", "") == "ctx":
            yield "D19", f"today's host has no ctx.request, but {function.name} uses it"
