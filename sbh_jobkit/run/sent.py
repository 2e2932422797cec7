"""What is kept of the headers and the body of a request: without secrets, and bounded in size."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NO_HEADERS: Mapping[str, str] = {}
_MOST = 4_000
"""The most characters of a body that are kept."""
_LONGEST_HEADER = 500
_PRIVATE = re.compile(
    r"authori[sz]ation|cookie|token|secret|password|passwd|api-?key|signature|credential", re.IGNORECASE
)
"""Names of headers whose values are never shown, whether the world knows them as secrets or not."""
_SCHEME = re.compile(r"(?P<scheme>Basic|Bearer|Digest|Token|ApiKey) ", re.IGNORECASE)
_HIDDEN = "‹hidden›"


def shown_headers(headers: Mapping[str, str], redact: Callable[[str], str]) -> dict[str, str]:
    """Return headers by their names in lower case, with the values of private ones hidden."""
    if not hasattr(headers, "items"):
        return {}
    return {redact(f"{name}".lower()): _value(f"{name}", f"{value}", redact) for name, value in headers.items()}


def shown_body(body: bytes, redact: Callable[[str], str]) -> tuple[str, str]:
    """Return the text of a body without secrets, cut where it is long, and the digest of all of it."""
    try:
        text = redact(body.decode())
    except UnicodeDecodeError:
        return f"{len(body):,} bytes that are not text", digest(body)
    cut = f"{text[:_MOST]} … {len(text) - _MOST:,} more characters" if len(text) > _MOST else text
    return cut, digest(text.encode())


def digest(data: bytes) -> str:
    """Return a short text that is the same for equal contents."""
    return blake2b(data, digest_size=8).hexdigest()


def _value(name: str, value: str, redact: Callable[[str], str]) -> str:
    shown = redact(value)
    if _PRIVATE.search(name) and "‹secret:" not in shown:
        scheme = _SCHEME.match(shown)
        return f"{scheme['scheme']} {_HIDDEN}" if scheme else _HIDDEN
    return shown if len(shown) <= _LONGEST_HEADER else f"{shown[:_LONGEST_HEADER]}…"


def texts(data: bytes) -> Iterator[str]:
    """Yield what a file's bytes say in the encodings in which a secret may stand in them."""
    try:
        yield data.decode()
    except UnicodeDecodeError:
        yield data.decode("latin-1")
    if b"\0" in data:
        yield data.decode("utf-16-le", "replace")
        yield data.decode("utf-16-be", "replace")
        yield data.replace(b"\0", b"").decode("latin-1")
