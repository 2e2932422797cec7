"""What is wrong with the headers of a request, by the rules of h11, which writes the requests of httpx."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BREAKS, _SPACES = b"\r\n", b" \t\r\n\v\f"
_SHOWN = re.compile(r" b['\"]")
"""How h11 begins to show a name or a value at the end of its errors."""
_STRIP = "call .strip() where the job reads it: what comes from a file or a command often ends with a line break"


class HeaderProblem(NamedTuple):
    """Why a request is not sent, without the value of the header, which may be a secret."""

    error: str
    """What httpx says."""
    message: str
    advice: str | None


def header_problem(given: Mapping[str, Any] | Iterable[tuple[Any, Any]]) -> HeaderProblem | None:
    """Return what is wrong with the headers that a job gives, or None."""
    pairs = given.items() if hasattr(given, "items") else given
    headers = [(_as_sent(name), _as_sent(value)) for name, value in pairs]
    if (rule := _broken_rule(headers)) is None:
        return None
    name, value = next((each for each in headers if _broken_rule([each]) is not None), (b"", b""))
    shown, error = name.decode("latin-1"), f"LocalProtocolError: {rule}"
    if rule.endswith("header name"):
        return HeaderProblem(error, f"{shown!r} is not the name of a header", "write letters, digits and hyphens")
    if rule.endswith("header value"):
        return HeaderProblem(error, f"the value of the header {shown} {_fault_of(value)}", _advice_for(value))
    return HeaderProblem(error, rule, None)


def _broken_rule(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Return the rule that headers break, in the words of h11, or None."""
    import h11  # here, because most jobs send no headers of their own

    host = [] if any(name.lower() == b"host" for name, _ in headers) else [(b"Host", b"any.example")]
    try:
        h11.Request(method="GET", target="/", headers=[*host, *headers])
    except h11.LocalProtocolError as error:
        return _SHOWN.split(str(error))[0]
    return None


def _fault_of(value: bytes) -> str:
    if value[-1:] in (b"\r", b"\n"):
        return "ends with a line break"
    if value != value.strip(_SPACES):
        return f"{'ends' if value[-1] in _SPACES else 'begins'} with white space"
    return "has a line break in it" if any(each in value for each in _BREAKS) else "has a control character in it"


def _advice_for(value: bytes) -> str:
    inner = value.strip(_SPACES)
    if inner != value and _broken_rule([(b"X", inner)]) is None:
        return _STRIP
    return "a header is one line of text: send this in the body, or as JSON or base64"


def _as_sent(given: str | bytes) -> bytes:
    return given if isinstance(given, bytes) else given.encode("latin-1", "replace")
