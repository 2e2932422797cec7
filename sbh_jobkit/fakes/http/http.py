"""What a job sees of the internet: requests that never raise, all written down, answered by the tenant's routes."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock
from sbh_jobkit.errors import format_error
from sbh_jobkit.fakes.http.near_miss import nearest
from sbh_jobkit.fakes.http.routes import TROUBLE, UnmatchedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import httpx

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.http.routes import HttpRoutes
    from sbh_jobkit.run.recorder import Recorder

    Gate = Callable[[str, str], None]


class FakeHttp:
    """`ctx.http`: never raises; an answer that never came has `status_code` 0 and `error`."""

    __slots__ = ("_gate", "_journal", "_routes", "_trouble", "_zone")

    def __init__(
        self, routes: HttpRoutes, journal: Recorder, gate: Gate, zone: ZoneInfo, trouble: FaultInjector | None = None
    ) -> None:
        """Ask the tenant's routes."""
        self._routes = routes
        self._journal = journal
        self._gate = gate
        self._zone = zone
        self._trouble = None if trouble is None else {TROUBLE: trouble}

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
        address, answer = _given(url), failed("no answer")
        client.cookies.clear()  # each request stands alone
        try:
            request = client.build_request(method, url, **body, **given, extensions=self._trouble)
            address = str(request.url) if request.url.scheme else address  # httpx would put a slash before it
            answer = _answered(client.send(request))
        except UnmatchedError as unmatched:  # of a request that was redirected, it is the last address
            method, address, matched = unmatched.request.method, str(unmatched.request.url), False
            answer = failed(f"no route for {method} {address}")
            self._explain(f"ctx.{member}", unmatched.request)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the author scripted: ctx.http never raises
            answer = failed(format_error(error))
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


def failed(error: str) -> dict[str, Any]:
    """Return the answer that never came."""
    return {"status_code": 0, "error": error, "text": "", "json": None}
