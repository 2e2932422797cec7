"""`ctx.http` on today's host: five hosts, and JSON by the beginning of a content type (D8, D37, D38)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sbh_jobkit import clock
from sbh_jobkit.context.http import Http, failed

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS = frozenset(
    {
        "jsonplaceholder.typicode.com",
        "api.stripe.com",
        "api.github.com",
        "api.openai.com",
        "api.anthropic.com",
    }
)
"""The allowed hosts; the part of a URL between `//` and the path must be one of them as it is written."""


class HostHttp(Http):
    """Sends requests to the allowed hosts; any other request gets an error."""

    __slots__ = ()

    def _request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        host = _authority(url)
        if host is None or host in HOSTS:
            return self._as_host(method, super()._request(method, url, **given))
        self._gate(f"http.{method.lower()}", "outbound_http")
        message = f"today's host lets a job call only five hosts: {method} to {host!r} returns an error"
        self._recorder.divergence("D8", f"ctx.http.{method.lower()}", message)
        at = clock.now(self._zone)
        self._recorder.http_call(method, f"{url}", 0, at, matched=True, seconds=0.0, headers=given.get("headers"))
        return failed(f"{host!r} is not a host that today's host allows")

    def _as_host(self, method: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer as the host reads its body: as JSON only by a type that begins with application/json."""
        if "error" in answer:
            return answer
        kind, promised, member = _content_type(answer["headers"]), answer["json"], f"ctx.http.{method.lower()}"
        if not kind.startswith("application/json"):
            if promised is not None:
                self._recorder.divergence("D37", member, f"today's host reads no JSON of the content type {kind!r}")
            return {**answer, "json": None}
        try:
            body = json.loads(answer["text"])
        except ValueError as error:
            message = f"today's host gives status_code 0 for a body that is no JSON: {error}"
            self._recorder.divergence("D38", member, message)
            return failed(str(error))
        if promised is None and body is not None:
            self._recorder.divergence("D37", member, f"today's host reads JSON of the content type {kind!r}")
        return {**answer, "json": body}


def _authority(url: object) -> str | None:
    """Return user, host and port of an HTTP URL as they are written; None for anything else, an error as ever."""
    try:
        parsed = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None
    return parsed.netloc if parsed is not None and parsed.scheme in {"http", "https"} and parsed.netloc else None


def _content_type(headers: Mapping[str, str]) -> str:
    return next((headers[name] for name in headers if name.lower() == "content-type"), "")
