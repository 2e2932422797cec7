"""What an endpoint answers: data in the envelope `{success, data}`, or an error in `{success: false, error}`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
"""Headers of every answer."""
_WITHOUT_BODY = {204, 304}
"""Statuses whose answer ends with its headers."""


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON, with more headers than those of every answer."""
    # in ASCII: a text of a job may have half of a surrogate pair, which UTF-8 cannot write and an escape can
    text = "" if status in _WITHOUT_BODY else json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Response(text, status, {**SAFE, **(headers or {})}, media_type="application/json")


class ApiError(Exception):
    """What a caller did wrong, or what is not there: an HTTP status and one sentence, or several in `errors`."""

    def __init__(
        self, status: int, message: str, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep all."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the envelope."""
        body: dict[str, Any] = {"success": False, "error": self.message}
        if self.errors:
            body["errors"] = list(self.errors)
        return json_response(body, self.status, self.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The data of an answer."""

    data: Any
    status: int = 200
    error: str | None = None
    """Why what was asked for did not succeed, although it was carried out: a job that failed."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else is in the envelope, such as `next`."""

    def response(self) -> Response:
        """Return the envelope."""
        failed = {} if self.error is None else {"error": self.error}
        body = {"success": self.error is None, **failed, "data": self.data, **self.more}
        return json_response(body, self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """An answer that is not there yet: `look` returns it once it is.

    `late` returns another one if that takes too long, and `stopping` one if the server stops before.
    """

    look: Callable[[], Answer | None]
    late: Callable[[], Answer]
    stopping: Callable[[], Answer]
