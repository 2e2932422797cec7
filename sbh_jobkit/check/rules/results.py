"""Rules for results of `ctx`: used as what they are, with keys that are there, and tested where they may be None."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.edits import or_default
from sbh_jobkit.check.flow.library import TAKES_TEXT
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin.members import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Used
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_PYTHON: dict[str, type] = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "bytes": bytes}
_SHOWN = {"str": "text", "int": "a number", "bool": "True or False", "list": "a list", "none": "None", "bytes": "bytes"}
_DICTS = {*RESULTS, "Row", "dict"}
_GROUPS = {"int": "number", "float": "number", "bool": "number", "str": "str", "bytes": "bytes"}
_RAISED = {
    "attribute": {"AttributeError"},
    "subscript": {"TypeError", "KeyError", "LookupError"},
}
"""The exceptions of a use of None; code that handles one of them expects it."""
_HARMLESS = {"text", "equal", "given"}
_LISTS = {"list": "go through its items, or take one by its number", "generator": ""}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield results that are used wrongly."""
    for used in subject.trace.uses:
        value = used.value
        if value.none and not used.some and used.how != "call":
            yield from _none(subject, used)
        elif value.member:
            yield from _wrong_use(subject, used)


def _none(subject: Subject, used: Used) -> Iterator[Finding]:
    """Find a value that may be None and is used before it was tested."""
    if used.caught & _RAISED.get(used.how, {"TypeError"}):
        return
    if used.how in _HARMLESS and not (used.how == "given" and used.name in TAKES_TEXT):
        if used.value.key == "json" and used.how == "given" and used.name == "json.loads":
            yield from _wrong_use(subject, used)
        return
    if used.how == "operator" and used.operator not in "+-*/%":
        return
    if used.value.kind == "json" and used.how == "given":
        yield from _wrong_use(subject, used)
        return
    what, why = _may_be_none(used.value)
    advice = f"write {ast.unparse(_operand(used))} or …, or test it before"
    edits = tuple(or_default(subject.source, used.value.file, used.value.node)) if used.value.default else ()
    if used.value.default:
        advice = "the default is never used, because the key is always there: write .get(…) or …"
    message = f"{what} may be None: {why}"
    level = "note" if used.status or _is_promised(subject, used.value) else "warning"
    yield subject.found(used, "result-none", message, _operand(used), level=level, advice=advice, edits=edits)


def _is_promised(subject: Subject, value: Value) -> bool:
    """Whether a value is a secret that the manifest lists, so that an administrator sets it."""
    listed = subject.source.data.get("secrets")
    return value.member == "secrets.get" and isinstance(listed, list) and value.secrets <= {*map(str, listed)}


def _may_be_none(value: Value) -> tuple[str, str]:
    if value.key == "json":
        return f'"json" of ctx.{value.member}', "an answer that is not JSON, or none at all, has no JSON"
    if value.key:
        return f'"{value.key}" of ctx.{value.member}', "an answer that failed has none"
    why = {
        "secrets.get": "nobody has set it",
        "db.get_by_id": "there is no such row",
        "files.get": "there is no such file",
    }
    return f"the result of ctx.{value.member}", why.get(value.member, "by the contract")


def _operand(used: Used) -> ast.expr:
    """Return the part of the code that is None."""
    if isinstance(used.node, (ast.Attribute, ast.Subscript)) and used.how in {"attribute", "subscript"}:
        return used.node.value
    return used.node


def _wrong_use(subject: Subject, used: Used) -> Iterator[Finding]:
    kinds = {
        "attribute": _attribute,
        "subscript": _subscript,
        "iterate": _iterate,
        "order": _order,
        "equal": _equal,
        "operator": _operator,
        "given": _given,
        "call": _call,
    }
    if used.how in kinds:
        yield from kinds[used.how](subject, used)


def _attribute(subject: Subject, used: Used) -> Iterator[Finding]:
    value, owner = used.value, ast.unparse(_operand(used))
    known = _PYTHON.get("dict" if value.kind in _DICTS else value.kind)
    if value.kind == "none":
        message = f"ctx.{value.member} returns nothing, so {used.name!r} of it fails"
        yield subject.found(used, "result-type", message)
    elif known is not None and not hasattr(known, used.name) and "AttributeError" not in used.caught:
        keys = RESULTS.get(value.kind, {})
        advice = _write(owner, used.name, value)
        message = f"{_what(value)} is {_kind(value)}, which has no attribute {used.name!r}"
        yield subject.found(used, "result-type", message, advice=advice if keys or value.kind == "Row" else "")


def _write(owner: str, name: str, value: Value) -> str:
    keys = RESULTS.get(value.kind, {})
    if value.kind == "File" and name in {"read", "decode", "content", "data", "text", "body"}:
        return "a job cannot read a file's content: ctx.http.get(ctx.files.get_presigned_url(key)) does"
    key = {"status": "status_code", "body": "text", "content": "text", "ok": "status_code"}.get(name, name)
    near = key if key in keys or not keys else next(iter(keys))
    return f'write {owner}["{near}"]'


def _subscript(subject: Subject, used: Used) -> Iterator[Finding]:
    value, name = used.value, used.name
    if value.kind in {"int", "bool", "none"}:
        message = f"{_what(value)} is {_SHOWN[value.kind]}, and has no items"
        yield subject.found(used, "result-type", message)
    elif value.kind in {"list", "str"} and name:
        message = f"{_what(value)} is {_SHOWN[value.kind]}, and has no key {name!r}"
        yield subject.found(used, "result-type", message, advice=_LISTS.get(value.kind, ""))
    keys = RESULTS.get(value.kind)
    if keys is None or not name or not isinstance(used.node, ast.Subscript):
        return
    if name not in keys:
        advice = _no_content(value, name)
        hint = "" if advice else did_you_mean(name, keys) or f"; it has {', '.join(keys)}"
        message = f"{_what(value)} has no key {name!r}{hint}"
        yield subject.found(used, "result-key", message, used.node.slice, advice=advice)
    elif not keys[name].always and not used.present and not {"KeyError", "LookupError"} & used.caught:
        when = "when it failed" if name == "error" else "when it did not fail"
        message = f"{_what(value)} has the key {name!r} only {when}"
        advice = f'write {ast.unparse(used.node.value)}.get("{name}")'
        level = "note" if used.status else "warning"
        yield subject.found(used, "result-key", message, used.node.slice, level=level, advice=advice)


def _no_content(value: Value, name: str) -> str:
    if value.kind in {"File", "ListedFile"} and name in {"content", "data", "body", "text"}:
        return "a job cannot read a file's content: ctx.http.get(ctx.files.get_presigned_url(key)) does"
    return ""


def _iterate(subject: Subject, used: Used) -> Iterator[Finding]:
    value = used.value
    if value.kind in {"int", "bool", "none"}:
        message = f"{_what(value)} is {_SHOWN[value.kind]}, and has no items"
        advice = "ctx.db.query returns the rows" if value.member == "db.count" else ""
        yield subject.found(used, "result-type", message, advice=advice)
    elif value.kind in RESULTS and not used.name:
        message = f"{_what(value)} is a dict, so this goes through its keys {', '.join(RESULTS[value.kind])}"
        yield subject.found(used, "result-type", message, level="warning")


def _order(subject: Subject, used: Used) -> Iterator[Finding]:
    left, right = used.value, used.other
    if right is None or right.none or "TypeError" in used.caught:
        return
    kinds = [_group(left), _group(right)]
    if "" in kinds or kinds[0] == kinds[1] or "datetime" in {left.kind, right.kind}:
        return
    advice = "len(…) is their number" if left.kind == "list" else ""
    message = f"{_what(left)} is {_kind(left)}, and cannot be compared with {_kind(right)} by {used.operator}"
    yield subject.found(used, "result-type", message, advice=advice)


def _equal(subject: Subject, used: Used) -> Iterator[Finding]:
    left, right = used.value, used.other
    if right is None or right.kind == "none" or left.none:
        return
    if left.kind in {*RESULTS, "list", "int", "bool"} and right.is_constant and _group(left) != _group(right):
        message = f"{_what(left)} is {_kind(left)}, and never equals {right.literal!r}"
        owner = ast.unparse(used.node.left) if isinstance(used.node, ast.Compare) else ""
        advice = f'write {owner}["status_code"]' if left.kind == "Response" and owner else ""
        yield subject.found(used, "result-type", message, level="warning", advice=advice)


def _operator(subject: Subject, used: Used) -> Iterator[Finding]:
    left, right = used.value, used.other
    if right is None or used.operator != "+" or right.none or "TypeError" in used.caught:
        return
    kinds = [_group(left), _group(right)]
    if "" not in kinds and kinds[0] != kinds[1]:
        message = f"{_what(left)} is {_kind(left)}, and cannot be added to {_kind(right)}"
        yield subject.found(used, "result-type", message)


def _given(subject: Subject, used: Used) -> Iterator[Finding]:
    takes, value = TAKES_TEXT.get(used.name), used.value
    if takes is None or value.kind in {"", *takes} or "TypeError" in used.caught:
        return
    if value.kind == "json":
        if used.name == "json.loads" and not used.caught & {"ValueError"}:
            message = f'"json" of ctx.{value.member} is parsed already'
            yield subject.found(used, "result-type", message, advice="use it as it is, or parse its text")
        return
    message = f"{used.name} takes text, but {_what(value)} is {_kind(value)}"
    advice = f'write {ast.unparse(used.node)}["text"]' if "text" in RESULTS.get(value.kind, {}) else ""
    yield subject.found(used, "result-type", message, advice=advice)


def _call(subject: Subject, used: Used) -> Iterator[Finding]:
    if used.value.kind in {*_PYTHON, *RESULTS, "Row", "json"}:
        message = f"{_what(used.value)} is {_kind(used.value)}, and cannot be called"
        yield subject.found(used, "result-type", message, advice="remove the parentheses")


def _what(value: Value) -> str:
    if value.key:
        return f'"{value.key}" of ctx.{value.member}'
    where = {"ListedFile": "an item of ", "Row": "a row of "}.get(value.kind, "the result of ")
    return f"{where}ctx.{value.member}"


def _kind(value: Value) -> str:
    if value.kind in _DICTS:
        return "a dict"
    return {"json": "data", "float": "a number", **_SHOWN}.get(value.kind, f"a {value.kind}")


def _group(value: Value) -> str:
    if value.kind in _DICTS:
        return "dict"
    return {"list": "list", "none": "none", **_GROUPS}.get(value.kind, "")
