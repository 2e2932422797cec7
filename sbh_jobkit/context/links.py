"""Signed links to files, for a storage that has none of its own; what serves them checks them with the same signer."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    from datetime import datetime

OPERATIONS = ("get_object", "put_object")
_LONGEST = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a valid link permits."""

    key: str
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs links of one tenant and verifies them."""

    base: str
    """The address below which the links are served, such as `https://jobs.example/files/acme`."""
    secret: bytes = field(repr=False)
    """The key of the signatures (HMAC-SHA256)."""
    tenant: str

    def sign(self, key: str, operation: str, expires_in: int, now: datetime) -> str:
        """Return a link that works until `expires_in` seconds from now; raises ValueError for what cannot be signed."""
        if (problem := link_problem(operation, expires_in)) is not None:
            raise ValueError(problem)
        expires = int(now.timestamp()) + expires_in
        query = {"operation": operation, "expires": expires, "signature": self._signature(key, operation, expires)}
        return f"{self.base.rstrip('/')}/{_path(key)}?{urlencode(query)}"

    def verify(self, url: str, now: datetime) -> Link | None:
        """Return what a link permits; None for one that is wrong or has expired."""
        parts, base = urlsplit(url), urlsplit(self.base.rstrip("/") + "/")
        given = {name: values[0] for name, values in parse_qs(parts.query).items() if len(values) == 1}
        if not parts.path.startswith(base.path) or not given.get("expires", "").isdecimal():
            return None
        key, operation = unquote(parts.path[len(base.path) :]), given.get("operation", "")
        right = self._signature(key, operation, int(given["expires"]))
        if not hmac.compare_digest(right.encode(), given.get("signature", "").encode()):
            return None
        return Link(key=key, operation=operation) if now.timestamp() < int(given["expires"]) else None

    def _signature(self, key: str, operation: str, expires: int) -> str:
        signed = json.dumps([self.tenant, operation, key, expires])
        return hmac.new(self.secret, signed.encode(), sha256).hexdigest()


def _path(key: str) -> str:
    """Return a key as it is written in an address; clients take `.` and `..` between slashes out of one."""
    parts = quote(key).split("/")
    return "/".join(part.replace(".", "%2E") if part in {".", ".."} else part for part in parts)


def link_problem(operation: object, expires_in: object) -> str | None:
    """Return what is wrong with the operation or the time of a link, or None."""
    if operation not in OPERATIONS:
        hint = did_you_mean(f"{operation}", OPERATIONS) or f"; use one of {', '.join(OPERATIONS)}"
        return f"unknown operation {operation!r} of a link{hint}"
    if isinstance(expires_in, bool) or not isinstance(expires_in, int) or not 0 < expires_in <= _LONGEST:
        return f"expires_in must be a whole number of seconds from 1 to {_LONGEST} (seven days), got {expires_in!r}"
    return None
