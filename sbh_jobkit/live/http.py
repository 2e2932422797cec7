"""Outbound HTTP of a real tenant, by httpx2: only to the hosts that the settings allow, also after a redirect."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.backends import HttpAnswer, NotServedError
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx2

    from sbh_jobkit.live.settings import HttpSettings

_MOST_REDIRECTS = 10


@cache
def tls() -> ssl.SSLContext:
    """Return what verifies servers; it takes long to make, so all clients share it."""
    with needed("ctx.http", "serve"):
        import httpx2
    return httpx2.create_ssl_context()


class TooLargeError(Exception):
    """The body of an answer is larger than the settings allow."""


class LiveHttp:
    """Sends requests; connections are kept for the next one, cookies are not."""

    __slots__ = ("_allow", "_client", "_most")

    def __init__(self, settings: HttpSettings, transport: httpx2.BaseTransport | None = None) -> None:
        """Allow what the settings allow; a `transport` leads requests elsewhere, such as to a server of a test."""
        context = tls()
        import httpx2

        self._allow = settings.allow
        self._most = settings.max_bytes
        self._client = httpx2.Client(timeout=settings.timeout, transport=transport, verify=context)

    def build(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
    ) -> httpx2.Request:
        """Return a request; a dict of `data` is a form, and anything else is the body itself."""
        self._client.cookies.clear()  # the client writes those of an earlier answer into the request
        body = {} if data is None else {"data": data} if hasattr(data, "items") else {"content": data}
        return self._client.build_request(method, url, params=params, headers=headers, json=json, **body)

    def send(self, request: httpx2.Request) -> HttpAnswer:
        """Return the answer, after redirects; raises NotServedError for a host that is not allowed."""
        first, asked = request, request
        for _ in range(_MOST_REDIRECTS + 1):
            self.check(asked, first)
            response = self._client.send(asked, stream=True, follow_redirects=False)
            try:
                if response.next_request is None:
                    return HttpAnswer(response.status_code, _headers(response), self._body(response))
                asked = response.next_request
            finally:
                response.close()
        msg = f"{first.method} {first.url} is redirected more than {_MOST_REDIRECTS} times"
        raise ConnectionError(msg)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def check(self, asked: httpx2.Request, first: httpx2.Request) -> None:
        """Raise NotServedError for a host that is not allowed; `first` is what the job sent, before redirects."""
        url, host = asked.url, asked.url.raw_host.decode("ascii").lower()
        if url.scheme not in {"http", "https"} or not host:
            msg = f"{str(url)!r} is not an address to request; write https://host/path"
            raise ValueError(msg)
        if any(is_allowed(host, pattern) for pattern in self._allow):
            return
        leads = "" if asked is first else f" is redirected to {asked.url}, and"
        message = f"{first.method} {first.url}{leads or ':'} the host {host!r} is not in allow of [http] in tenant.toml"
        advice = f'add "{host}" to allow of [http] in tenant.toml'
        raise NotServedError(asked.method, str(url), kind="http-unmatched", message=message, advice=advice)

    def _body(self, response: httpx2.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._most:
                msg = f"the answer has more than {self._most} bytes (max_bytes of [http] in tenant.toml)"
                raise TooLargeError(msg)
            parts.append(part)
        return b"".join(parts)


def is_allowed(host: str, pattern: str) -> bool:
    """Whether a host is what a line of `allow` stands for: itself, all below a domain, or everything."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return pattern in {"*", host, f"[{host}]"}


def _headers(response: httpx2.Response) -> dict[str, str]:
    """Return headers as the server spelled them; one that comes twice is joined, as HTTP reads it."""
    found: dict[str, str] = {}
    for raw, value in response.headers.raw:
        spelled = raw.decode("latin-1")
        name = next((known for known in found if known.lower() == spelled.lower()), spelled)
        text = value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
