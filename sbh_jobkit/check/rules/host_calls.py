"""Where today's host answers calls of `ctx` in another way, as far as the code shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sbh_jobkit.check.flow.library import NAIVE
from sbh_jobkit.plugin import divergences

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, Seen, Used
    from sbh_jobkit.check.subject import Subject

HOSTS = frozenset(
    {"jsonplaceholder.typicode.com", "api.stripe.com", "api.github.com", "api.openai.com", "api.anthropic.com"}
)
"""The only hosts that plugins of today's host may call."""
_OF_KEYS = {"files.delete", "files.get", "files.get_presigned_url"}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield calls that today's host refuses or answers otherwise."""
    for member in subject.trace.members:
        if member.path == "check_memory_usage" and not member.probed:
            message = "today's host has no ctx.check_memory_usage: AttributeError"
            yield _found(subject, member, "D2", message)
        elif member.path == "secrets.has" and not member.probed:
            yield _found(subject, member, "D7", "today's host has no ctx.secrets.has: AttributeError")
        elif member.path in {"secrets.set", "secrets.delete", "secrets.list"} and not member.probed:
            yield _found(subject, member, "D39", f"today's host does nothing for ctx.{member.path}")
    for called in subject.trace.calls:
        if called.ours:
            yield from _call(subject, called)
    for used in subject.trace.uses:
        yield from _use(subject, used)


def _use(subject: Subject, used: Used) -> Iterator[Finding]:
    if used.value.key == "usage" and used.how == "subscript":
        yield _found(subject, used, "D40", "on today's host usage is an object with attributes, and has no keys")
    elif used.other is not None and used.how in {"order", "operator"} and used.value.kind == "datetime":
        sides = [used.value, used.other]
        if {each.target for each in sides} == {NAIVE} and any(each.key == "last_modified" for each in sides):
            message = "on today's host last_modified has a zone, so this is a TypeError"
            yield _found(subject, used, "D4", message)


def _found(subject: Subject, seen: Seen, id_: str, message: str, node: ast.expr | None = None) -> Finding:
    return subject.found(seen, id_, message, node, advice=divergences.table()[id_].advice)


def _call(subject: Subject, called: Called) -> Iterator[Finding]:
    if called.path == "db.query" and (offset := called.argument(3, "offset")) is not None and not called.starred:
        del offset
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
    url = called.argument(0, "url")
    if called.path.startswith("http.") and url is not None:
        text = (
            url.literal if isinstance(url.literal, str) else f"{url.target[1]}" if isinstance(url.target, tuple) else ""
        )
        yield from _host(subject, called, text)


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
