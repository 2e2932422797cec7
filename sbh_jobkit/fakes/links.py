"""The object storage behind presigned URLs: it answers the links that `ctx.files.get_presigned_url` returns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from sbh_jobkit import clock
from sbh_jobkit.context.files import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.context.links import Link, Signer
    from sbh_jobkit.fakes.files import FakeFiles

_METHODS = {"get_object": "GET", "put_object": "PUT"}
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class LinkServer:
    """Serves the links of one tenant, for one run."""

    __slots__ = ("_files", "_signer", "_uploaded")

    def __init__(self, files: FakeFiles, signer: Signer, uploaded: Callable[[str, bytes], object]) -> None:
        """Read and write `files`; `uploaded` is called with key and content of each file that is stored."""
        self._files = files
        self._signer = signer
        self._uploaded = uploaded

    def answer(self, request: httpx.Request) -> httpx.Response | None:
        """Return the response to a request; None if its address is not a link to the storage."""
        if request.url.host != httpx.URL(self._signer.base).host or "signature" not in request.url.params:
            return None
        address = str(request.url)
        link = self._signer.verify(address, clock.now(UTC))
        if link is None:
            expired = self._signer.verify(address, _LONG_AGO) is not None
            return httpx.Response(403, text="the link has expired" if expired else "the signature is wrong")
        if request.method != _METHODS[link.operation]:
            return httpx.Response(403, text=f"the link is for {link.operation}, not for {request.method}")
        return self._read(link) if link.operation == "get_object" else self._store(link, request)

    def _read(self, link: Link) -> httpx.Response:
        file = self._files.read(link.key)
        if file is None:
            return httpx.Response(404, text=f"there is no file {link.key!r}")
        return httpx.Response(200, content=file.data, headers={"content-type": file.content_type})

    def _store(self, link: Link, request: httpx.Request) -> httpx.Response:
        content = request.read()
        if not self._files.put(link.key, content, request.headers.get("content-type", BINARY)):
            return httpx.Response(507, text="the storage is full")
        self._uploaded(link.key, content)
        return httpx.Response(200)
