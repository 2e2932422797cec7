"""Who calls, and for which tenant: the bearer token and the header X-Tenant-Slug of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.server import tokens
from sbh_jobkit.server.answer import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.server.service import Service
    from sbh_jobkit.server.tokens import Token

_ASK = {"WWW-Authenticate": 'Bearer realm="sbh-jobkit"'}
_NO_TOKEN = "send a token in the header Authorization: Bearer <token>"  # noqa: S105  no password


def caller_of(service: Service, headers: Mapping[str, str], *, operates: bool) -> Token:
    """Return who calls; raises ApiError (401, and 403 where the role does not suffice)."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise ApiError(401, _NO_TOKEN, headers=_ASK)
    with service.store.read() as connection:
        found = tokens.find(connection, value.strip())
    if found is None:
        raise ApiError(401, "the token is not valid", headers=_ASK)
    if operates and not found.may_operate:
        raise ApiError(403, f"the token {found.name!r} has the role {found.role!r}, which changes nothing")
    return found


def tenant_of(service: Service, caller: Token, headers: Mapping[str, str]) -> str:
    """Return the tenant of a request; raises ApiError (400, 403)."""
    name = headers.get("x-tenant-slug")
    if not name:
        raise ApiError(400, "name the tenant in the header X-Tenant-Slug")
    if name not in visible_tenants(service, caller):
        raise ApiError(403, "the token is not for this tenant, or it is not served here")
    return name


def visible_tenants(service: Service, caller: Token) -> list[str]:
    """Return the tenants that a token may see."""
    return [name for name in service.tenants if caller.tenant in {None, name}]
