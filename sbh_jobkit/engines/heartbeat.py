"""When schedulers were alive: each has a row that it keeps fresh, and where no row covers a time, none was alive.

A scheduler whose machine slept, or that was stopped and let go on, was not alive in between: it gets a second row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Self

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, text, update

from sbh_jobkit.engines import identity
from sbh_jobkit.engines.instants import from_store, now_in, to_store
from sbh_jobkit.engines.lease import LEASE
from sbh_jobkit.engines.schema import insert, life
from sbh_jobkit.errors import ClockError, JobkitError
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store

MAX_GAP = 40 * 86_400.0
"""Seconds that may lie between two signs of life; beyond that a clock has jumped, and planning would write years."""
MAX_BACK = 300.0
"""Seconds by which a clock may go back before nothing is planned: schedulers' clocks differ a little."""

_ALL = select(life).order_by(life.c.started_at)
_EARLIER = life.c.alive_at < bindparam("since")
_LAST = select(func.max(life.c.alive_at)).where(_EARLIER).group_by(life.c.role)
_SINCE = _ALL.where(or_(~_EARLIER, life.c.alive_at.in_(_LAST)))
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('sbh_life'))")


class NameTaken(JobkitError):  # noqa: N818  what is the matter, not an error of the program
    """A name that another process has, which is alive."""


class EngineMixed(JobkitError):  # noqa: N818  as above
    """Another engine than the one with which a process that is alive uses the store."""


class Role(StrEnum):
    """What a process does."""

    SCHEDULER = "scheduler"
    """It plans; on one machine it also runs jobs."""
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Life:
    """When one scheduler or worker was alive, in epoch seconds."""

    worker: str
    start: float
    end: float
    role: str | None = None
    """None where an older kit wrote it."""
    name: str | None = None
    """What its operator calls it."""
    engine: str | None = None
    """With which engine it uses the store; None where an older kit wrote it, and after its end."""

    @property
    def shown(self) -> str:
        """Which process it is, for messages."""
        named = f" {self.name!r}" if self.name else ""
        return f"the {self.role}{named} ({identity.describe(self.worker)})"


@dataclass(frozen=True, slots=True)
class Lives:
    """When each scheduler was alive, by its start."""

    lives: Sequence[Life]
    _ended: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)
    """Which schedulers of this machine have ended, as far as somebody asked; each is looked up once."""

    @classmethod
    def read(cls, connection: Connection, since: float | None = None) -> Self:
        """Read all of them, or what is to be known of the time from `since` on.

        That is who was alive then, and the last one of each role before.
        """
        if since is None:
            found = connection.execute(_ALL)
        else:
            found = connection.execute(_SINCE, {"since": to_store(since - LEASE)})
        return cls(
            [
                Life(row.worker, from_store(row.started_at), from_store(row.alive_at), row.role, row.name, row.engine)
                for row in found
            ]
        )

    def fresh(self, now: float) -> set[str]:
        """Return the schedulers that have given a sign of life not long ago."""
        return {each.worker for each in self.lives if each.end >= now - LEASE}

    def alive(self, now: float) -> list[Life]:
        """Return those that go on, as far as anybody can know."""
        return [each for each in self.lives if self._goes_on(each, now)]

    def downtime(self, since: float, now: float) -> Window | None:
        """Return the last time, not before `since`, in which nothing could start; None where there was none.

        That is where no scheduler was alive, and, where workers run the jobs, where none of these was.
        """
        workers = [each for each in self.lives if each.role == Role.WORKER]
        gaps = [self.unplanned(since, now), self._last_gap(workers, since, now)]
        return max((gap for gap in gaps if gap is not None), key=attrgetter("end"), default=None)

    def unplanned(self, since: float, now: float) -> Window | None:
        """Return the last time, not before `since`, in which no scheduler was alive, whether workers were or not."""
        return self._last_gap([each for each in self.lives if each.role != Role.WORKER], since, now)

    def _last_gap(self, lives: Sequence[Life], since: float, now: float) -> Window | None:
        """Return the last time in which none of some lives went on, up to the start of one of them."""
        last: Window | None = None
        alive_to: float | None = None
        for each in lives:
            if each.start > now:
                break
            if alive_to is not None and each.start > alive_to and each.start > since:
                last = Window(start=alive_to, end=each.start)
            end = now if self._goes_on(each, now) else each.end
            alive_to = end if alive_to is None else max(alive_to, end)
        return last

    def _goes_on(self, each: Life, now: float) -> bool:
        """Whether a scheduler is alive between two of its signs of life, as far as anybody can know."""
        if each.end < now - LEASE:
            return False
        if each.worker not in self._ended:
            self._ended[each.worker] = identity.has_ended(each.worker)
        return not self._ended[each.worker]


def beat(connection: Connection, worker: str, now: float, *, lease: float = LEASE) -> None:
    """Show that a scheduler is alive now, in epoch seconds; after more than `lease` seconds it begins a new life."""
    moment = to_store(now)
    mine = and_(life.c.worker == worker, life.c.alive_at >= to_store(now - lease))
    later = case((life.c.alive_at < moment, moment), else_=life.c.alive_at)
    if connection.execute(update(life).where(mine).values(alive_at=later)).rowcount == 0:
        before = select(life).where(life.c.worker == worker).order_by(life.c.alive_at.desc()).limit(1)
        known = connection.execute(before).first()
        role, name, engine = (None, None, None) if known is None else (known.role, known.name, known.engine)
        if name is not None and _owner(_others(connection, worker, now), name) is not None:
            name = None  # it was taken for dead, and another process has the name now
        new = {"worker": worker, "started_at": moment, "alive_at": moment, "role": role, "name": name, "engine": engine}
        connection.execute(insert(connection, life).values(new).on_conflict_do_nothing())


def join(  # noqa: PLR0917  what a life is
    connection: Connection, worker: str, now: float, role: Role, name: str | None = None, engine: str | None = None
) -> None:
    """Show for the first time that a process is alive, and what it is; raises NameTaken and EngineMixed."""
    require_free(connection, worker, now, name, engine)
    beat(connection, worker, now)
    connection.execute(update(life).where(life.c.worker == worker).values(role=role, name=name, engine=engine))


def leave(connection: Connection, worker: str, now: float) -> None:
    """Give the last sign of life of a process, and its name and engine to whichever process wants them next."""
    beat(connection, worker, now)
    connection.execute(update(life).where(life.c.worker == worker).values(name=None, engine=None))


def check_start(store: Store, name: str | None, engine: str) -> None:
    """Raise NameTaken or EngineMixed before a process makes anything; when it joins, that is asked again."""
    with store.read() as connection:
        require_free(connection, identity.identify(), now_in(connection), name, engine)


def require_free(connection: Connection, worker: str, now: float, name: str | None, engine: str | None = None) -> None:
    """Raise NameTaken for a name that another process has, and EngineMixed where one uses another engine.

    A process that has ended, or is silent for long, has neither.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)
    others = _others(connection, worker, now)
    owner = _owner(others, name)
    if owner is not None:
        msg = f"the name {name!r} is taken by {identity.describe(owner.worker)}, which was alive"
        msg += f" {_ago(owner, now)} ago; stop it, or choose another --name"
        raise NameTaken(msg)
    for each in others:
        if engine is not None and each.engine not in {None, engine}:
            msg = (
                f"{each.shown}, which was alive {_ago(each, now)} ago, uses the store with --engine {each.engine}, not"
            )
            msg += f" {engine}; stop it first, or use the same --engine for all processes of the store"
            raise EngineMixed(msg)


def _others(connection: Connection, worker: str, now: float) -> list[Life]:
    """Return the other processes that are alive."""
    return [each for each in Lives.read(connection, now).alive(now) if each.worker != worker]


def _owner(others: Iterable[Life], name: str | None) -> Life | None:
    """Return the process that has a name."""
    return next((each for each in others if name is not None and each.name == name), None)


def _ago(each: Life, now: float) -> str:
    return times.format_elapsed(round(max(0.0, now - each.end)))


def check_clock(connection: Connection, now: float) -> None:
    """Raise ClockError where the clock is far from the last sign of life of any scheduler."""
    latest = connection.execute(select(func.max(life.c.alive_at))).scalar()
    gap = 0.0 if latest is None else now - from_store(latest)
    if -MAX_BACK <= gap <= MAX_GAP:
        return
    long = times.format_elapsed(round(abs(gap)))
    if gap < 0:
        msg = f"the clock has gone back by {long}, so nothing is planned; set the clock, or wait until it is past that"
    else:
        msg = f"the clock is {long} after the last sign of life of a scheduler, so nothing is planned; set the clock,"
        msg += " or serve with --begin-now, which forgets what was due since then"
    raise ClockError(msg)


def forget(connection: Connection, before: float) -> None:
    """Remove what was last alive before a time, except for the latest: a gap that nobody needs any more."""
    latest = connection.execute(select(func.max(life.c.alive_at))).scalar()
    connection.execute(delete(life).where(life.c.alive_at < to_store(before), life.c.alive_at != latest))


def forget_future(connection: Connection, now: float) -> None:
    """Remove what a clock that was ahead has written."""
    connection.execute(delete(life).where(life.c.alive_at > to_store(now)))
