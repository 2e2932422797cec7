"""An engine that keeps what it is given in a table of the store, and the same with one fault each."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, bindparam, delete, insert, select, update

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.store import Store

TABLES = MetaData()
QUEUE = Table(
    "queue",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("ready", Float),
    Column("offered_at", Float),
)
TICK = Table("tick", TABLES, Column("at", Float))
PERIOD = 1.0


def name(row):
    """Return what names a row."""
    return f"{row.tenant}/{row.plugin}/{row.job}/{row.fire}"


class TableEngine:
    """Looks into its table twenty times a second."""

    def __init__(self, url):
        """Make the tables."""
        self.store = Store.open(url)
        with self.store.write() as connection:
            TABLES.create_all(connection)
            if connection.execute(select(TICK.c.at)).first() is None:
                connection.execute(insert(TICK).values(at=0.0))

    def offer(self, connection, rows):
        """Add a line for each row."""
        lines = [{"name": name(row), "ready": row.ready, "offered_at": now()} for row in rows]
        connection.execute(insert(QUEUE), lines)

    def withdraw(self, connection, rows):
        """Remove the lines of the rows."""
        mine = QUEUE.c.name == bindparam("its_name")
        connection.execute(delete(QUEUE).where(mine), [{"its_name": name(row)} for row in rows])

    def work(self, start, *, slots, stop):
        """Take lines in so many threads."""
        with ThreadPoolExecutor(slots) as pool:
            for _ in range(slots):
                pool.submit(self.take_on, start, stop)

    def take_on(self, start, stop):
        """Call for one line after the other."""
        while not stop.is_set():
            if self.take():
                start()
            else:
                stop.wait(0.02)

    def take(self):
        """Remove a line whose time has come; return whether there was one."""
        due = select(QUEUE.c.id).where(QUEUE.c.ready <= now()).limit(1)
        with self.store.read() as connection:
            if connection.execute(due).first() is None:
                return False
        with self.store.write() as connection:
            found = connection.execute(due).scalar()
            return connection.execute(delete(QUEUE).where(QUEUE.c.id == found)).rowcount == 1

    def tick(self, call, *, stop):
        """Call if nobody has since the last period."""
        while not stop.wait(0.1):
            with self.store.write() as connection:
                at = now()
                mine = connection.execute(update(TICK).where(TICK.c.at <= at - PERIOD).values(at=at)).rowcount
            if mine:
                call()


class OffersTwice(TableEngine):
    """Each row has two lines."""

    def offer(self, connection, rows):
        """Add them twice."""
        super().offer(connection, [*rows, *rows])


class OffersEarly(TableEngine):
    """No row waits for its time."""

    def offer(self, connection, rows):
        """Add lines that are due."""
        super().offer(connection, [replace(row, ready=0.0) for row in rows])


class Forgets(TableEngine):
    """What is there when a worker begins is gone."""

    def work(self, start, *, slots, stop):
        """Remove what has been there for a while."""
        with self.store.write() as connection:
            connection.execute(delete(QUEUE).where(QUEUE.c.offered_at < now() - 0.5))
        super().work(start, slots=slots, stop=stop)


class RunsUnasked(TableEngine):
    """What is no longer due is brought."""

    def withdraw(self, connection, rows):
        """Leave them."""


class CallsIdly(TableEngine):
    """It calls whenever it looks."""

    def take(self):
        """Find something."""
        super().take()
        return True


class KeepsFailed(TableEngine):
    """It writes by itself."""

    def offer(self, connection, rows):
        """Add lines when the transaction has ended, however it did."""
        del connection
        threading.Thread(target=self.add, args=(rows,)).start()

    def add(self, rows):
        """Add lines."""
        with self.store.write() as connection:
            super().offer(connection, rows)


class TakesAll(TableEngine):
    """Slots are nothing to it."""

    def work(self, start, *, slots, stop):
        """Take one more."""
        super().work(start, slots=slots + 1, stop=stop)


class GoesOn(TableEngine):
    """It ends when nothing is left."""

    def take_on(self, start, stop):
        """Call until there is nothing."""
        while not stop.is_set() or self.take():
            super().take_on(start, stop)
            if self.take():
                start()


class OnlyOnce(TableEngine):
    """What was offered once is known."""

    known = Table("known", TABLES, Column("name", String, primary_key=True))

    def offer(self, connection, rows):
        """Add lines for what is new."""
        known = set(connection.execute(select(self.known.c.name)).scalars())
        new = [row for row in rows if name(row) not in known]
        if new:
            connection.execute(insert(self.known), [{"name": name(row)} for row in new])
            super().offer(connection, new)


class AllTick(TableEngine):
    """Each process ticks."""

    def tick(self, call, *, stop):
        """Call."""
        while not stop.wait(PERIOD):
            call()
