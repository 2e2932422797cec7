"""The tenant's internet: a respx router behind one httpx client, nothing patched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx
import respx
from respx.models import AllMockedAssertionError

from sbh_jobkit.fakes.http.route import HttpRoute, RouteState
from sbh_jobkit.fakes.persistent_list import ListSnapshot, PersistentList

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sbh_jobkit.fakes.faults.injector import Refusal
    from sbh_jobkit.run.run import HttpCall


INJECTOR = "sbh.injector"
"""The name under which a request carries the fault injector of its run, also through redirects."""


class UnmatchedError(Exception):
    """A request met no route; also one that a redirect led to."""

    def __init__(self, request: httpx.Request) -> None:
        """Keep the request."""
        super().__init__(request)
        self.request = request


@dataclass(frozen=True, slots=True)
class HttpState:
    """The routes and what was asked, at one moment."""

    routes: tuple[tuple[Any, RouteState | None], ...]
    log: ListSnapshot[HttpCall]
    calls: int


class HttpRoutes(respx.Router):
    """`world.http`: respx routes, such as `world.http.get(url).respond(json=[…])`."""

    def __init__(self, random: Callable[[], Random]) -> None:
        """Start without routes; whatever matches none is answered with an error, and a fault."""
        super().__init__(assert_all_called=False)
        self._random = random
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.log: PersistentList[HttpCall] = PersistentList()
        """Every request, matched or not, and the status of its answer."""

    def route(self, *patterns: Any, name: str | None = None, **lookups: Any) -> HttpRoute:
        """Add a route by respx patterns; one that is there already begins anew."""
        route = self.add(HttpRoute(*patterns, random=self._random, **lookups), name=name)
        if isinstance(route, HttpRoute):  # not one that the author made and added
            route.make_reliable()
        return cast("HttpRoute", route)

    if TYPE_CHECKING:
        # what respx makes with our route(), as type checkers and editors should know it
        def get(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for GET."""

        def post(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for POST."""

        def put(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for PUT."""

        def delete(self, url: Any = None, *, name: str | None = None, **lookups: Any) -> HttpRoute:
            """Add a route for DELETE."""

    def forget(self) -> None:
        """Drop what was recorded, so that a long simulation does not grow."""
        self.reset()
        self.log.clear()

    # respx has a `snapshot` and a `rollback` of its own, which know less than a world has to keep
    def get_state(self) -> HttpState:
        """Keep how the routes would answer next, and what was asked."""
        kept = tuple((route, route.get_state() if isinstance(route, HttpRoute) else None) for route in self.routes)
        return HttpState(kept, self.log.snapshot(), len(self.calls))

    def set_state(self, state: HttpState) -> None:
        """Answer as at a moment that was kept, perhaps of another world."""
        self.routes.clear()
        for known, kept in state.routes:
            if kept is None:
                self.routes.add(known, known.name)
                continue
            route = known.for_world(self._random)
            route.set_state(kept)
            self.routes.add(route, kept.name)
        self.log.restore(state.log)
        del self.calls[state.calls :]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(_unsupported(request.url.scheme))
        injector = request.extensions.get(INJECTOR)
        if injector is not None and (refused := injector.ask(request.url.host, host=True)) is not None:
            return _refused(refused)
        try:
            return self.handler(request)
        except AllMockedAssertionError:
            raise UnmatchedError(request) from None

    def __repr__(self) -> str:
        """Count routes and calls."""
        return f"<http: {len(self.routes)} routes, {len(self.log)} calls>"


def _refused(refusal: Refusal) -> httpx.Response:
    if refusal.status is None:
        raise httpx.ConnectError(refusal.text)
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    return httpx.Response(refusal.status, headers=headers, text=refusal.text)


def _unsupported(scheme: str) -> str:
    """Say what is wrong with a protocol in the words of httpx, which only says them on a real connection."""
    if not scheme:
        return "Request URL is missing an 'http://' or 'https://' protocol."
    return f"Request URL has an unsupported protocol '{scheme}://'."
