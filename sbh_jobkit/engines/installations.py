"""The plugins of each tenant as the store knows them: where they are, and whether they are enabled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import insert, plugin

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """Who has disabled a plugin, and when."""

    who: str
    at: datetime

    def sentence(self, slug: str) -> str:
        """Return what to say of it."""
        return f"the plugin {slug!r} is disabled, by {self.who} at {self.at:%Y-%m-%d %H:%M} UTC; enable it first"

    @property
    def reason(self) -> str:
        """Why a fire time is skipped."""
        return f"skipped: the plugin is disabled, by {self.who} at {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One plugin of one tenant."""

    tenant: str
    plugin: str
    path: str
    is_uploaded: bool
    created_at: datetime
    disabled: Disabled | None

    @property
    def enabled(self) -> bool:
        """Whether its jobs run."""
        return self.disabled is None


def read(connection: Connection, tenant: str | None = None) -> list[Installation]:
    """Return the installations of a tenant, or of all."""
    query = select(plugin).order_by(plugin.c.tenant, plugin.c.plugin)
    if tenant is not None:
        query = query.where(plugin.c.tenant == tenant)
    return [
        Installation(
            tenant=row.tenant,
            plugin=row.plugin,
            path=row.path,
            is_uploaded=row.is_uploaded,
            created_at=_utc(row.created_at),
            disabled=_disabled(row),
        )
        for row in connection.execute(query)
    ]


def install(connection: Connection, tenant: str, slug: str, path: str, now: float, *, uploaded: bool = False) -> None:
    """Write where a plugin is; one that is known stays enabled or disabled as it was."""
    key = {"tenant": tenant, "plugin": slug}
    place = {"path": path, "is_uploaded": uploaded}
    if connection.execute(update(plugin).where(_is(tenant, slug)).values(**place)).rowcount == 0:
        new = {**key, **place, "created_at": to_store(now)}
        connection.execute(insert(connection, plugin).values(**new).on_conflict_do_nothing())


def enable(connection: Connection, tenant: str, slug: str) -> bool:
    """Let the plugin's jobs run; False where there is no such plugin."""
    values: dict[str, Any] = {"disabled_at": None, "disabled_by": None}
    return connection.execute(update(plugin).where(_is(tenant, slug)).values(**values)).rowcount == 1


def disable(connection: Connection, tenant: str, slug: str, who: str, now: float) -> bool:
    """Let none of the plugin's jobs start; one that is disabled keeps who did it first. False for an unknown one."""
    found = connection.execute(select(plugin.c.disabled_at).where(_is(tenant, slug))).first()
    if found is not None and found.disabled_at is None:
        off = {"disabled_at": to_store(now), "disabled_by": who}
        connection.execute(update(plugin).where(_is(tenant, slug)).values(**off))
    return found is not None


_DISABLED = select(plugin).where(plugin.c.disabled_at.is_not(None))
"""Made once: to build a statement costs more than to execute it."""


def disabled(connection: Connection) -> dict[tuple[str, str], Disabled]:
    """Return what is disabled, by tenant and plugin."""
    rows = connection.execute(_DISABLED)
    return {(row.tenant, row.plugin): off for row in rows if (off := _disabled(row)) is not None}


def _is(tenant: str, slug: str) -> ColumnElement[bool]:
    return (plugin.c.tenant == tenant) & (plugin.c.plugin == slug)


def _disabled(row: Any) -> Disabled | None:
    return None if row.disabled_at is None else Disabled(who=row.disabled_by, at=_utc(row.disabled_at))


def _utc(microseconds: int) -> datetime:
    return datetime.fromtimestamp(from_store(microseconds), UTC)
