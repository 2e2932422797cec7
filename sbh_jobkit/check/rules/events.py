"""Rules for events, hooks and routes, in the code and in the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import argument, decorators, text
from sbh_jobkit.check.walk import functions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.subject import Subject


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield events that nobody can know beforehand, and hooks and routes of which the manifest says otherwise."""
    for called in subject.trace.calls:
        kind = called.argument(0, "event_type") if called.ours and called.path == "emit" else None
        if kind is not None and not kind.is_constant and isinstance(kind.target, tuple):
            message = (
                "this type of event is put together when the job runs, so nobody can list it or write a hook for it"
            )
            advice = "use a fixed type, and put what varies into the payload"
            node = called.argument_node(0, "event_type")
            yield subject.found(called, "event-dynamic", message, node, level="warning", advice=advice)
    yield from _hooks(subject)


def _hooks(subject: Subject) -> Iterator[Finding]:
    source, data = subject.source, subject.source.data
    events, hooked, unknown = data.get("events"), set[str](), bool(source.damaged)
    for file, tree in source.modules.values():
        for function in functions(tree):
            for kind, call in decorators(function):
                node = argument(call, 0, "event_type")
                event = text(node)
                unknown |= kind == "hook" and event is None
                if kind == "hook" and event is not None:
                    hooked.add(event)
                if kind == "hook" and event is not None and node and isinstance(events, list) and event not in events:
                    message = f"the event {event!r} is not in the manifest's events, so the platform may not send it"
                    advice = f'add "{event}" to "events" in plugin.json'
                    yield source.found(file, node, "hook-unlisted", message, level="warning", advice=advice)
                if kind == "route" and data.get("routes", True) in (False, []):
                    message = "plugin.json says that there are no routes"
                    advice = 'write "routes": true in plugin.json'
                    yield source.found(file, call, "route-unlisted", message, level="warning", advice=advice)
    for index, event in enumerate(events if isinstance(events, list) and not unknown else ()):
        if isinstance(event, str) and event not in hooked:
            message = f"the event {event!r} is listed, but no hook receives it"
            path = f"$.events[{index}]"
            yield source.in_manifest(path, "event-unhooked", message, level="warning", advice="remove it")
