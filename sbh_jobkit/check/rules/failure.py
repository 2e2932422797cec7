"""Rules for how a job says that it failed: the platform believes what it returns."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import jobs
from sbh_jobkit.check.walk import functions, inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, Returned, Seen
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject
    from sbh_jobkit.check.walk import Function

_BROAD = {"Exception", "BaseException"}
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_QUIET = (ast.Expr, ast.Pass)
_NOT_JSON = {
    "set": "a set",
    "bytes": "bytes",
    "datetime": "a datetime",
    "date": "a date",
    "timedelta": "a timedelta",
    "Decimal": "a Decimal",
    "UUID": "a UUID",
    "function": "a function",
    "generator": "a generator",
    "complex": "a complex number",
    "exception": "an exception",
    "coroutine": "a coroutine",
    "ctx": "a part of ctx",
}
_IN_JSON = {
    "set": "sorted(…) makes a list of it",
    "bytes": ".decode() makes text of it",
    "datetime": "write .isoformat()",
    "date": "write .isoformat()",
    "timedelta": "write .total_seconds()",
    "Decimal": "write float(…) or str(…)",
    "UUID": "write str(…)",
    "exception": "write str(…)",
    "generator": "list(…) makes a list of it",
}
_DEPTH = 6


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield failures that the platform takes for success, and values that JSON does not have."""
    for file, tree in subject.source.modules.values():
        for function in functions(tree):
            yield from _swallowed(subject, file, function)
    for returned in subject.trace.returns:
        if returned.entry.kind == "job":
            yield from _status(subject, returned)
            yield from _returned(subject, returned)
    for called in subject.trace.calls:
        yield from _sent(subject, called)
    yield from _mixed(subject)


def _status(subject: Subject, returned: Returned) -> Iterator[Finding]:
    status, success = returned.value.at("status"), returned.value.at("success")
    if status is not None and isinstance(status.literal, str) and status.literal not in {"success", "error"}:
        message = f'"status" is {status.literal!r}, which the platform takes for success'
        advice = 'a job that failed returns {"status": "error", "error": …}, any other one {"status": "success"}'
        yield subject.found_in(status, returned, "status-word", message, level="warning", advice=advice)
    if success is not None and success.is_constant and not isinstance(success.literal, bool):
        message = f'"success" is {success.literal!r}; only False means that the job failed'
        yield subject.found_in(success, returned, "status-word", message, level="warning", advice="write True or False")


def _returned(subject: Subject, returned: Returned) -> Iterator[Finding]:
    """Find what JSON does not have in what a job returns; today's host cannot even answer then."""
    for found in _not_json(subject, returned, returned.value, "what a job returns", "warning"):
        yield replace(found, rule="D41", level="error") if subject.settings.target == "host" else found


def _sent(subject: Subject, called: Called) -> Iterator[Finding]:
    if called.ours and called.path == "emit":
        value = called.argument(1, "payload")
        if value is not None:
            yield from _not_json(subject, called, value, "the payload of an event", "error")
    elif called.ours and called.path in {"http.post", "http.put"}:
        value = called.argument(2, "json")
        if value is not None:
            yield from _not_json(subject, called, value, "the JSON of a request", "error")
    elif called.path == "json.dumps" and called.given and not {"default", "cls"} & {*called.named}:
        yield from _not_json(subject, called, called.given[0], "what json.dumps writes", "error")


def _not_json(subject: Subject, seen: Seen, value: Value, where: str, level: str) -> Iterator[Finding]:
    """Find parts of a value that JSON cannot write."""
    for each in parts_of(value):
        what = _NOT_JSON.get(each.kind)
        if isinstance(each.literal, float) and not math.isfinite(each.literal):
            what = str(each.literal)
        if what is not None:
            message = f"{where} must be JSON, and JSON has no place for {what}"
            advice = _IN_JSON.get(each.kind, "")
            yield subject.found_in(each, seen, "not-json", message, level=level, advice=advice)


def parts_of(value: Value, depth: int = _DEPTH) -> Iterator[Value]:
    """Yield a value, and what is in it as far as JSON would write it."""
    yield value
    if depth and value.kind not in _NOT_JSON:
        for each in [*(value.parts or ()), *(each for _, each in value.keys or ())]:
            yield from parts_of(each, depth - 1)


def _mixed(subject: Subject) -> Iterator[Finding]:
    """Find jobs that return something on one way, and nothing on another."""
    for entry in subject.trace.entries:
        ends = [each for each in subject.trace.returns if each.entry is entry]
        function = entry.node
        if entry.kind != "job" or function is None or all(each.value.is_none for each in ends):
            continue
        message = "the job returns nothing here, and something elsewhere, so its history does not say what happened"
        advice = 'return {"status": "success"} or {"status": "error", "error": …} on every way'
        for each in ends:
            if each.value.is_none:
                yield subject.found(each, "return-missing", message, level="warning", advice=advice)
        if entry in subject.trace.falls:
            message = f"the end of {function.name} is reached without a return, which elsewhere returns something"
            yield subject.source.found(entry.file, function, "return-missing", message, level="warning", advice=advice)


def _swallowed(subject: Subject, file: str, function: Function) -> Iterator[Finding]:
    advice = 'return {"status": "error", "error": str(error)}, or raise'
    for node in inside(function):
        if not isinstance(node, ast.Try):
            continue
        for statement in node.finalbody:
            if isinstance(statement, ast.Return):
                message = "a return in finally hides every exception and every other return"
                yield subject.source.found(
                    file, statement, "swallowed", message, level="warning", advice="return after the try"
                )
        for handler in node.handlers:
            if _is_broad(handler) and _ends_in_success(function, node, handler):
                message = "every exception ends here, and then the job says success"
                yield subject.source.found(file, handler, "swallowed", message, level="warning", advice=advice)
            elif _is_broad(handler) and all(isinstance(each, (ast.Pass, ast.Continue)) for each in handler.body):
                message = "every exception ends here, and nothing tells of it"
                yield subject.source.found(
                    file, handler, "swallowed", message, level="note", advice="count or print what was left out"
                )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in _BROAD)


def _ends_in_success(function: Function, node: ast.Try, handler: ast.ExceptHandler) -> bool:
    """Whether a handler returns success, or prints at most and the job goes on to say success."""
    returned = [each for each in handler.body if isinstance(each, ast.Return)]
    if returned and not any(isinstance(each, (ast.Raise, ast.If)) for each in inside(handler)):
        return _is_success(returned[-1].value)
    quiet = all(isinstance(each, _QUIET) for each in handler.body)
    if not quiet or node not in function.body or not any(jobs(function)):
        return False
    rest = function.body[function.body.index(node) + 1 :]
    last = rest[-1] if rest else None
    if node.orelse and any(isinstance(each, ast.Return) for each in node.orelse):
        rest, last = [], None
    if last is None:
        return True
    simple = not any(isinstance(each, _ENDS) for part in rest[:-1] for each in [part, *inside(part)])
    return simple and isinstance(last, ast.Return) and _is_success(last.value)


def _is_success(node: ast.expr | None) -> bool:
    if not isinstance(node, ast.Dict):
        return False
    pairs = {
        key.value: value.value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }
    return pairs.get("status") == "success" or pairs.get("success") is True
