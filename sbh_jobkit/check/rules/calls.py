"""Rules for calls of `ctx`: its members, their arguments, and values that they do not take."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.subject import extension_services
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin.members import OPERATIONS, RESULTS, SERVICES, VALUES, WRITES, calls, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, MemberRead
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject
    from sbh_jobkit.plugin.members import Call, Parameter

_NAMES = {
    "str": "text",
    "bytes": "bytes",
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "dict": "a dict",
    "list": "a list",
    "tuple": "a tuple",
    "set": "a set",
    "none": "None",
    "datetime": "a datetime",
    "date": "a date",
    "timedelta": "a timedelta",
}
"""Types that are known well enough to say that an argument is wrong."""
_DICTS = {*RESULTS, "Row"}
_ANY = {"params", "payload", "id", "data", "json"}
_LENIENT = {"http.post", "http.put", "http.get", "emit", "db.get_by_id"}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield calls that raise, or that `ctx` refuses."""
    for member in subject.trace.members:
        yield from _member(subject, member)
    for call in subject.trace.calls:
        if call.ours and call.path in calls():
            yield from _arguments(subject, call, calls()[call.path])
            yield from _values(subject, call, calls()[call.path])
        elif call.ours and call.path in SERVICES:
            first = next(iter(path for path in calls() if path.startswith(f"{call.path}.")))
            message = f"ctx.{call.path} is not a function"
            yield subject.found(call, "ctx-member", message, advice=f"call one of its members, such as ctx.{first}")


def _member(subject: Subject, member: MemberRead) -> Iterator[Finding]:
    service, _, name = member.path.rpartition(".")
    if member.probed or (service == "db" and name in WRITES) or service not in {"", *SERVICES}:
        return
    known = {*VALUES, *SERVICES, *calls()}
    if member.path in known or name.startswith("__") or (not service and name in extension_services()):
        return
    message = unknown(service or "ctx", name, extension_services() if not service else ())
    yield subject.found(member, "ctx-member", message, advice=_advice(service or "ctx", message))


def _advice(service: str, message: str) -> str:
    if "did you mean" in message:
        return ""
    names = [path for path in calls() if path.startswith(f"{service}.")] if service != "ctx" else []
    return f"it has {', '.join(name.partition('.')[2] for name in names)}" if names else ""


def _arguments(subject: Subject, called: Called, call: Call) -> Iterator[Finding]:
    names = [each.name for each in call.parameters]
    for word in called.call.keywords:
        if word.arg is not None and word.arg not in names:
            hint = did_you_mean(word.arg, names) or f"; it is {call.shown}"
            message = f"ctx.{call.path} has no parameter {word.arg!r}{hint}"
            yield subject.source.found(called.file, word, "ctx-argument", message)
    if called.starred:
        return
    if len(called.given) > len(names):
        most = f"{len(names)} argument{'' if len(names) == 1 else 's'}"
        message = f"ctx.{call.path} takes {most} at most, but {len(called.given)} are given"
        extra = called.call.args[len(names)]
        yield subject.found(called, "ctx-argument", message, extra, advice=f"it is {call.shown}")
    twice = [word for word in called.call.keywords if word.arg in names[: len(called.given)]]
    for word in twice:
        message = f"ctx.{call.path} is given {word.arg!r} twice, by position and by name"
        yield subject.source.found(called.file, word, "ctx-argument", message)
    missing = [
        each.name
        for index, each in enumerate(call.parameters)
        if each.required and index >= len(called.given) and each.name not in called.named
    ]
    if missing:
        message = f"ctx.{call.path} needs {' and '.join(map(repr, missing))}"
        yield subject.found(called, "ctx-argument", message, called.call, advice=f"it is {call.shown}")


def _values(subject: Subject, called: Called, call: Call) -> Iterator[Finding]:
    for position, parameter in enumerate(call.parameters):
        value = None if called.starred else called.argument(position, parameter.name)
        if value is None:
            continue
        node = called.argument_node(position, parameter.name)
        if (problem := _wrong_type(call, parameter, value)) is not None:
            message = f"ctx.{call.path}: {parameter.name!r} must be {_expected(parameter)}, but this is {problem}"
            yield subject.found(called, "ctx-value", message, node, advice=_instead(parameter, value))
        elif (problem := _outside(parameter.name, value)) is not None:
            of_links = call.path == "files.get_presigned_url" and parameter.name in {"operation", "expires_in"}
            rule = "D44" if of_links and subject.settings.target == "host" else "ctx-value"
            yield subject.found(called, rule, f"ctx.{call.path}: {problem}", node)


def _wrong_type(call: Call, parameter: Parameter, value: Value) -> str | None:
    """Return what an argument is, if its type is known and wrong."""
    if not parameter.kinds or (parameter.name in _ANY and call.path in _LENIENT) or value.none:
        return None
    kind = "dict" if value.kind in _DICTS else value.kind
    fits = {*parameter.kinds, *({"int", "bool"} if "float" in parameter.kinds or "int" in parameter.kinds else ())}
    if kind not in _NAMES or kind in fits:
        return None
    shown = f" ({value.literal!r})" if value.is_constant and kind != "none" else ""
    return f"{_NAMES[kind]}{shown}"


def _expected(parameter: Parameter) -> str:
    return " or ".join(_NAMES[kind] for kind in parameter.kinds if kind != "none")


def _instead(parameter: Parameter, value: Value) -> str:
    if parameter.name == "data" and value.kind in {"dict", "list", "tuple", *_DICTS}:
        return "json.dumps(…) makes text of it"
    return "str(…) makes text of it" if parameter.kinds == ("str",) and value.kind == "int" else ""


def _outside(name: str, value: Value) -> str | None:
    """Return what is wrong with a constant that no call takes."""
    given = value.literal
    if name == "operation" and isinstance(given, str) and given not in OPERATIONS:
        hint = did_you_mean(given, OPERATIONS) or f"; use one of {', '.join(OPERATIONS)}"
        return f"there is no operation {given!r}{hint}"
    number = given if isinstance(given, (int, float)) and not isinstance(given, bool) else None
    least = {"limit": 0, "offset": 0, "max_tokens": 1, "expires_in": 1}.get(name)
    if number is not None and least is not None and number < least:
        return f"{name!r} must be a whole number from {least}, but this is {number}"
    if name in {"key", "event_type", "table", "url"} and given == "":
        return f"{name!r} must not be empty"
    if name == "url" and isinstance(given, str) and not isinstance(value.node, ast.JoinedStr) and "://" not in given:
        return f"{given!r} is not a whole address; begin it with https://"
    return None
