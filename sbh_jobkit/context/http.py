"""`ctx.http`: requests never raise, and each is recorded."""

from __future__ import annotations

import codecs
import json as _json
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar

from sbh_jobkit import clock
from sbh_jobkit.context.backends import AnswerMistakeError, NotServedError
from sbh_jobkit.context.gate import OfOneRun
from sbh_jobkit.context.headers import header_problem
from sbh_jobkit.context.pages import PagesAsked
from sbh_jobkit.errors import Members, format_error
from sbh_jobkit.plugin.members import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.context.backends import HttpAnswer, HttpBackend
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.run.recorder import Recorder


_FAILED = 400
"""The first HTTP status of a failure."""
_REPEATED = 10
"""How many equal answers to the same request are probably not meant."""
_SENDING = frozenset({"POST", "PUT", "PATCH"})
"""The methods that send a body."""


class Http(OfOneRun, Members):
    """Outbound HTTP; an answer that never came has `status_code` 0 and `error`."""

    __slots__ = ("_accepted", "_backend", "_gate", "_pages", "_recorder", "_same", "_zone")
    _called = "ctx.http"
    _synonyms: ClassVar[Mapping[str, str]] = SYNONYMS["http"]

    def __init__(self, backend: HttpBackend, recorder: Recorder, gate: Gate, zone: ZoneInfo) -> None:
        """Send by the backend; times in records are in `zone`."""
        self._backend = backend
        self._recorder = recorder
        self._gate = gate
        self._zone = zone
        self._same: dict[str, tuple[str, int, datetime]] = {}
        self._accepted: dict[tuple[str, str, bytes], int] = {}
        self._pages = PagesAsked(recorder)

    def get(
        self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Fetch; return `{status_code, headers, text, json}`."""
        return self._request("GET", url, params=params, headers=headers)

    def post(
        self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send `data`, or `json`; return `{status_code, headers, text, json}`."""
        return self._request("POST", url, data=data, json=json, headers=headers)

    def put(
        self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Replace by `data`, or `json`; return `{status_code, headers, text, json}`."""
        return self._request("PUT", url, data=data, json=json, headers=headers)

    def delete(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Remove; return `{status_code, headers, text, json}`."""
        return self._request("DELETE", url, headers=headers)

    def _request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
    ) -> dict[str, Any]:
        member = f"http.{method.lower()}"
        self._gate(member, "outbound_http")
        since, served = clock.now(self._zone), True
        address, answer, body = _shown(url), failed("no answer"), b""
        try:
            request = self._backend.build(method, url, params=params, headers=headers, data=data, json=json)
            full, body = str(request.url), _body(request) if method in _SENDING else b""
            address = full if "://" in full else address  # httpx would put a slash before a bare name
            if headers and (problem := header_problem(headers)) is not None:
                answer = failed(problem.error)
                self._recorder.fault("header-invalid", f"ctx.{member}", problem.message, problem.advice)
            else:
                answer = _answered(self._backend.send(request))
        except NotServedError as missing:
            method, address, served = missing.method, missing.url, False
            answer = failed(f"no route for {method} {address}")
            self._recorder.fault(missing.kind, f"ctx.{member}", missing.message, missing.advice)
        except AnswerMistakeError as mistake:
            answer = failed(mistake.answer)
            self._recorder.fault("world-failed", f"ctx.{member}", mistake.message, mistake.advice)
        except (Exception, SystemExit) as error:  # noqa: BLE001  ctx.http never raises, whatever the service does
            answer = failed(format_error(error))
        finally:  # also when a limit ends the run within the request
            seconds = (clock.now(UTC) - since).total_seconds()  # elapsed, also where the zone's clocks change
            call = self._recorder.http_call(
                method,
                address,
                answer["status_code"],
                since,
                matched=served,
                seconds=seconds,
                headers=headers,
                body=body,
            )
        return self._noted(method, call.url, answer, since, body)

    def _noted(self, method: str, url: str, answer: dict[str, Any], since: datetime, body: bytes) -> dict[str, Any]:
        """Watch an answer that failed; count the same answers to the same request, and what was accepted twice.

        The URL is without secrets.
        """
        status = answer["status_code"]
        if not 0 < status < _FAILED:
            return self._recorder.watch(f"{method} {url} answered {status or answer['error']}", answer)
        if method == "GET":
            content, number, last = self._same.get(url, ("", 0, since))
            same = content == answer["text"] and since <= last
            self._same[url] = (answer["text"], number + 1 if same else 1, clock.now(self._zone))
            if same and number + 1 == _REPEATED:
                self._recorder.note("request-repeated", f"{method} {url}")
            self._pages.asked(url, answer["json"], answer["headers"])
        elif body:
            number = self._accepted[method, url, body] = self._accepted.get((method, url, body), 0) + 1
            if number == 2:  # noqa: PLR2004  once more
                self._recorder.note("request-doubled", f"{method} {url}")
        return answer


def _body(request: Any) -> bytes:
    """Return what a request sends; nothing of one that reads its content while it is sent."""
    try:
        content = request.content
    except Exception:  # noqa: BLE001  each HTTP library has an error of its own for a stream
        return b""
    return content if isinstance(content, bytes) else b""


def _shown(url: object) -> str:
    return url if isinstance(url, str) else f"a value of type {type(url).__name__}"


def _answered(answer: HttpAnswer) -> dict[str, Any]:
    headers, content = answer.headers, answer.content
    declared = next((headers[name] for name in headers if name.lower() == "content-type"), "").lower()
    kind = declared.partition(";")[0].strip()
    body = None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            body = _json.loads(content)
        except ValueError:
            body = None  # the contract: json is None unless the body is JSON
    return {
        "status_code": answer.status,
        "headers": headers,
        "text": content.decode(_charset(declared), "replace"),
        "json": body,
    }


def _charset(declared: str) -> str:
    """Return the encoding that a content type names, if Python knows it, else UTF-8."""
    name = declared.partition("charset=")[2].partition(";")[0].strip(" '\"")
    try:
        return codecs.lookup(name).name if name else "utf-8"
    except LookupError:
        return "utf-8"


def failed(error: str) -> dict[str, Any]:
    """Return the result of a request that got no answer."""
    return {"status_code": 0, "error": error, "text": "", "json": None}
