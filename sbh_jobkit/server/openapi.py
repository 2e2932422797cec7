"""The OpenAPI document, made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbh_jobkit.server.endpoint import Endpoint

_MEANING = {
    200: "Done.",
    202: "Accepted; it goes on.",
    400: "Bad input.",
    401: "No token, or a wrong one.",
    403: "Another tenant, a role that does not suffice, or a plugin that is disabled.",
    404: "There is no such plugin, job or run.",
    408: "The body came too slowly.",
    409: "It is running already, has ended already, or does not fit what is there.",
    413: "The body is too large.",
    422: "The package is not valid; `errors` has every problem.",
    503: "Too much goes on, or the server is stopping.",
}
_ALWAYS = (200, 400, 401, 403)
_PARAMETERS = {
    "plugin_id": ("the plugin's slug", {"type": "string"}),
    "job_name": ("the job's name", {"type": "string"}),
    "run_id": ("the run's fire time in microseconds since 1970", {"type": "string", "pattern": "^[0-9]{1,16}$"}),
}


def document(endpoints: Iterable[Endpoint], url: str) -> dict[str, Any]:
    """Return the document of a server at an address."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "sbh-jobkit", "version": __version__, "description": "Jobs of SBH plugins, run and seen."},
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Success": _envelope("data"), "Error": _envelope("error")},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    body = {"requestBody": _body(endpoint)} if endpoint.body or endpoint.upload else {}
    statuses = sorted({*_ALWAYS, *endpoint.statuses, *((408,) if body else ())})
    return {
        "summary": endpoint.about,
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}_{endpoint.path}").strip("_"),
        "parameters": [*_parameters(endpoint)],
        **body,
        "responses": {f"{status}": _response(status) for status in statuses},
    }


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    tenant = {"type": "string"}
    yield {"name": "X-Tenant-Slug", "in": "header", "required": True, "description": "the tenant", "schema": tenant}
    for name in re.findall(r"\{(\w+)\}", endpoint.path):
        about, schema = _PARAMETERS[name]
        yield {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
    for name, value in endpoint.query.items():
        yield {"name": name, "in": "query", "description": value.about, "schema": value.schema()}


def _body(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.upload:
        file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        return {"required": True, "content": {"multipart/form-data": {"schema": file}}}
    fields = {name: value.schema() for name, value in endpoint.body.items()}
    required = [name for name, value in endpoint.body.items() if value.required]
    schema = {"type": "object", "required": required, "properties": fields, "additionalProperties": False}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _response(status: int) -> dict[str, Any]:
    name = "Success" if status < 400 else "Error"  # noqa: PLR2004  HTTP's own
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": _MEANING[status], "content": content}


def _envelope(member: str) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "string"} if member == "error" else {}
    return {
        "type": "object",
        "required": ["success", member],
        "properties": {"success": {"type": "boolean"}, member: value},
    }
