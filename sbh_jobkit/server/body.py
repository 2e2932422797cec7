"""The body of a request: read up to a limit, and not for longer than a time."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from sbh_jobkit.plugin.archive import LARGEST_MB
from sbh_jobkit.run.outcome import TOO_DEEP, json_problem
from sbh_jobkit.server.answer import ApiError

if TYPE_CHECKING:
    from starlette.types import Message

LARGEST_BODY = 1_000_000
LARGEST_UPLOAD = LARGEST_MB * 1_000_000
LARGEST_FILE = 100_000_000
SECONDS = 30.0
"""How long a body may take; a large one gets a second more for each half megabyte."""
_BYTES_A_SECOND = 500_000
_DISCARDED = 64_000_000
"""Bytes that are read beyond a limit: a client that is still sending may not see an answer, but a broken connection."""


async def read_body(request: Request, most: int = LARGEST_BODY) -> bytes:
    """Return the body; raises ApiError (400, 408, 413)."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 18:  # noqa: PLR2004  digits of 64 bits
        raise ApiError(400, "Content-Length is not a number")
    if int(declared) > most and "expect" in request.headers:  # the client asks before it sends anything
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SECONDS + min(int(declared), most) / _BYTES_A_SECOND):
            async for part in request.stream():
                size += len(part)
                if size <= most:
                    parts.append(part)
                elif size > most + _DISCARDED:
                    break
    except TimeoutError:
        raise ApiError(408, "the body did not come in time", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ApiError(400, "the body was broken off") from None
    if size > most:
        raise _too_large(most)
    return b"".join(parts)


def media_type(content_type: str) -> str:
    """Return the type of a body without its parameters; capitals do not matter (RFC 9110, section 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


def read_json(data: bytes) -> Any:
    """Return the value of a body; raises ApiError (400) for one that a job could not return either."""
    try:
        found = json.loads(data)
    except RecursionError:
        raise ApiError(400, f"the body cannot be taken: {TOO_DEEP}") from None
    except ValueError:
        raise ApiError(400, "the body is not JSON") from None
    if (problem := json_problem(found)) is not None:
        raise ApiError(400, f"the body cannot be taken: {problem}")
    return found


async def read_upload(request: Request) -> bytes:
    """Return the file of a form, multipart/form-data with a part `file`; raises ApiError (400, 408, 413)."""
    if media_type(request.headers.get("content-type", "")) != "multipart/form-data":
        raise ApiError(400, "send the zip as multipart/form-data with a part 'file', as curl -F file=@plugin.zip does")
    data = await read_body(request, LARGEST_UPLOAD + LARGEST_BODY)
    again = Request(request.scope, _replayed(data))
    try:
        async with again.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if file is None or isinstance(file, str):
                raise ApiError(400, "the form has no file in its part 'file'")
            found = await file.read()
    except MultiPartException as error:
        raise ApiError(400, f"the form cannot be read: {error.message}") from error
    except (ValueError, KeyError, LookupError):
        raise ApiError(400, "the form cannot be read") from None
    if len(found) > LARGEST_UPLOAD:
        raise _too_large(LARGEST_UPLOAD)
    return found


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"the body has more than {most:,} bytes", headers={"Connection": "close"})


def _replayed(data: bytes) -> Any:
    messages: list[Message] = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> Message:
        await asyncio.sleep(0)
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
