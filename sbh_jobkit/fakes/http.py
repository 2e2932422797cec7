"""The tenant's view of the internet: a respx router behind one httpx client, nothing patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import respx
from respx.models import AllMockedAssertionError

from sbh_jobkit import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.journal import Journal
    from sbh_jobkit.run import HttpCall

    Gate = Callable[[str, str], None]


class _UnmatchedError(Exception):
    pass


class _Route(respx.Route):
    """A route whose list of answers repeats its last one instead of ending in an error."""

    def _next_side_effect(self) -> Any:
        try:
            self._latest = super()._next_side_effect()
        except StopIteration:
            return self._latest
        return self._latest


class HttpRoutes(respx.Router):
    """`world.http`: respx routes, such as `world.http.get(url).respond(json=[…])`."""

    def __init__(self) -> None:
        """Start without routes; whatever matches none is answered with an error, and a fault."""
        super().__init__(assert_all_called=False)
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.log: list[HttpCall] = []
        """Every request, matched or not, and the status of its answer."""

    def route(self, *patterns: Any, name: str | None = None, **lookups: Any) -> respx.Route:
        """Add a route by respx patterns."""
        return self.add(_Route(*patterns, **lookups), name=name)

    def forget(self) -> None:
        """Drop what was recorded, so that a long simulation does not grow."""
        self.reset()
        self.log.clear()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            return self.handler(request)
        except AllMockedAssertionError:
            raise _UnmatchedError from None

    def __repr__(self) -> str:
        """Count routes and calls."""
        return f"<http: {len(self.routes)} routes, {len(self.log)} calls>"


class FakeHttp:
    """`ctx.http`: never raises; an answer that never came has `status_code` 0 and `error`."""

    __slots__ = ("_gate", "_journal", "_routes", "_zone")

    def __init__(self, routes: HttpRoutes, journal: Journal, gate: Gate, zone: ZoneInfo) -> None:
        """Ask the tenant's routes."""
        self._routes = routes
        self._journal = journal
        self._gate = gate
        self._zone = zone

    def get(
        self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Fetch."""
        return self._ask("GET", url, params=params, headers=headers)

    def post(
        self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send."""
        return self._ask("POST", url, data=data, json=json, headers=headers)

    def put(
        self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Replace."""
        return self._ask("PUT", url, data=data, json=json, headers=headers)

    def delete(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Remove."""
        return self._ask("DELETE", url, headers=headers)

    def _ask(self, method: str, url: str, *, data: Any = None, **given: Any) -> dict[str, Any]:
        self._gate(f"http.{method.lower()}", "outbound_http")
        body = {} if data is None else {"data": data} if hasattr(data, "items") else {"content": data}
        matched = True
        try:
            response = self._routes.client.request(method, url, **body, **given)
            answer = _told(response)
        except _UnmatchedError:
            matched = False
            answer = _failed(self._unmatched(method, str(url)))
        except Exception as error:  # noqa: BLE001  the contract: ctx.http never raises, whatever the route or the url
            answer = _failed(f"{type(error).__name__}: {error}")
        status, moment = answer["status_code"], clock.now(self._zone)
        self._routes.log.append(self._journal.http_call(method, str(url), status, moment, matched=matched))
        return answer

    def _unmatched(self, method: str, url: str) -> str:
        message = f"{method} {url} met no route of the world{self._nearest(url)}"
        paste = f"world.http.{method.lower()}({self._journal.pasteable(url)}).respond(json={{…}})"
        self._journal.fault("http-unmatched", f"ctx.http.{method.lower()}", message, paste)
        return f"no route for {method} {url}"

    def _nearest(self, url: str) -> str:
        routes = [f"{route.pattern!r}" for route in self._routes.routes]
        host = urlsplit(url).hostname
        near = [route for route in routes if host and host in route] or routes
        if not near:
            return "; the world has none"
        return f"; the nearest {'is' if len(near) == 1 else 'are'} {', '.join(_readable(near[:3]))}"


def _readable(patterns: list[str]) -> Iterator[str]:
    return (pattern.removeprefix("<").removesuffix(">") for pattern in patterns)


def _told(response: httpx.Response) -> dict[str, Any]:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            body = response.json()
        except ValueError:
            body = None  # the contract: json is None unless the body is JSON
    return {
        "status_code": response.status_code,
        "headers": dict(response.headers),
        "text": response.text,
        "json": body,
    }


def _failed(error: str) -> dict[str, Any]:
    return {"status_code": 0, "error": error, "text": "", "json": None}
