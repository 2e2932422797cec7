"""Rules for secrets: where their values go, whether they are there, and whether the manifest names them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from sbh_jobkit.check import jsontext
from sbh_jobkit.check.flow.values import all_secrets
from sbh_jobkit.plugin.members import calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, Seen, Used
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_CREDENTIAL = re.compile(r"key|token|secret|passw|pwd|credential|private|auth(?!or)|signing|pin\b", re.IGNORECASE)
"""Names of secrets whose values open something; others, such as an address or a template, may be shown."""
_ENDS = {"emit": "an event", "files.upload": "a file", "llm.run": "a prompt"}
_LOGS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield secrets that leak, that may be missing, and that the manifest does not name."""
    for called in subject.trace.calls:
        yield from _leaks(subject, called)
    for returned in subject.trace.returns:
        if returned.entry.kind in {"job", "route"}:
            yield from _leak(subject, returned, returned.node, returned.value, "what it returns")
    for used in subject.trace.uses:
        if used.how == "text" and used.value.member == "secrets.get" and used.value.none and not used.some:
            yield from _none(subject, used)
    yield from _manifest(subject)


def _leaks(subject: Subject, called: Called) -> Iterator[Finding]:
    """Find arguments that have the value of a secret in them, and end where others can read it."""
    where, names = "", set[str]()
    if called.path == "builtins.print" or _is_log(called):
        where = "the job's log"
    elif called.ours and called.path in _ENDS:
        where = _ENDS[called.path]
    elif called.ours and called.path in calls() and called.path.startswith("http."):
        where, names = "an address, which servers and proxies log", {"url", "params"}
    if not where:
        return
    nodes = [*called.call.args, *(word.value for word in called.call.keywords if word.arg)]
    values = [*called.given, *(called.named[word.arg] for word in called.call.keywords if word.arg)]
    parameters = [each.name for each in calls()[called.path].parameters] if called.path in calls() else []
    given = [*parameters[: len(called.given)], *(word.arg for word in called.call.keywords if word.arg)]
    for index, (node, value) in enumerate(zip(nodes, values, strict=True)):
        if not names or given[index] in names:
            yield from _leak(subject, called, node, value, where)


def _is_log(called: Called) -> bool:
    module, _, name = called.path.rpartition(".")
    return module.startswith("logging") and name in _LOGS


def _leak(subject: Subject, seen: Seen, node: ast.expr, value: Value, where: str) -> Iterator[Finding]:
    """Find the secrets in a value; of a dict that is written out here, at the key that has it."""
    if value.node is node and value.keys is not None:
        for _, each in value.keys:
            inner = each.node if isinstance(each.node, ast.expr) else node
            yield from _leak(subject, seen, inner, each, where)
        return
    for name in sorted(all_secrets(value)):
        if _CREDENTIAL.search(name):
            message = f"the value of the secret {name!r} ends in {where}"
            yield subject.found(seen, "secret-leaked", message, node, advice="leave it out")


def _none(subject: Subject, used: Used) -> Iterator[Finding]:
    """Find text that would say None in place of a secret; the manifest promises those that it lists."""
    name = next(iter(used.value.secrets), "")
    listed = subject.source.data.get("secrets")
    level = "note" if isinstance(listed, list) and name in listed else "warning"
    called = f"the secret {name!r}" if name else "the secret"
    message = f"{called} may not be set, and then this text has 'None' in its place"
    advice = 'test it before, and return {"status": "error", "error": …}'
    yield subject.found(used, "secret-none", message, level=level, advice=advice)


def _manifest(subject: Subject) -> Iterator[Finding]:
    """Find secrets that are read and not listed, or listed and never read."""
    source, listed = subject.source, subject.source.data.get("secrets")
    if not isinstance(listed, list) or source.manifest is None:
        return
    read: set[object] = set()
    all_known = subject.trace.complete and not source.damaged
    for called in subject.trace.calls:
        if not called.ours or not called.path.startswith("secrets."):
            continue
        value = called.argument(0, "key")
        name = value.literal if value is not None else None
        if not isinstance(name, str):
            all_known = False
        elif called.path != "secrets.set" and name not in read | {*listed}:
            message = f"the secret {name!r} is read, but plugin.json does not list it"
            node = called.argument_node(0, "key")
            edits = jsontext.with_item(source.text, "$.secrets", name)
            advice = f'add "{name}" to "secrets" in plugin.json'
            yield subject.found(called, "secret-undeclared", message, node, level="warning", advice=advice, edits=edits)
        read.add(name)
    if all_known and _all_followed(subject):
        yield from _unread(subject, listed, read)


def _all_followed(subject: Subject) -> bool:
    """Whether the secrets never went to code that is not followed."""
    texts = "\n".join(line for file, lines in subject.source.texts.items() if file.endswith(".py") for line in lines)
    reads = len(re.findall(r"\bsecrets\b", texts))
    calls = {(each.file, each.node.lineno) for each in subject.trace.calls if each.path.startswith("secrets.")}
    return (reads == len(re.findall(r"\bsecrets\.\w+\(", texts)) and len(calls) > 0) or reads == 0


def _unread(subject: Subject, listed: list[object], read: set[object]) -> Iterator[Finding]:
    for index, name in enumerate(listed):
        if isinstance(name, str) and name not in read:
            yield subject.source.in_manifest(
                f"$.secrets[{index}]",
                "secret-unread",
                f"the secret {name!r} is listed, but the plugin never reads it",
                level="warning",
                advice="remove it",
                edits=jsontext.without(subject.source.text, "$.secrets", index),
            )
