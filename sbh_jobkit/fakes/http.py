"""The tenant's view of the internet: a respx router behind one httpx client, nothing patched."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Self, cast

import httpx
import respx
from respx.models import AllMockedAssertionError, SideEffectError

from sbh_jobkit import clock
from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes import latency as _latency
from sbh_jobkit.fakes.failure import told
from sbh_jobkit.fakes.near_miss import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from random import Random
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.journal import Journal
    from sbh_jobkit.fakes.latency import Latency
    from sbh_jobkit.run import HttpCall

    Gate = Callable[[str, str], None]


class _UnmatchedError(Exception):
    def __init__(self, request: httpx.Request) -> None:
        super().__init__(request)
        self.request = request


class HttpRoute(respx.Route):
    """A respx route that can be slow and unreliable.

    Its list of answers repeats the last one, and its class of an error fails without a text.
    """

    def __init__(self, *patterns: Any, chance: Callable[[], Random], **lookups: Any) -> None:
        """Match what the patterns match; `chance` gives what decides which requests fail."""
        super().__init__(*patterns, **lookups)
        self._chance = chance
        self.steady()

    def steady(self) -> None:
        """Answer at once, and never fail by chance."""
        self._seconds, self._rate = 0.0, 0.0
        self._failure: int | Exception | type[Exception] = 503

    def after(self, latency: Latency) -> Self:
        """Answer after that much virtual time: seconds, or text such as "300ms" or "2s"."""
        self._seconds = _latency.read(latency, "a route's after")
        return self

    def failing(self, rate: float, *, status_code: int = 503, error: Exception | type[Exception] | None = None) -> Self:
        """Fail that share of requests (0.1 is one in ten) by an error, if given, else by a status.

        Which ones is drawn from `world.random`, so the same seed has the same failures.
        """
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            msg = f"a route's failing: {rate!r} is not a share of requests; use a number from 0 to 1"
            raise WorldError(msg)
        failure = status_code if error is None else error
        if not _fails(failure):
            msg = f"a route's failing: {failure!r} is neither a status nor an exception"
            raise WorldError(msg)
        self._rate, self._failure = rate, failure
        return self

    def resolve(self, request: httpx.Request, **context: Any) -> Any:
        """Answer a request that matches."""
        _latency.let_pass(self._seconds)
        if not self._rate or self._chance().random() >= self._rate:
            return super().resolve(request, **context)
        if isinstance(self._failure, int):
            return httpx.Response(self._failure, request=request)
        raise SideEffectError(self, origin=_made(self._failure))

    def _next_side_effect(self) -> Any:
        try:
            self._latest = super()._next_side_effect()
        except StopIteration:
            return self._latest
        if isinstance(self._latest, type) and issubclass(self._latest, httpx.RequestError):
            self._latest = _made(self._latest)  # with a text, an author would search for who said it
        return self._latest


def _fails(failure: object) -> bool:
    if isinstance(failure, type):
        return issubclass(failure, Exception)
    return isinstance(failure, Exception) or (isinstance(failure, int) and 100 <= failure <= 599)  # noqa: PLR2004  HTTP


def _made(failure: Exception | type[Exception]) -> Exception:
    if not isinstance(failure, type):
        return failure
    return failure("") if issubclass(failure, httpx.RequestError) else failure()


class HttpRoutes(respx.Router):
    """`world.http`: respx routes, such as `world.http.get(url).respond(json=[…])`."""

    def __init__(self, chance: Callable[[], Random]) -> None:
        """Start without routes; whatever matches none is answered with an error, and a fault."""
        super().__init__(assert_all_called=False)
        self._chance = chance
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.log: list[HttpCall] = []
        """Every request, matched or not, and the status of its answer."""

    def route(self, *patterns: Any, name: str | None = None, **lookups: Any) -> HttpRoute:
        """Add a route by respx patterns; one that is there already begins anew."""
        route = self.add(HttpRoute(*patterns, chance=self._chance, **lookups), name=name)
        if isinstance(route, HttpRoute):  # not one that the author made and added
            route.steady()
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

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(_unsupported(request.url.scheme))
        try:
            return self.handler(request)
        except AllMockedAssertionError:
            raise _UnmatchedError(request) from None

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
        member = f"http.{method.lower()}"
        self._gate(member, "outbound_http")
        body = {} if data is None else {"data": data} if hasattr(data, "items") else {"content": data}
        client, since, matched = self._routes.client, clock.now(self._zone), True
        address, answer = _given(url), _failed("no answer")
        client.cookies.clear()  # each request stands alone
        try:
            request = client.build_request(method, url, **body, **given)
            address = str(request.url) if request.url.scheme else address  # httpx would put a slash before it
            answer = _answered(client.send(request))
        except _UnmatchedError as unmatched:  # of a request that was redirected, it is the last address
            method, address, matched = unmatched.request.method, str(unmatched.request.url), False
            answer = _failed(f"no route for {method} {address}")
            self._explain(f"ctx.{member}", unmatched.request)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the author scripted: ctx.http never raises
            answer = _failed(told(error))
        finally:  # also when a limit ends the run within the request
            self._record(method, address, answer["status_code"], since, matched=matched)
        return answer

    def _record(self, method: str, url: str, status: int, since: datetime, *, matched: bool) -> None:
        seconds = (clock.now(UTC) - since).total_seconds()  # elapsed, also where the zone's clocks change
        self._routes.log.append(self._journal.http_call(method, url, status, since, matched=matched, seconds=seconds))

    def _explain(self, member: str, request: httpx.Request) -> None:
        method, url = request.method, str(request.url)
        message = f"{method} {url} met no route of the world{nearest(request, self._routes.routes)}"
        paste = f"world.http.{method.lower()}({self._journal.pasteable(url)}).respond(json={{…}})"
        self._journal.fault("http-unmatched", member, message, paste)


def _given(url: object) -> str:
    return url if isinstance(url, str) else f"a value of type {type(url).__name__}"


def _unsupported(scheme: str) -> str:
    """Say what is wrong with a protocol in the words of httpx, which only says them on a real connection."""
    if not scheme:
        return "Request URL is missing an 'http://' or 'https://' protocol."
    return f"Request URL has an unsupported protocol '{scheme}://'."


def _answered(response: httpx.Response) -> dict[str, Any]:
    declared = response.headers.get("content-type", "").lower()
    kind = declared.partition(";")[0].strip()
    body = None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            body = response.json()
        except ValueError:
            body = None  # the contract: json is None unless the body is JSON
    return {
        "status_code": response.status_code,
        "headers": dict(response.headers.items()),
        "text": response.text if "charset" in declared else response.content.decode("utf-8", "replace"),
        "json": body,
    }


def _failed(error: str) -> dict[str, Any]:
    return {"status_code": 0, "error": error, "text": "", "json": None}
