"""The server as an ASGI application: every address, and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from hashlib import sha256
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.server import calls_api, job_api, operate_api, plugin_api
from sbh_jobkit.server.access import caller_of, tenant_of
from sbh_jobkit.server.answer import SAFE, ApiError, Later, json_response
from sbh_jobkit.server.body import media_type, read_body, read_json, read_upload
from sbh_jobkit.server.endpoint import Call
from sbh_jobkit.server.files_api import serve_file
from sbh_jobkit.server.gauges import Gauges
from sbh_jobkit.server.health import readiness
from sbh_jobkit.server.metrics import CONTENT_TYPE
from sbh_jobkit.server.openapi import document
from sbh_jobkit.server.routing import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sbh_jobkit.server.endpoint import Endpoint
    from sbh_jobkit.server.metrics import Metrics
    from sbh_jobkit.server.service import Service

ENDPOINTS = (*plugin_api.ENDPOINTS, *calls_api.ENDPOINTS, *job_api.ENDPOINTS, *operate_api.ENDPOINTS)
_VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_LOG = logging.getLogger("sbh_jobkit.server")
_LONGEST_WAIT = 600.0
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.5


class App:
    """The addresses of one server."""

    def __init__(
        self, service: Service, metrics: Metrics, pages: tuple[Route, ...] = (), *, stopping: Event | None = None
    ) -> None:
        """Serve the REST API, and the pages that are given; what waits is answered when `stopping` is set."""
        self._stopping = stopping or Event()
        self._service = service
        self._metrics = metrics
        self._readers: set[str] = set()
        """Which tokens have read the numbers."""
        metrics.watch(Gauges(service, workers=service.packs))
        routes: list[Route] = [PlainRoute(each.path, self._endpoint(each), methods=[each.method]) for each in ENDPOINTS]
        routes += [
            Route("/api/plugins", self._endpoint(ENDPOINTS[0]), methods=["GET"]),
            Route("/ext/{slug}/{path:path}", self._route, methods=_VERBS),
            Route("/files/{tenant}/{key:path}", self._file, methods=["GET", "HEAD", "PUT"]),
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._numbers),
            Route("/openapi.json", self._document),
            *pages,
        ]
        failed: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
            ApiError: _refused,
            HTTPException: _refused_by_starlette,
            JobkitError: _mistaken,
            DBAPIError: _without_store,
            Exception: _broken,
        }
        self._starlette = Starlette(routes=routes, exception_handlers=failed)
        self._starlette.router.redirect_slashes = False

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        with suppress(Exception):  # it has been answered and logged; Starlette raises it again, for servers that log
            await self._starlette(scope, receive, send)

    def _endpoint(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller, tenant = await self._identified(request, operates=endpoint.operates)
            query = endpoint.read_query(request.url.query)
            upload, data = b"", b""
            if endpoint.upload:
                upload = await read_upload(request)
            elif endpoint.operates:
                data = await read_body(request)
            body = endpoint.read_body(data, request.headers.get("content-type", ""))
            path = {name: f"{value}" for name, value in request.path_params.items()}
            call = Call(
                service=self._service, caller=caller, tenant=tenant, path=path, query=query, body=body, upload=upload
            )
            found = await run_in_threadpool(endpoint.handler, call)
            return (await _awaited(found, self._stopping) if isinstance(found, Later) else found).response()

        return answer

    async def _identified(self, request: Request, *, operates: bool) -> tuple[Any, str]:
        caller = await run_in_threadpool(caller_of, self._service, request.headers, operates=operates)
        return caller, tenant_of(self._service, caller, request.headers)

    async def _route(self, request: Request) -> Response:
        """Serve a plugin's own route."""
        caller, tenant = await self._identified(request, operates=request.method not in {"GET", "HEAD"})
        data = await read_body(request)
        asked = await _described(request, data)
        call = Call(service=self._service, caller=caller, tenant=tenant, path=request.path_params)
        body, status = await run_in_threadpool(calls_api.serve_route, call, asked)
        return json_response(body, status)

    async def _file(self, request: Request) -> Response:
        """Serve a signed link."""
        return await serve_file(self._service, request)

    async def _alive(self, _: Request) -> Response:
        return json_response({"success": True, "data": {"status": "alive"}})

    async def _ready(self, _: Request) -> Response:
        parts = await run_in_threadpool(readiness, self._service)
        shown = {name: "ok" if why == "ok" else "failed" for name, why in parts.items()}  # who asks has no token
        bad = [name for name, state in shown.items() if state != "ok"]
        if bad:
            error = f"not ready: {', '.join(bad)}; the status page and the log say why"
            return json_response({"success": False, "error": error, "data": shown}, 503)
        return json_response({"success": True, "data": shown})

    async def _numbers(self, request: Request) -> Response:
        token = sha256(request.headers.get("authorization", "").encode()).hexdigest()
        try:
            caller = await run_in_threadpool(caller_of, self._service, request.headers, operates=False)
        except ApiError:
            self._readers.discard(token)
            raise
        except DBAPIError:  # that the store is away must be seen: whose token was good before may see it
            if token not in self._readers:
                raise
        else:
            if caller.tenant is not None:
                raise ApiError(403, "the metrics are of all tenants, and the token is for one")
            self._readers.add(token)
        text = await run_in_threadpool(self._metrics.text)
        return Response(text, headers=SAFE, media_type=CONTENT_TYPE)

    async def _document(self, _: Request) -> Response:
        return json_response(document(ENDPOINTS, self._service.address.url))


async def _awaited(later: Later, stopping: Event) -> Any:
    """Wait for an answer without keeping a thread, for ten minutes at most, and not for longer than the server."""
    pause, until = _FIRST_LOOK, monotonic() + _LONGEST_WAIT
    while monotonic() < until:
        await asyncio.sleep(pause)
        is_last = stopping.is_set()
        if (found := await run_in_threadpool(later.look)) is not None:
            return found
        if is_last:
            return await run_in_threadpool(later.stopping)
        pause = min(pause * 1.3, _LAST_LOOK)
    return await run_in_threadpool(later.late)


async def _described(request: Request, data: bytes) -> dict[str, Any]:
    """Return a request as a plugin's route sees it; what identifies the caller is left out."""
    text = data.decode("utf-8", "replace")
    is_json = "json" in media_type(request.headers.get("content-type", ""))
    hidden = {"authorization", "cookie"}
    return {
        "method": request.method,
        "path": f"/{request.path_params['path']}",
        "query": dict(request.query_params),
        "headers": {name: value for name, value in request.headers.items() if name not in hidden},
        "body": text,
        "json": read_json(data) if data and is_json else None,
    }


async def _refused(_: Request, error: ApiError) -> Response:
    return error.response()


async def _refused_by_starlette(_: Request, error: HTTPException) -> Response:
    words = {404: "there is nothing at this address", 405: "this address does not take this method"}
    return ApiError(error.status_code, words.get(error.status_code, error.detail), headers=error.headers).response()


async def _mistaken(_: Request, error: JobkitError) -> Response:
    return ApiError(503, f"{error}").response()


async def _without_store(_: Request, error: DBAPIError) -> Response:
    _LOG.error("the store cannot be used: %s", f"{error.orig}".strip())
    return ApiError(503, "the store cannot be used; the server's log says why").response()


async def _broken(request: Request, error: Exception) -> Response:
    path = quote(request.scope["path"], errors="replace")  # without the query, which may have what opens a link
    _LOG.error("%s %s could not be answered", request.method, path, exc_info=error)
    return ApiError(500, "the server could not answer; its log says why").response()
