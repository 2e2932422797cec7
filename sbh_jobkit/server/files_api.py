"""Signed links to a tenant's files: who has the link needs no token, until it expires."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from sbh_jobkit import clock
from sbh_jobkit.engines.tenant import signers
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.live.files import BINARY, LiveFiles
from sbh_jobkit.server.answer import SAFE, ApiError
from sbh_jobkit.server.body import LARGEST_FILE, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from sbh_jobkit.context.links import Link
    from sbh_jobkit.server.service import Service

_HARMLESS = {**SAFE, "Content-Security-Policy": "sandbox; default-src 'none'", "Content-Disposition": "attachment"}
"""A file is a tenant's: shown in a browser, it must not act as a page of this server."""
_READS, _WRITES = {"GET", "HEAD"}, {"PUT"}


async def serve_file(service: Service, request: Request) -> Response:
    """Answer a request for a signed link: GET of one for `get_object`, PUT to one for `put_object`."""
    link = _permitted(service, request)
    tenant = request.path_params["tenant"]
    if request.method in _READS:
        return await run_in_threadpool(_read, service, tenant, link, with_body=request.method == "GET")
    data = await read_body(request, LARGEST_FILE)
    content_type = request.headers.get("content-type") or BINARY
    return await run_in_threadpool(_write, service, tenant, link.key, data, content_type)


def _permitted(service: Service, request: Request) -> Link:
    """Return what the link permits; raises ApiError (403) for one that is wrong, expired, or for something else."""
    tenant, link = request.path_params["tenant"], None
    if tenant in service.tenants:
        raw: Any = request.scope.get("raw_path") or request.scope["path"].encode()
        address = f"{service.address.url}{raw.decode('latin-1').partition('?')[0]}?{request.url.query}"
        verified = (each.verify(address, clock.now(UTC)) for each in signers(service.keys, service.address.url, tenant))
        link = next((found for found in verified if found is not None), None)
    if link is None or (link.operation == "get_object") is not (request.method in _READS):
        raise ApiError(403, "the link is not valid, has expired, or is for something else")
    return link


def _files(service: Service, tenant: str) -> LiveFiles:
    try:
        return LiveFiles.from_settings(service.tenants[tenant])
    except JobkitError as error:
        raise ApiError(404, "the tenant has no files") from error


def _read(service: Service, tenant: str, link: Link, *, with_body: bool) -> Response:
    files = _files(service, tenant)
    found, data = files.stat(link.key), files.read(link.key)
    if found is None or data is None:
        raise ApiError(404, "there is no such file")
    headers = {**_HARMLESS, "Content-Length": f"{len(data)}"}
    return Response(data if with_body else b"", headers=headers, media_type=_header(found.content_type))


def _write(service: Service, tenant: str, key: str, data: bytes, content_type: str) -> Response:
    try:
        _files(service, tenant).put(key, data, content_type)
    except ValueError as error:
        raise ApiError(400, f"{error}") from error
    return Response(status_code=200, headers=_HARMLESS)


def _header(content_type: str) -> str:
    """Return a type that a header can hold: jobs may write anything."""
    return content_type if content_type.isascii() and content_type.isprintable() else BINARY
