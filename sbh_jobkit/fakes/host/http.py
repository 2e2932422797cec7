"""`ctx.http` on today's host, which lets a job call only five hosts (D8)."""

from __future__ import annotations

from typing import Any

import httpx

from sbh_jobkit import clock
from sbh_jobkit.context.http import Http, failed

HOSTS = frozenset(
    {
        "jsonplaceholder.typicode.com",
        "api.stripe.com",
        "api.github.com",
        "api.openai.com",
        "api.anthropic.com",
    }
)
"""The allowed hosts; a name must match exactly."""


class HostHttp(Http):
    """Sends requests to the allowed hosts; any other request gets an error."""

    __slots__ = ()

    def _request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        host = _host(url)
        if host is None or host in HOSTS:
            return super()._request(method, url, **given)
        self._gate(f"http.{method.lower()}", "outbound_http")
        message = f"today's host lets a job call only five hosts: {method} to {host!r} returns an error"
        self._recorder.divergence("D8", f"ctx.http.{method.lower()}", message)
        self._record(method, f"{url}", 0, clock.now(self._zone), served=True)
        return failed(f"{host!r} is not a host that today's host allows")


def _host(url: object) -> str | None:
    """Return the host of an HTTP URL, or None for anything else, which is an error with the guide, too."""
    try:
        parsed = httpx.URL(url)  # type: ignore[arg-type] # a job may pass any type
    except (httpx.InvalidURL, TypeError):
        return None
    return parsed.host if parsed.scheme in {"http", "https"} and parsed.host else None
