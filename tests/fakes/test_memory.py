"""`world.memory`: scripted or measured."""

from __future__ import annotations

import signal
import tracemalloc

import pytest

from sbh_jobkit import World
from sbh_jobkit.errors import WorldError


@pytest.fixture
def measured():
    """Give a run 20 MB, and count."""
    world = World(time_limit=20)
    world.memory.limit_mb = 20
    world.memory.measured = True
    return world


def test_a_run_within_its_limit_is_counted(ran, measured):
    """`check_memory_usage` says when it is near, and again when what was allocated is given back."""
    body = """
    answers = [ctx.check_memory_usage()]
    big = bytearray(19 << 20)
    answers.append(ctx.check_memory_usage())
    del big
    return [*answers, ctx.check_memory_usage()]
    """
    assert (ran(body, measured).value, ran(body, measured).value) == ([True, False, True], [True, False, True])


@pytest.mark.parametrize(
    "body",
    [
        "rows = []\nwhile True: rows.append('x' * 1000 + str(len(rows)))",
        "rows = []\nwhile True:\n    try: rows.append('x' * 1000 + str(len(rows)))\n    except Exception: pass",
        """
        rows = []
        try:
            while len(rows) < 10**6: rows.append('x' * 1000 + str(len(rows)))
        except BaseException: rows.clear()
        """,
        "big = bytearray(21 << 20)\ndel big",
        """
        import asyncio
        async def grow():
            rows = []
            while True:
                rows.append(bytearray(9999))
                await asyncio.sleep(0)
        asyncio.run(grow())
        """,
    ],
)
def test_a_run_that_passes_its_limit_ends(ran, measured, body):
    """A job over the limit ends, even if it catches errors or frees the memory at once."""
    run = ran(body, measured)
    assert (run.outcome, run.reason) == ("out_of_memory", "out of memory: the limit is 20 MB")
    assert tracemalloc.is_tracing() is False
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_what_was_there_before_does_not_count(ran, measured):
    """What the process holds is not the run's; someone else's tracing goes on."""
    tracemalloc.start()
    try:
        mine = bytearray(30 << 20)
        assert ran("return ctx.check_memory_usage()", measured).value is True
        assert tracemalloc.is_tracing() is True
    finally:
        tracemalloc.stop()
    assert len(mine) == 30 << 20


def test_scripted_memory_only_warns(ran):
    """A job that is told that memory is short may end as it likes."""
    world = World()
    world.memory.use(120)
    assert ran("return ctx.check_memory_usage()", world).value is False
    assert (repr(world.memory), world.memory.measured) == ("<memory: 120 of 100 MB>", False)
    world.memory.measured = True
    assert repr(world.memory) == "<memory: measured of 100 MB>"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda memory: memory.use(-1), "world.memory.use: -1 is not an amount of memory; give MB as a number from 0"),
        (
            lambda memory: memory.use("95"),
            "world.memory.use: '95' is not an amount of memory; give MB as a number from 0",
        ),
        (
            lambda memory: setattr(memory, "limit_mb", 0),
            "world.memory.limit_mb: 0 is not an amount of memory; give MB as a number above 0",
        ),
    ],
)
def test_what_is_no_amount_is_refused(wrong, message):
    """One sentence says what was expected."""
    with pytest.raises(WorldError) as refused:
        wrong(World().memory)
    assert str(refused.value) == message


def test_the_host_ends_no_run(ran, measured):
    """Where today's host would go on, the run does, and says what the guide would have done."""
    measured.target = "host"
    run = ran("big = bytearray(21 << 20)\nreturn len(big)", measured)
    assert (run.outcome, run.value) == ("ok", 21 << 20)
    assert [(fault.kind, fault.message) for fault in run.faults] == [
        ("D13", "today's host has no memory limit for a run; the limit here is 20 MB")
    ]
