"""Pauses of a job, of a plugin, of a tenant, or of everything: a fire time that falls in one ends as skipped.

A pause is a row of the store, so it holds while schedulers come and go. It keeps its end, too: a fire time of a time in
which no scheduler was alive is skipped when one comes back, although the pause is over by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from sqlalchemy import and_, delete, select, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import insert, pause
from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key

_ALL = select(pause).order_by(pause.c.paused_at)  # made once: to build a statement costs more than to execute it


class NotPaused(JobkitError):  # noqa: N818  what is the matter, not an error of the program
    """Jobs that are not paused, or only together with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which jobs are meant; an empty name stands for all tenants, plugins or jobs."""

    tenant: str = ""
    plugin: str = ""
    job: str = ""

    def __contains__(self, key: Key | Scope) -> bool:
        """Whether a job, or all that another scope means, is among them."""
        names = key if isinstance(key, tuple) else (key.tenant, key.plugin, key.job)
        return all(mine in {"", name} for mine, name in zip((self.tenant, self.plugin, self.job), names, strict=True))

    @property
    def subject(self) -> str:
        """What is paused, with its verb left out: `the job 'work' of shop`."""
        at = f" at {self.tenant}" if self.tenant else ""
        if self.job:
            return f"the job {self.job!r} of {self.plugin}{at}"
        if self.plugin:
            return f"the plugin {self.plugin!r}{at}"
        return f"the tenant {self.tenant!r}" if self.tenant else "everything"

    @property
    def what(self) -> str:
        """The subject as the reason of one of its jobs names it."""
        return "the job" if self.job else "the plugin" if self.plugin else "the tenant" if self.tenant else "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause: of what, by whom, and from when to when, in epoch seconds."""

    scope: Scope
    who: str
    start: float
    end: float | None

    @property
    def sentence(self) -> str:
        """What to say of one that goes on."""
        return f"{self.scope.subject} is paused, by {self.who} at {_shown(self.start)}"

    @property
    def reason(self) -> str:
        """Why a fire time is skipped."""
        if self.end is None:
            return f"skipped: {self.scope.what} is paused, by {self.who} at {_shown(self.start)}"
        return f"skipped: {self.scope.what} was paused by {self.who}, from {_shown(self.start)} to {_shown(self.end)}"


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of a store, those that are over among them."""

    pauses: tuple[Pause, ...]

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """Read all of them, the oldest first."""
        return cls(tuple(_read(connection)))

    def of(self, key: Key) -> Self:
        """Return those of one job."""
        return type(self)(tuple(each for each in self.pauses if key in each.scope))

    @property
    def current(self) -> Pause | None:
        """The first one that goes on."""
        return next((each for each in self.pauses if each.end is None), None)

    def at(self, fire: float) -> Pause | None:
        """Return the pause because of which a fire time does not start: one that goes on, or one that it falls in."""
        past = (each for each in self.pauses if each.end is not None and each.start <= fire < each.end)
        return self.current or next(past, None)


def begin(connection: Connection, scope: Scope, who: str, now: float) -> Pause:
    """Pause, and return the pause; one of the same jobs that goes on stays as it is, with who began it."""
    for each in _read(connection):
        if each.scope == scope and each.end is None:
            return each
    names = {"tenant": scope.tenant, "plugin": scope.plugin, "job": scope.job}
    connection.execute(insert(connection, pause).values(**names, paused_at=to_store(now), paused_by=who))
    return Pause(scope=scope, who=who, start=now, end=None)


def end(connection: Connection, scope: Scope, who: str, now: float) -> list[Pause]:
    """End the pauses of these jobs, and return them; raises NotPaused where there is none."""
    going = [each for each in _read(connection) if each.end is None]
    mine = [each for each in going if each.scope in scope]
    if not mine:
        raise NotPaused(_explain_none(going, scope))
    for each in mine:
        values = {"resumed_at": max(to_store(now), to_store(each.start)), "resumed_by": who}
        connection.execute(update(pause).where(_is(each.scope), pause.c.resumed_at.is_(None)).values(**values))
    return mine


def forget(connection: Connection, before: float) -> None:
    """Remove what was over before a time: no fire time that is undecided can fall in it."""
    connection.execute(delete(pause).where(pause.c.resumed_at < to_store(before)))


def _explain_none(going: Iterable[Pause], scope: Scope) -> str:
    wider = next((each for each in going if scope in each.scope), None)
    if wider is None:
        return f"{scope.subject} is not paused"
    return f"{scope.subject} is paused only because {wider.sentence}; resume that"


def _read(connection: Connection) -> Iterable[Pause]:
    for row in connection.execute(_ALL):
        yield Pause(
            scope=Scope(tenant=row.tenant, plugin=row.plugin, job=row.job),
            who=row.paused_by,
            start=from_store(row.paused_at),
            end=None if row.resumed_at is None else from_store(row.resumed_at),
        )


def _is(scope: Scope) -> ColumnElement[bool]:
    return and_(pause.c.tenant == scope.tenant, pause.c.plugin == scope.plugin, pause.c.job == scope.job)


def _shown(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M} UTC"
