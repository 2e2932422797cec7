"""Routes and hooks of plugins: each is called in a child process, with the limits of a run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin.addresses import path_pattern
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.server.answer import Answer, ApiError
from sbh_jobkit.server.endpoint import Endpoint, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.server.endpoint import Call
    from sbh_jobkit.server.service import Service

_AT_ONCE = 4
_PATIENCE = 10.0
"""Seconds for one of the others to end."""
_slots = threading.BoundedSemaphore(_AT_ONCE)


def test_event(call: Call) -> Answer:
    """Call the hooks of an event in every plugin that is enabled."""
    name, data = call.body["event_type"], call.body.get("event_data", {})
    results = []
    for each in call.service.plugins(call.tenant):
        for index, hook in enumerate(each.plugin.hooks if each.installation.enabled else ()):
            if (hook.kind, hook.name) == ("event", name):
                asked = {"kind": "hook", "index": index, "data": data, **_who(call)}
                run = carry_out(call.service, call.tenant, each.plugin, f"hook {name}", asked)
                results.append(_result(each.plugin.slug, run))
    return Answer(data={"event_type": name, "hooks_executed": len(results), "results": results})


def _who(call: Call) -> dict[str, Any]:
    return {"user_id": call.caller.name, "role": call.caller.role}


def _result(slug: str, run: Run) -> dict[str, Any]:
    value = run.value.get("result") if isinstance(run.value, dict) else run.value
    row = {"plugin": slug, "result": value, "stdout": run.stdout, "stderr": run.stderr, "success": run.ok}
    return row if run.ok else {**row, "error": run.summary or run.verdict}


def carry_out(service: Service, tenant: str, plugin: PluginDescription, name: str, asked: Mapping[str, Any]) -> Run:
    """Call a route or a hook, and return what happened; raises ApiError (503) where too much goes on."""
    if not _slots.acquire(timeout=_PATIENCE):
        raise ApiError(503, "too many routes and hooks are being called; try again", headers={"Retry-After": "5"})
    try:
        with service.starter.request(service.request(tenant, plugin, name, asked)) as handle:
            if handle.wait_ready():
                handle.go()
            return handle.result()
    finally:
        _slots.release()


def find_route(plugin: PluginDescription, method: str, path: str) -> tuple[int, dict[str, str]]:
    """Return the number of the route that serves a path, and the parts of the path; raises ApiError (404, 405)."""
    others: set[str] = set()
    for index, route in enumerate(plugin.routes):
        found = path_pattern(route.path).fullmatch(f"/{path.strip('/')}")
        if found is None:
            continue
        if method in route.methods or (method == "HEAD" and "GET" in route.methods):
            return index, found.groupdict()
        others |= {*route.methods}
    if others:
        allowed = ", ".join(sorted(others))
        raise ApiError(405, f"this route takes {allowed}", headers={"Allow": allowed})
    raise ApiError(404, f"the plugin {plugin.slug!r} has no such route")


def serve_route(call: Call, request: Mapping[str, Any]) -> tuple[Any, int]:
    """Return the body and the status with which a plugin's route answers a request; raises ApiError."""
    plugin = call.service.enabled(call.tenant, call.path["slug"]).plugin
    index, parts = find_route(plugin, request["method"], call.path["path"])
    asked = {"kind": "route", "index": index, "request": {**request, "path_params": parts}, **_who(call)}
    run = carry_out(call.service, call.tenant, plugin, f"route {request['method']} {plugin.routes[index].path}", asked)
    if run.outcome in {Outcome.OK, Outcome.FAILED} and isinstance(run.value, dict) and "answer" in run.value:
        return run.value["body"], int(run.value["answer"])
    if run.outcome is Outcome.TIMED_OUT:
        raise ApiError(504, f"the plugin's route took too long: {run.summary}")
    raise ApiError(502, f"the plugin's route failed: {run.summary or run.verdict}")


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/plugins/test-event",
        about="Call the hooks of an event in every plugin of the tenant that is enabled.",
        handler=test_event,
        statuses=(413, 503),
        body={
            "event_type": Value(kind="string", about="such as files.uploaded", required=True, least=1, most=200),
            "event_data": Value(kind="any", about="what the hooks are given"),
        },
    ),
)
