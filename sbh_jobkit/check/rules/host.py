"""Find where today's host differs, as far as a plugin's files show it; `simulate --target host` shows the rest."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import argument, decorators, jobs, text
from sbh_jobkit.check.walk import functions, nodes
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin import divergences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.source import Node, Source
    from sbh_jobkit.check.walk import Function

EVENTS = frozenset(
    {
        *("auth.user.created", "auth.user.updated", "auth.user.deleted", "payments.subscription.created"),
        *("payments.subscription.updated", "files.uploaded", "files.deleted", "builder.generated", "webhook.received"),
        "analytics.rollup.completed",
    }
)
"""The event types of today's host."""
ON_HOST = {"sdk-import": "D22", "syntax": "D22", "job-twice": "D35", "schedule": "D45"}
"""The rules that are divergences on today's host."""


def findings(source: Source) -> Iterator[Finding]:
    """Yield where today's host differs."""
    yield from _manifest(source)
    for file, tree in source.modules.values():
        for node in nodes(tree):
            yield from _import(source, file, node)
        for function in functions(tree):
            if isinstance(function, ast.AsyncFunctionDef) and any(jobs(function)):
                message = f"today's host does not await async jobs: the code of {function.name} would not run"
                yield _found(source, file, function, "D33", message)
            for name, call in decorators(function):
                kind = argument(call, 0, "event_type" if name == "hook" else "path")
                if name == "hook":
                    yield from _hook(source, file, kind)
                elif name == "route":
                    yield from _route(source, file, function, kind)


def _found(source: Source, file: str, node: Node, id_: str, message: str) -> Finding:
    return source.found(file, node, id_, message, advice=divergences.table()[id_].advice)


def _manifest(source: Source) -> Iterator[Finding]:
    if not source.text:
        return
    advice = {id_: divergences.table()[id_].advice for id_ in ("D16", "D17")}
    for key in ("version", "entry"):
        if key not in source.data:
            message = f"today's host requires {key!r} in the manifest"
            yield source.in_manifest("$", "D17", message, advice=advice["D17"])
    events = source.data.get("events")
    for index, event in enumerate(events if isinstance(events, list) else ()):
        if isinstance(event, str) and event not in EVENTS:
            message = f"today's host does not know the event {event!r}{did_you_mean(event, EVENTS)}"
            yield source.in_manifest(f"$.events[{index}]", "D16", message, advice=advice["D16"])
    if source.entry == "main.py":
        message = "today's host confuses plugins whose entries have the same name, such as main.py"
        yield source.in_manifest("$.entry", "D34", message, level="note", advice=divergences.table()["D34"].advice)


def same_entry(source: Source, others: str) -> Finding:
    """Return the finding for a plugin whose entry has the name of those of other plugins."""
    message = f"today's host gives this plugin the module {source.entry} of another one, and the reverse: {others}"
    return source.in_manifest("$.entry", "D34", message, level="warning", advice=divergences.table()["D34"].advice)


def _import(source: Source, file: str, node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.ImportFrom) and node.level > file.count("/"):  # a folder's modules may import from it
        name = f"{'.' * node.level}{node.module or ''}"
        message = f"today's host loads {file} as a top-level module, which cannot import {name!r}"
        yield _found(source, file, node, "D42", message)
    called = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    for word in node.keywords if isinstance(node, ast.Call) and called is not None else ():
        if called is not None and called.attr == "get_by_id" and word.arg == "id":
            message = "today's host calls the parameter record_id, so get_by_id(…, id=…) raises TypeError"
            yield _found(source, file, word, "D43", message)


def _hook(source: Source, file: str, kind: ast.expr | None) -> Iterator[Finding]:
    event = text(kind)
    if kind is not None and event and event not in EVENTS:
        message = f"today's host does not know the event {event!r}{did_you_mean(event, EVENTS)}"
        yield _found(source, file, kind, "D16", message)


def _route(source: Source, file: str, function: Function, kind: ast.expr | None) -> Iterator[Finding]:
    arguments, path = function.args, text(kind) or ""
    if len([*arguments.posonlyargs, *arguments.args]) < 2 and arguments.vararg is None:  # noqa: PLR2004  (ctx, data)
        message = f"today's host calls {function.name} with (ctx, data), but it takes only ctx"
        yield _found(source, file, function, "D19", message)
    if kind is not None and any(mark in path for mark in "<{:"):
        yield _found(source, file, kind, "D19", f"today's host does not support parameters in the path {path!r}")
