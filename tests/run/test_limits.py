"""The alarm of real time, beside one that the caller of a simulation has set."""

import signal
from datetime import UTC, datetime
from time import sleep
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.run.limits import RealTime


@pytest.fixture
def rung():
    """Return a list that grows with each alarm of the caller."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append("ring"))
    yield heard
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def limit():
    """Return a limit on real time that nothing has opened yet."""
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
    return RealTime(clock, lambda: None)


def run_two(real_time):
    """Let two short runs pass under the limit."""
    for _ in range(2):
        real_time.start(30)
        real_time.stop()


@pytest.mark.parametrize(
    ("wait", "runs"),
    [(0, run_two), (0, lambda _: None), (0.1, run_two), (0.1, lambda _: None)],
    ids=["due after it, with runs", "due after it, without", "due before the first run", "due inside, without runs"],
)
def test_an_alarm_of_the_caller_rings_afterwards(rung, wait, runs):
    """None is lost, none rings twice, and none rings inside."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with limit() as real_time:
        sleep(wait)
        runs(real_time)
        assert rung == []
    sleep(0.2)
    assert rung == ["ring"]


@pytest.mark.parametrize("wait", [0, 0.1], ids=["due after it", "due before the first run"])
def test_an_alarm_that_repeats_goes_on(rung, wait):
    """Its interval is the one that the caller has set."""
    signal.setitimer(signal.ITIMER_REAL, 0.05, 7)
    with limit() as real_time:
        sleep(wait)
        run_two(real_time)
    sleep(0.1)
    assert (rung, signal.getitimer(signal.ITIMER_REAL)[1]) == (["ring"], 7)


def test_without_one_nothing_rings_afterwards(rung):
    """The limit's own alarm ends with it."""
    with limit() as real_time:
        run_two(real_time)
    assert (rung, signal.getitimer(signal.ITIMER_REAL)) == ([], (0.0, 0.0))
