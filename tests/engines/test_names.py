"""What operators call their processes: a name belongs to one that is alive, and is free again when that has ended.

So it is with the engine with which they use a store: all that are alive use the same.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import heartbeat, identity
from sbh_jobkit.engines.heartbeat import LEASE, EngineMixed, Lives, NameTaken, Role

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HERE = identity.identify()
THERE = "elsewhere/1:boot:7:1"


def join(store, worker, after, name, role=Role.WORKER, *, engine=None):
    """Let a process join so many seconds after nine."""
    with store.write() as connection:
        heartbeat.join(connection, worker, NINE + after, role, name, engine)


def names(store):
    """Return who has which name."""
    with store.read() as connection:
        return [(each.worker, each.role, each.name) for each in Lives.read(connection).lives]


def test_a_name_of_a_process_that_is_alive_is_refused(store):
    """The message says who has it, and nothing is written."""
    join(store, THERE, 0, "night")
    with pytest.raises(NameTaken) as refused:
        join(store, HERE, 12, "night")
    sentence = "the name 'night' is taken by process 7 on elsewhere, which was alive 12s ago"
    assert str(refused.value) == f"{sentence}; stop it, or choose another --name"
    assert names(store) == [(THERE, "worker", "night")]
    join(store, HERE, 12, "day")


def test_a_process_of_this_machine_that_has_ended_has_no_name(store):
    """It need not be waited for."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = identity.identify(child.pid)
    join(store, ended, 0, "night")
    with pytest.raises(NameTaken, match=f"process {child.pid} on "):
        join(store, HERE, 0, "night")
    child.communicate(b"\n")
    join(store, HERE, 0, "night")


def test_one_of_another_machine_has_it_for_its_lease(store):
    """Whether it has crashed cannot be known before."""
    join(store, THERE, 0, "night")
    with pytest.raises(NameTaken):
        join(store, HERE, LEASE, "night")
    join(store, HERE, LEASE + 1, "night")


def test_one_that_stops_gives_its_name_up(store):
    """So the next one starts at once, on whichever machine."""
    join(store, THERE, 0, "night")
    with store.write() as connection:
        heartbeat.leave(connection, THERE, NINE + 1)
    join(store, HERE, 1, "night")


def test_one_that_slept_keeps_its_name_unless_another_has_it(store):
    """Its row of the time after the sleep has it, too."""
    join(store, THERE, 0, "night")
    with store.write() as connection:
        heartbeat.beat(connection, THERE, NINE + 100)
    assert names(store) == [(THERE, "worker", "night")] * 2
    join(store, HERE, 200, "night", Role.SCHEDULER)
    with store.write() as connection:
        heartbeat.beat(connection, THERE, NINE + 210)
    assert names(store)[2:] == [(HERE, "scheduler", "night"), (THERE, "worker", None)]


def test_processes_without_a_name_never_meet(store):
    """Any number of them may start."""
    for worker in (HERE, THERE, f"elsewhere/1:boot:{os.getpid()}:2"):
        join(store, worker, 0, None)
    assert len(names(store)) == 3


ENGINES = [
    ("local", "local", None),
    ("local", None, None),
    (None, "local", None),  # one of an older kit, or one that was stopped
    (
        "distributed",
        "local",
        "the worker{named} (process 7 on elsewhere), which was alive 12s ago, uses the store with",
    ),
    ("rq", "distributed", "--engine rq, not distributed; stop it first, or use the same --engine for all processes"),
]


@pytest.mark.parametrize("name", [None, "night"])
@pytest.mark.parametrize(("has", "wants", "says"), ENGINES)
def test_all_that_are_alive_use_the_same_engine(store, has, wants, says, name):
    """One that would use another is refused, and the message says who is there; nothing is written."""
    join(store, THERE, 0, name, engine=has)
    if says is None:
        join(store, HERE, 12, None, engine=wants)
        return
    with pytest.raises(EngineMixed) as refused:
        join(store, HERE, 12, None, engine=wants)
    assert says.format(named=f" {name!r}" if name else "") in str(refused.value)
    assert names(store) == [(THERE, "worker", name)]


@pytest.mark.parametrize(("stops", "after"), [(True, 1), (False, LEASE + 1)])
def test_when_none_is_left_any_engine_will_do(store, stops, after):
    """At once after a stop, and after its lease where a process is only silent."""
    join(store, THERE, 0, None, engine="local")
    if stops:
        with store.write() as connection:
            heartbeat.leave(connection, THERE, NINE)
    join(store, HERE, after, None, Role.SCHEDULER, engine="distributed")


def test_one_that_slept_keeps_its_engine(store):
    """It goes on with it, so others must know."""
    join(store, THERE, 0, None, engine="local")
    with store.write() as connection:
        heartbeat.beat(connection, THERE, NINE + 100)
    with pytest.raises(EngineMixed):
        join(store, HERE, 101, None, engine="distributed")
