"""One thread writes for all: what waits together is committed together, and each asker learns what became of it."""

import threading

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from sbh_jobkit.engines.store import Store
from sbh_jobkit.engines.writer import Writer

NOTES = MetaData()
note = Table("note", NOTES, Column("number", Integer, primary_key=True))
answer = Table(
    "answer",
    NOTES,
    Column("number", Integer, ForeignKey("note.number", deferrable=True, initially="DEFERRED"), primary_key=True),
)


@pytest.fixture
def store(url):
    """Open a store with two tables beside its own, whose references are checked at the commit."""
    opened = Store.open(url)
    if opened.is_sqlite:
        event.listen(opened.engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    opened.close()  # whatever is open already does not check
    with opened.write() as connection:
        NOTES.create_all(connection)
    yield opened
    opened.close()


@pytest.fixture
def commits(store):
    """Return a list that grows with each commit."""
    seen = []
    event.listen(store.engine, "commit", seen.append)
    return seen


@pytest.fixture(params=[False, True], ids=["once", "repeats"])
def writer(store, request):
    """Return a writer of that store, and one that may call a task twice."""
    opened = Writer(store, repeats=request.param)
    yield opened
    opened.close()


def insert(number, table=note):
    """Return a task that inserts a number, and returns it."""

    def task(connection):
        connection.execute(table.insert().values(number=number))
        return number

    return task


def numbers(store):
    """Return the numbers in the store."""
    with store.read() as connection:
        return [row.number for row in connection.execute(note.select().order_by(note.c.number))]


@pytest.fixture
def together(writer):
    """Return a function that lets several tasks wait at the same time, and returns what they are answered."""

    def submit(*tasks):
        gate, entered = threading.Event(), threading.Event()

        def hold(_):
            entered.set()
            gate.wait(10)

        held = writer.submit(hold)
        entered.wait(10)
        asked = [writer.submit(task) for task in tasks]
        gate.set()
        held.result(10)
        return [each.exception(10) or each.result() for each in asked]

    return submit


def test_what_waits_together_is_committed_together(store, together, commits):
    """A hundred tasks that wait are one commit, so a slow disk is waited for once."""
    assert together(*(insert(number) for number in range(100))) == list(range(100))
    assert len(commits) == 2  # the one before, which they waited for, and theirs
    assert numbers(store) == list(range(100))


def test_more_than_a_hundred_are_committed_in_parts(store, together, commits):
    """So nobody waits for a transaction without end."""
    together(*(insert(number) for number in range(101)))
    assert len(commits) == 3
    assert len(numbers(store)) == 101


def test_a_result_comes_after_its_commit(store, writer):
    """Whoever has the answer can read what was written, also in another connection."""
    for number in range(5):
        assert writer.write(insert(number)) == number
        assert numbers(store)[-1] == number


@pytest.mark.parametrize("error", [ValueError("no"), IntegrityError], ids=["raises", "refused"])
def test_a_task_that_fails_takes_back_only_its_own_writes(store, together, error):
    """Those beside it are committed; its own earlier statement is not."""

    def fail(connection):
        insert(50)(connection)
        if error is IntegrityError:
            insert(1)(connection)
        raise error

    answers = together(insert(1), fail, insert(2))
    assert (answers[0], answers[2]) == (1, 2)
    assert isinstance(answers[1], type(error) if isinstance(error, ValueError) else error)
    assert numbers(store) == [1, 2]


def test_a_commit_that_fails_fails_all(store, together):
    """Nothing was written, so nobody may believe that it was; what comes later is written."""
    answers = together(insert(1), insert(7, answer), insert(2))
    assert [isinstance(each, IntegrityError) for each in answers] == [True, True, True]
    assert numbers(store) == []
    assert together(insert(3)) == [3]
    assert numbers(store) == [3]


def test_a_store_that_cannot_be_reached_fails_the_task_and_not_the_writer(postgres_url):
    """A connection that the database ended is an error of what was asked; the next task gets a new one."""
    store = Store.open(postgres_url)
    writer = Writer(store)
    with pytest.raises(DBAPIError):
        writer.write(lambda connection: connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
    assert writer.write(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    writer.close()
    store.close()


def test_a_writer_that_repeats_makes_no_savepoints(store, together, writer):
    """Only where a task has failed, with which all are called again: each for itself."""
    seen, called = [], []
    event.listen(store.engine, "savepoint", lambda *_: seen.append("savepoint"))

    def task(connection):
        called.append(connection)

    together(task, task)
    repeats = writer._repeats  # noqa: SLF001  which of both it is
    assert (len(called), len(seen)) == ((2, 0) if repeats else (2, 2))

    def fail(_):
        raise ValueError

    answers = together(task, fail, task)
    assert [type(each) for each in answers] == [type(None), ValueError, type(None)]
    assert (len(called), len(seen)) == ((2 + 1 + 2, 3) if repeats else (2 + 2, 2 + 3))


def test_closing_writes_what_waits(store):
    """What was submitted before is in the store afterwards."""
    writer = Writer(store)
    asked = [writer.submit(insert(number)) for number in range(250)]
    writer.close()
    assert [each.result(0) for each in asked] == list(range(250)) == numbers(store)
