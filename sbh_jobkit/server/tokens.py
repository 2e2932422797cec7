"""Tokens of the REST API: several, each with a name and a role; the store has only what they hash to."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from sbh_jobkit.engines.instants import from_store, now, to_store
from sbh_jobkit.engines.schema import token as table
from sbh_jobkit.errors import JobkitError, did_you_mean

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

READ, OPERATE = "read", "operate"
ROLES = (READ, OPERATE)
_PREFIX = "sbh_"
_TOKEN = re.compile(r"sbh_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who calls."""

    name: str
    role: str
    tenant: str | None
    """The only tenant that it may see; None for all."""
    created_at: datetime
    digest: str

    @property
    def may_operate(self) -> bool:
        """Whether it may change anything."""
        return self.role == OPERATE


def add(connection: Connection, name: str, role: str, *, tenant: str | None = None, value: str | None = None) -> str:
    """Make a token, or take one that is given, and return it; it can never be read again. Raises JobkitError."""
    _check(name, role)
    if tenant is not None and not tenant.strip():
        msg = f"the tenant of the token {name!r} must not be empty; leave it out for all tenants"
        raise JobkitError(msg)
    if name in {each.name for each in read(connection)}:
        msg = f"there is a token {name!r} already; remove it first, or take another name"
        raise JobkitError(msg)
    made = value or _PREFIX + secrets.token_urlsafe(32)
    if not _TOKEN.fullmatch(made):
        msg = "what is given is not a token: tokens begin with sbh_ and have 43 characters after it"
        raise JobkitError(msg)
    row = {"name": name, "role": role, "tenant": tenant, "digest": _digest(made), "created_at": to_store(now())}
    connection.execute(table.insert().values(**row))
    return made


def read(connection: Connection) -> list[Token]:
    """Return all tokens, without what opens anything."""
    return [
        Token(
            name=row.name,
            role=row.role,
            tenant=row.tenant,
            created_at=datetime.fromtimestamp(from_store(row.created_at), UTC),
            digest=row.digest,
        )
        for row in connection.execute(select(table).order_by(table.c.name))
    ]


def remove(connection: Connection, name: str) -> None:
    """Remove a token, which opens nothing any more; raises JobkitError for an unknown one."""
    if connection.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        names = [each.name for each in read(connection)]
        hint = did_you_mean(name, names) or f"; there are {', '.join(names) or 'none'}"
        msg = f"there is no token {name!r}{hint}"
        raise JobkitError(msg)


def find(connection: Connection, value: str) -> Token | None:
    """Return whose token it is; every one is compared, in constant time."""
    digest, found = _digest(value), None
    for each in read(connection):
        if hmac.compare_digest(each.digest, digest):
            found = each
    return found


def _digest(value: str) -> str:
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _check(name: str, role: str) -> None:
    if not _NAME.fullmatch(name):
        msg = f"the name of a token is up to 60 letters, digits and ' . _ @ -', got {name!r}"
        raise JobkitError(msg)
    if role not in ROLES:
        hint = did_you_mean(role, ROLES) or f"; use one of {', '.join(ROLES)}"
        msg = f"unknown role {role!r}{hint}"
        raise JobkitError(msg)
