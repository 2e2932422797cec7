"""Who looks at the pages: a cookie that a token opens, and forms that only this server can have made.

The cookie holds the token's name and an end, signed with a key that follows from the store's; nothing is kept here. A
token that is removed or replaced ends its sessions, because its digest is signed, too.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from sbh_jobkit.engines.instants import now
from sbh_jobkit.server import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.server.service import Service
    from sbh_jobkit.server.tokens import Token

COOKIE = "sbh_session"
SECONDS = 12 * 3600
_PARTS = 3


def open_session(service: Service, value: str) -> str | None:
    """Return the cookie of a token; None for one that is not valid."""
    with service.store.read() as connection:
        token = tokens.find(connection, value.strip())
    if token is None:
        return None
    name, end = urlsafe_b64encode(token.name.encode()).decode(), f"{now() + SECONDS:.0f}"
    return f"{name}.{end}.{_signature(service, token, end)}"


def read_session(service: Service, cookie: str) -> Token | None:
    """Return who has a cookie; None for one that is forged or over, or whose token is gone."""
    parts = cookie.split(".")
    if len(parts) != _PARTS or not (parts[1].isascii() and parts[1].isdecimal()):
        return None
    try:
        name = urlsafe_b64decode(parts[0]).decode()
    except ValueError:
        return None
    with service.store.read() as connection:
        token = next((each for each in tokens.read(connection) if each.name == name), None)
    if token is None or not _are_equal(_signature(service, token, parts[1]), parts[2]):
        return None
    return token if now() < int(parts[1][:15]) else None


def form_mark(service: Service, cookie: str) -> str:
    """Return what a form of this session carries, which no other site can know."""
    return hmac.new(service.keys.signing("forms")[0], cookie.encode(), sha256).hexdigest()


def is_own_form(service: Service, cookie: str, mark: str, headers: Mapping[str, str]) -> bool:
    """Whether a form was sent from a page of this session."""
    return _are_equal(form_mark(service, cookie), mark) and is_own_site(headers)


def is_own_site(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that a form comes from a page of this server, as far as it says anything."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _are_equal(right: str, given: str) -> bool:
    """Compare what somebody sent, which may be any text, in a time that does not say how much of it is right."""
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))


def _signature(service: Service, token: Token, end: str) -> str:
    signed = f"{token.name}\n{end}\n{token.digest}".encode()
    return hmac.new(service.keys.signing("sessions")[0], signed, sha256).hexdigest()
