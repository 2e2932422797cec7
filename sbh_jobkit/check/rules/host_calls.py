"""Where today's host answers calls of `ctx` in another way, as far as the code shows it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sbh_jobkit.check.flow.library import NAIVE
from sbh_jobkit.check.rules.failure import parts_of
from sbh_jobkit.check.rules.host import EVENTS
from sbh_jobkit.check.walk import functions, inside
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin import divergences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, MemberRead, Returned, Seen, Used
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

HOSTS = frozenset(
    {"jsonplaceholder.typicode.com", "api.stripe.com", "api.github.com", "api.openai.com", "api.anthropic.com"}
)
"""The only hosts that plugins of today's host may call."""
_OF_KEYS = {"files.delete", "files.get", "files.get_presigned_url"}
_OTHER_JSON = re.compile(r"application/(?!vnd\.github)[\w.-]+\+json", re.IGNORECASE)
"""A content type that is JSON by its end; GitHub answers its own with `application/json`."""
_EXITS = {"sys.exit", "builtins.exit", "builtins.quit"}
_SENT = {"emit": (1, "payload"), "http.post": (2, "json"), "http.put": (2, "json"), "json.dumps": (0, "obj")}
"""The arguments that have to be JSON."""
_PREPARED = {("attribute", "get"), ("in", "")}
"""Uses of a dict that are prepared for a key that is not there."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield calls that today's host refuses or answers otherwise."""
    for member in subject.trace.members:
        if not member.probed:
            yield from _member(subject, member)
    for called in subject.trace.calls:
        if called.ours or called.path == "json.dumps":
            yield from _call(subject, called)
    for used in subject.trace.uses:
        yield from _use(subject, used)
    for returned in subject.trace.returns:
        yield from _returned(subject, returned)
    yield from _exits(subject)


def _found(
    subject: Subject, seen: Seen, id_: str, message: str, node: ast.expr | None = None, *, level: str = "error"
) -> Finding:
    return subject.found(seen, id_, message, node, level=level, advice=divergences.table()[id_].advice)


def _member(subject: Subject, member: MemberRead) -> Iterator[Finding]:
    if member.path == "check_memory_usage":
        yield _found(subject, member, "D2", "today's host has no ctx.check_memory_usage: AttributeError")
    elif member.path == "secrets.has":
        yield _found(subject, member, "D7", "today's host has no ctx.secrets.has: AttributeError")
    elif member.path in {"secrets.set", "secrets.delete"} or (
        member.path == "secrets.list" and not _is_prepared(subject, member)
    ):
        yield _found(subject, member, "D39", f"today's host does nothing for ctx.{member.path}")
    elif member.path == "request" and member.entry.node is not None:
        message = f"today's host has no ctx.request, but {member.entry.node.name} uses it"
        yield _found(subject, member, "D19", message)


def _returned(subject: Subject, returned: Returned) -> Iterator[Finding]:
    if returned.entry.kind == "job":
        yield from _usage(subject, returned, returned.value)
    elif returned.entry.kind == "route" and returned.value.kind == "tuple" and returned.entry.node is not None:
        message = f"today's host ignores the status of a tuple, but {returned.entry.node.name} returns one"
        yield _found(subject, returned, "D19", message)


def _usage(subject: Subject, seen: Seen, value: Value) -> Iterator[Finding]:
    """Find a model's usage in what has to be JSON."""
    for each in parts_of(value):
        if each.key == "usage":
            node = each.node if isinstance(each.node, ast.expr) and each.file in {"", seen.file} else None
            yield _found(subject, seen, "D40", "on today's host usage is an object, which is not JSON", node)


def _exits(subject: Subject) -> Iterator[Finding]:
    """Find calls of `sys.exit`, and what is the same."""
    message = "today's host takes this for success, whatever the exit code"
    for called in subject.trace.calls:
        if called.path in _EXITS and not called.importing:
            yield _found(subject, called, "D36", message, called.call)
    for file, tree in subject.source.modules.values():
        for function in functions(tree):
            for node in inside(function) if function in subject.trace.ran else ():
                raised = node.exc if isinstance(node, ast.Raise) else None
                name = raised.func if isinstance(raised, ast.Call) else raised
                if raised is not None and isinstance(name, ast.Name) and name.id == "SystemExit":
                    advice = divergences.table()["D36"].advice
                    yield subject.source.found(file, raised, "D36", message, advice=advice)


def _is_prepared(subject: Subject, member: MemberRead) -> bool:
    """Whether the secrets are only asked for single names, in ways that also work if there are none (D7's advice)."""
    origins = {each.origin for each in subject.trace.calls if each.node is member.node}
    ways = {(each.how, each.name) for each in subject.trace.uses if each.value.origin in origins}
    return bool(ways) and ways <= _PREPARED


def _use(subject: Subject, used: Used) -> Iterator[Finding]:
    value = used.value
    if value.key == "usage" and used.how == "subscript":
        yield _found(subject, used, "D40", "on today's host usage is an object with attributes, and has no keys")
    elif value.key == "usage" and used.how == "attribute" and hasattr(dict, used.name):
        yield _found(subject, used, "D40", f"on today's host usage is an object, which has no {used.name!r}")
    elif used.other is not None and used.how in {"order", "operator"} and value.kind == "datetime":
        sides = [value, used.other]
        if {each.target for each in sides} == {NAIVE} and any(each.key == "last_modified" for each in sides):
            message = "on today's host last_modified has a zone, so this is a TypeError"
            yield _found(subject, used, "D4", message)
    elif used.other is not None and used.how in {"equal", "in"}:
        yield from _status(subject, used)


def _status(subject: Subject, used: Used) -> Iterator[Finding]:
    """Find a status that is compared with 0, in a loop that writes: it may send again what was done already."""
    sides = [used.value, used.other] if used.other is not None else []
    asked = next((each for each in sides if each.key == "status_code"), None)
    zero = any(0 in {part.literal for part in [each, *(each.parts or ())] if part.kind == "int"} for each in sides)
    if asked is None or not zero:
        return
    writes = asked.member in {"http.post", "http.put"}
    again = any(each.loops for each in subject.trace.calls if each.origin == asked.origin)
    message = "on today's host status_code is 0 also where the server did it, and answered with broken JSON"
    yield _found(subject, used, "D38", message, level="warning" if writes and again else "note")


def _call(subject: Subject, called: Called) -> Iterator[Finding]:
    sent = called.argument(*_SENT[called.path]) if called.path in _SENT else None
    if sent is not None:
        yield from _usage(subject, called, sent)
    if called.path == "db.query" and called.argument(3, "offset") is not None and not called.starred:
        node = called.argument_node(3, "offset")
        yield _found(subject, called, "D1", "today's host takes no offset: TypeError", node)
    if called.path == "secrets.get" and called.argument(1, "default") is not None and not called.starred:
        node = called.argument_node(1, "default")
        yield _found(subject, called, "D7", "today's host takes no default: TypeError", node)
    key = called.argument(0, "key")
    if called.path in _OF_KEYS and key is not None and key.key == "key" and key.member == "files.list":
        node = called.argument_node(0, "key")
        message = f"on today's host a listed key has a prefix, which ctx.{called.path} puts before it again"
        yield _found(subject, called, "D5", message, node)
    event = called.argument(0, "event_type")
    if called.path == "emit" and event is not None and isinstance(event.literal, str) and event.literal not in EVENTS:
        message = f"today's host does not know the event {event.literal!r}{did_you_mean(event.literal, EVENTS)}"
        yield _found(subject, called, "D16", message, called.argument_node(0, "event_type"), level="note")
    url = called.argument(0, "url")
    if called.path.startswith("http.") and url is not None:
        text = url.target[1] if isinstance(url.target, tuple) else ""
        yield from _host(subject, called, url.literal if isinstance(url.literal, str) else f"{text}")
        yield from _other_json(subject, called)


def _host(subject: Subject, called: Called, text: str) -> Iterator[Finding]:
    """Find an address whose host is known, and not one of the five."""
    try:
        host = urlsplit(text).netloc
    except ValueError:
        return
    whole = text.count("/") > 2  # noqa: PLR2004  the slash after the host: the text before a value may end within it
    if host and host not in HOSTS and whole:
        node = called.argument_node(0, "url")
        yield _found(subject, called, "D8", f"today's host does not let plugins call {host!r}", node)


def _other_json(subject: Subject, called: Called) -> Iterator[Finding]:
    """Find uses of the JSON of an answer that the request wants with a content type of its own."""
    headers = called.argument(2 if called.path == "http.get" else 3, "headers")
    wanted = [value.literal for name, value in (headers.keys or () if headers else ()) if f"{name}".lower() == "accept"]
    kind = next((each for each in wanted if isinstance(each, str) and _OTHER_JSON.match(each)), None)
    if kind is None:
        return
    for used in subject.trace.uses:
        if used.value.origin == called.origin and used.how == "subscript" and used.name == "json":
            message = f"today's host reads JSON only of application/json, so of {kind!r} this is None"
            yield _found(subject, used, "D37", message, level="warning")
