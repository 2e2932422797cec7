"""An endpoint of the REST API: what it takes, who may call it, and what it says.

The routes of the server and its OpenAPI document both follow from these values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sbh_jobkit.server.answer import ApiError
from sbh_jobkit.server.body import media_type, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.server.answer import Answer, Later
    from sbh_jobkit.server.service import Service
    from sbh_jobkit.server.tokens import Token

_FORM = "application/x-www-form-urlencoded"
_TYPES: dict[str, type] = {"string": str, "object": dict, "integer": int, "boolean": bool}
_NAMES = {str: "text", dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
_NAMES |= {int: "a number", float: "a number"}
_NO_FORM = "the body is not a form of fields with values; send JSON with the header 'Content-Type: application/json'"
_NAME = re.compile(r"[\w.-]{1,60}")
_TRUE = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A parameter of the query, or a field of the body."""

    kind: str
    """`string`, `integer`, `boolean`, `object` or `any`."""
    about: str
    required: bool = False
    most: int = 1_000_000
    """The longest text, or the largest number."""
    least: int = 0

    def read(self, name: str, given: Any) -> Any:
        """Return a value of a JSON body; raises ApiError (400), which does not repeat it: it may be a secret."""
        if self.kind == "any":
            return given
        if not isinstance(given, _TYPES[self.kind]) or (self.kind == "integer" and isinstance(given, bool)):
            raise ApiError(400, f"{name!r} must be {_a(self.kind)}, got {_NAMES[type(given)]}")
        size = self.least
        if isinstance(given, str):
            size = len(given)
        elif isinstance(given, int) and self.kind == "integer":
            size = given
        if not self.least <= size <= self.most:
            unit = " characters" if isinstance(given, str) else ""
            raise ApiError(400, f"{name!r} must be from {self.least} to {self.most}{unit}, got {size}")
        return given

    def parse(self, name: str, text: str) -> Any:
        """Return a value of a query; raises ApiError (400)."""
        if self.kind == "integer":
            is_number = text.isascii() and text.isdecimal() and len(text) < 20  # noqa: PLR2004  digits of 64 bits
            given: object = int(text) if is_number else text
        else:
            given = _TRUE.get(text.lower(), text) if self.kind == "boolean" else text
        if not isinstance(given, _TYPES[self.kind]):
            raise ApiError(400, f"{name!r} must be {_a(self.kind)}, got {_shown(text)}")
        return self.read(name, given)

    def schema(self) -> dict[str, Any]:
        """Return it as JSON Schema."""
        if self.kind == "any":
            return {"description": self.about}
        bounds = {"string": ("minLength", "maxLength"), "integer": ("minimum", "maximum")}.get(self.kind, ())
        limits = dict(zip(bounds, (self.least, self.most), strict=False))
        return {"type": self.kind, "description": self.about, **limits}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an endpoint."""

    service: Service
    caller: Token
    tenant: str
    path: Mapping[str, str]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    upload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path and method."""

    method: str
    path: str
    about: str
    handler: Callable[[Call], Answer | Later]
    statuses: tuple[int, ...] = ()
    """What it may answer beside 200, 400, 401 and 403."""
    query: Mapping[str, Value] = field(default_factory=dict)
    body: Mapping[str, Value] = field(default_factory=dict)
    upload: bool = False
    """Whether it takes a file, as multipart/form-data."""

    @property
    def operates(self) -> bool:
        """Whether it changes anything, so that a token needs the role `operate`."""
        return self.method != "GET"

    def read_query(self, text: str) -> dict[str, Any]:
        """Return the parameters of a query; raises ApiError (400) for one that is wrong or unknown."""
        found = _pairs(text)
        for name in found:
            if name not in self.query:
                known = f"; it takes {', '.join(self.query)}" if self.query else ", which takes none"
                raise ApiError(400, f"{name!r} is not a parameter of this address{known}")
        return {name: self.query[name].parse(name, value) for name, value in found.items()}

    def read_body(self, data: bytes, content_type: str) -> dict[str, Any]:
        """Return the fields of a body, JSON or a form; raises ApiError (400)."""
        if not self.body:
            return {}
        is_form = media_type(content_type) == _FORM
        given = _pairs(data.decode("utf-8", "replace")) if is_form else _json(data)
        if is_form and any(
            name not in self.body and not (value and _NAME.fullmatch(name)) for name, value in given.items()
        ):
            raise ApiError(400, _NO_FORM)  # whatever it is, it is not repeated: it may be a secret
        for name in given:
            if name not in self.body:
                raise ApiError(400, f"the body has an unknown field {_shown(name)}; it takes {', '.join(self.body)}")
        for name, value in self.body.items():
            if value.required and name not in given:
                raise ApiError(400, f"the body has no {name!r}; it takes {', '.join(self.body)}")
        return {name: self.body[name].read(name, value) for name, value in given.items()}


def _json(data: bytes) -> dict[str, Any]:
    found = read_json(data)
    if not isinstance(found, dict):
        raise ApiError(400, f"the body must be a JSON object, got {_NAMES[type(found)]}")
    return found


def _pairs(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise ApiError(400, "there are too many fields") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ApiError(400, "a field is given twice")
    return found


def _a(kind: str) -> str:
    return "a whole number" if kind == "integer" else _NAMES[_TYPES[kind]]


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  a line
