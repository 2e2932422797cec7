"""When schedulers were alive: each has a row that it keeps fresh, and where no row covers a time, none was alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from sbh_jobkit.engines.instants import from_store, to_store
from sbh_jobkit.engines.schema import scheduler
from sbh_jobkit.schedule.policy import Window

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store


def beat(store: Store, id_: str, now: float) -> None:
    """Show that a scheduler is alive now, in epoch seconds; the first time it starts."""
    moment = to_store(now)
    with store.write() as connection:
        new = {"id": id_, "started_at": moment, "alive_at": moment}
        connection.execute(store.insert(scheduler).values(new).on_conflict_do_nothing())
        later = scheduler.c.alive_at < moment
        connection.execute(update(scheduler).where(scheduler.c.id == id_, later).values(alive_at=moment))


def forget(store: Store, before: float) -> None:
    """Remove schedulers that were last alive before a time, but for the latest: a gap that nobody needs any more."""
    with store.write() as connection:
        latest = select(scheduler.c.id).order_by(scheduler.c.alive_at.desc()).limit(1).scalar_subquery()
        old = scheduler.c.alive_at < to_store(before)
        connection.execute(delete(scheduler).where(old, scheduler.c.id != latest))


def downtime(connection: Connection, since: float, now: float) -> Window | None:
    """Return the last time, not before `since`, in which no scheduler was alive; None where one always was."""
    rows = connection.execute(select(scheduler.c.started_at, scheduler.c.alive_at).order_by(scheduler.c.started_at))
    last: Window | None = None
    alive_to: float | None = None
    for started_at, alive_at in rows:
        start, end = from_store(started_at), from_store(alive_at)
        if start > now:
            break
        if alive_to is not None and start > alive_to and start > since:
            last = Window(start=alive_to, end=start)
        alive_to = end if alive_to is None else max(alive_to, end)
    return last
