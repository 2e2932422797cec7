"""The HTTP backend of a fake tenant: httpx requests, answered by the routes of `world.http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.backends import HttpAnswer, NotServedError
from sbh_jobkit.fakes.http.near_miss import nearest
from sbh_jobkit.fakes.http.routes import INJECTOR, STORAGE, UnmatchedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.http.routes import HttpRoutes
    from sbh_jobkit.fakes.links import LinkServer
    from sbh_jobkit.fakes.repeats import Repeats
    from sbh_jobkit.run.redaction import Redactor


class RoutedHttp:
    """Sends requests to the routes of a world."""

    __slots__ = ("_extensions", "_redactor", "_repeats", "_routes")

    def __init__(
        self,
        routes: HttpRoutes,
        redactor: Callable[[], Redactor],
        storage: LinkServer,
        injector: FaultInjector | None,
        repeats: Repeats,
    ) -> None:
        """Use the routes, and for presigned URLs without a route the storage.

        `injector` may make requests fail, `redactor` hides secrets in advice, `repeats` ends a loop that waits.
        """
        self._repeats = repeats
        self._routes = routes
        self._redactor = redactor
        self._extensions = {STORAGE: storage} if injector is None else {STORAGE: storage, INJECTOR: injector}

    def build(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        data: Any,
        json: Any,
    ) -> httpx.Request:
        """Return a request, without cookies of earlier requests."""
        body = {} if data is None else {"data": data} if hasattr(data, "items") else {"content": data}
        client = self._routes.client
        client.cookies.clear()
        return client.build_request(
            method, url, params=params, headers=headers, json=json, **body, extensions=self._extensions
        )

    def send(self, request: httpx.Request) -> HttpAnswer:
        """Return the answer of the matching route, after redirects; raises NotServedError if no route matches."""
        self._repeats.check(lambda: self._text(request), 'give the route a latency: .after("50ms")')
        try:
            response = self._routes.client.send(request)
        except UnmatchedError as unmatched:
            raise self._explain_unmatched(unmatched.request) from None
        return HttpAnswer(response.status_code, dict(response.headers.items()), response.content)

    def _text(self, request: httpx.Request) -> str:
        shown = self._redactor().text(str(request.url))
        return f"{request.method} {shown}\n{request.read()!r}"

    def _explain_unmatched(self, request: httpx.Request) -> NotServedError:
        method, url = request.method, str(request.url)
        message = f"{method} {url} matches no route of the world{nearest(request, self._routes.routes)}"
        paste = f"world.http.{method.lower()}({self._redactor().pasteable(url)}).respond(json={{…}})"
        return NotServedError(method, url, kind="http-unmatched", message=message, advice=paste)
