"""`ctx.http` on today's host, which lets a job reach five hosts and no other (D8)."""

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
"""The hosts that may be reached, each by this name alone: not by a part of it, nor by one that ends so."""


class HostHttp(Http):
    """Asks the tenant's routes for the hosts that may be reached; what goes elsewhere is not sent."""

    __slots__ = ()

    def _request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        host = _host(url)
        if host is None or host in HOSTS:
            return super()._request(method, url, **given)
        self._gate(f"http.{method.lower()}", "outbound_http")
        message = f"today's host lets a job reach five hosts only: {method} to {host!r} is answered with an error"
        self._recorder.divergence("D8", f"ctx.http.{method.lower()}", message)
        self._record(method, f"{url}", 0, clock.now(self._zone), served=True)
        return failed(f"{host!r} is not a host that today's host allows")


def _host(url: object) -> str | None:
    """Return the host that a URL names, or None for what is no URL of the web, which is an error anywhere."""
    try:
        parsed = httpx.URL(url)  # type: ignore[arg-type] # whatever the job gives
    except (httpx.InvalidURL, TypeError):
        return None
    return parsed.host if parsed.scheme in {"http", "https"} and parsed.host else None
