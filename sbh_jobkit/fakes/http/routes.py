"""`world.http`: a respx router behind one httpx client; nothing is patched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx
import respx
from respx.models import AllMockedAssertionError, PassThrough

from sbh_jobkit.context.backends import AnswerMistakeError
from sbh_jobkit.fakes.http.near_miss import route_name
from sbh_jobkit.fakes.http.route import HttpRoute, RouteState
from sbh_jobkit.fakes.persistent_list import ListSnapshot, PersistentList

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sbh_jobkit.fakes.faults.injector import Refusal
    from sbh_jobkit.run.run import HttpCall


INJECTOR = "sbh.injector"
"""The request extension that holds the run's fault injector; httpx keeps it through redirects."""

STORAGE = "sbh.storage"
"""The request extension that holds what answers presigned URLs for the run."""


class UnmatchedError(Exception):
    """A request, perhaps after a redirect, matches no route."""

    def __init__(self, request: httpx.Request) -> None:
        """Keep the request that did not match."""
        super().__init__(request)
        self.request = request


@dataclass(frozen=True, slots=True)
class HttpState:
    """The routes and the log of requests, in a snapshot."""

    routes: tuple[tuple[Any, RouteState | None], ...]
    log: ListSnapshot[HttpCall]
    calls: int


class HttpRoutes(respx.Router):
    """`world.http`: respx routes, such as `world.http.get(url).respond(json=[…])`."""

    def __init__(self, random: Callable[[], Random]) -> None:
        """Start without routes; a request that matches none gets an error, and the run a fault."""
        super().__init__(assert_all_called=False)
        self._random = random
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.log: PersistentList[HttpCall] = PersistentList()
        """Every request, matched or not, and the status of its answer, oldest first."""

    def route(self, *patterns: Any, name: str | None = None, **lookups: Any) -> HttpRoute:
        """Add a route by respx patterns; a route with the same patterns is reset."""
        route = self.add(HttpRoute(*patterns, random=self._random, **lookups), name=name)
        if isinstance(route, HttpRoute):  # an author may add a plain respx route
            route.make_reliable()
        return cast("HttpRoute", route)

    if TYPE_CHECKING:
        # respx makes these from route(); type checkers and editors see the result type
        def get(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for GET."""

        def post(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for POST."""

        def put(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for PUT."""

        def delete(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for DELETE."""

    @property
    def unused(self) -> tuple[str, ...]:
        """The routes that no request has asked."""
        return tuple(route_name(each) for each in self.routes if isinstance(each, HttpRoute) and not each.asked)

    def forget(self) -> None:
        """Clear the log of requests, so that memory does not grow in a long simulation."""
        self.reset()
        self.log.clear()

    # not `snapshot`: respx has a method of that name, which keeps less
    def get_state(self) -> HttpState:
        """Return the routes' states and the log, for a snapshot."""
        kept = tuple((route, route.get_state() if isinstance(route, HttpRoute) else None) for route in self.routes)
        return HttpState(kept, self.log.snapshot(), len(self.calls))

    def set_state(self, state: HttpState, adapt: Callable[[Any], Any]) -> None:
        """Set the state of a snapshot, perhaps of another world, whose functions `adapt` turns into this one's."""
        self.routes.clear()
        for known, kept in state.routes:
            if kept is None:
                self.routes.add(known, known.name)
                continue
            route = known.for_world(self._random)
            route.set_state(kept)
            route.adapt = adapt
            self.routes.add(route, kept.name)
        self.log.restore(state.log)
        del self.calls[state.calls :]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(_explain_scheme(request.url.scheme))
        injector = request.extensions.get(INJECTOR)
        if injector is not None and (refusal := injector.on_request(request.url.host, host=True)) is not None:
            return _refusal_response(refusal)
        try:
            return self.handler(request)
        except AllMockedAssertionError:
            storage = request.extensions.get(STORAGE)
            if storage is not None and (response := storage.answer(request)) is not None:
                return cast("httpx.Response", response)
            raise UnmatchedError(request) from None
        except PassThrough as passed:
            wrong = f"the route {route_name(passed.origin)} passes requests through to the real network"
            advice = "give it an answer: .respond(json={…})"
            raise AnswerMistakeError(wrong, message=f"{wrong}, and a simulation has none", advice=advice) from None

    def __repr__(self) -> str:
        """Show the numbers of routes and requests."""
        return f"<http: {len(self.routes)} routes, {len(self.log)} calls>"


def _refusal_response(refusal: Refusal) -> httpx.Response:
    if refusal.answer is not None:
        return httpx.Response(200, html=refusal.answer)
    if refusal.status is None:
        raise httpx.ConnectError(refusal.text)
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    return httpx.Response(refusal.status, headers=headers, text=refusal.text)


def _explain_scheme(scheme: str) -> str:
    """Return the message of httpx for a bad scheme; httpx itself checks it only on real connections."""
    if not scheme:
        return "Request URL is missing an 'http://' or 'https://' protocol."
    return f"Request URL has an unsupported protocol '{scheme}://'."
