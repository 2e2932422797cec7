"""When schedulers were alive, and what that means for what was due in between."""

import random
from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import dispatcher, heartbeat, planner
from sbh_jobkit.engines.heartbeat import LEASE, Life, Lives, Role
from sbh_jobkit.engines.instants import to_store
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import life
from sbh_jobkit.schedule.policy import Policy, Window
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
MINUTE = 60


@pytest.fixture
def beat(store):
    """Return a function that lets a scheduler give signs of life, so many seconds after nine."""

    def beats(worker, *after):
        with store.write() as connection:
            for each in after:
                heartbeat.beat(connection, worker, NINE + each)

    return beats


def lives(store):
    """Return when each scheduler was alive, in seconds after nine."""
    with store.read() as connection:
        return [(each.worker, each.start - NINE, each.end - NINE) for each in Lives.read(connection).lives]


def test_a_scheduler_that_goes_on_has_one_row(store, beat):
    """However many signs of life it gives; a pause within the lease is none."""
    beat("a", 0, 2, 4, 4 + LEASE, 6 + LEASE)
    assert lives(store) == [("a", 0, 6 + LEASE)]


def test_a_scheduler_whose_machine_slept_was_down_in_between(store, beat):
    """It is the same process afterwards, and yet nobody was there."""
    beat("a", 0, 10, 3600, 3610)
    assert lives(store) == [("a", 0, 10), ("a", 3600, 3610)]
    with store.read() as connection:
        down = Lives.read(connection).downtime(NINE + MINUTE, NINE + 3610)
    assert down == Window(start=NINE + 10, end=NINE + 3600)


def test_another_one_that_was_awake_leaves_no_downtime(store, beat):
    """Only when none was alive, fire times were missed."""
    beat("b", *range(0, 3700, 20))
    beat("a", 0, 10, 3600, 3610)
    with store.read() as connection:
        assert Lives.read(connection).downtime(NINE + MINUTE, NINE + 3610) is None


def test_after_a_sleep_only_the_latest_runs(store, beat):
    """As after a restart: what was due in the night is one run, which says why it is late."""
    job = PlannedJob(tenant="t", plugin="p", job="j", schedule=Schedule("*/10 * * * *"), policy=Policy())
    with store.write() as connection:
        planner.plan(connection, [job], NINE + 1)
    beat("a", 0, 10, 3570)
    now = NINE + 3570
    with store.write() as connection:
        planner.plan(connection, [job], now)
        (done,) = dispatcher.dispatch(connection, [job], now, "a", slots=4)
    down = "the scheduler was down 09:00:10–09:59:30"
    assert [(each.action, each.reason) for each in done.decisions] == [
        *[("coalesce", f"coalesced into 09:50: {down}")] * 4,
        ("start", f"started 9m 30s late: {down}"),
    ]


WINDOWS = [
    ([], 0, 9, None),
    ([(0, 1)], 0, 9, None),
    ([(0, 1), (5, 6)], 0, 9, (1, 5)),
    ([(0, 1), (5, 6)], 4, 9, (1, 5)),
    ([(0, 1), (5, 6)], 5, 9, None),
    ([(0, 1), (5, 6)], 0, 4, None),
    ([(0, 1), (3, 4), (7, 8)], 2, 9, (4, 7)),
    ([(0, 6), (1, 2), (5, 9)], 0, 9, None),
    ([(0, 1), (1, 2)], 0, 9, None),
    ([(0, 9), (3, 4), (11, 12)], 0, 20, (9, 11)),
    ([(0, 8.9), (9, 9)], 0, 9, None),
    ([(0, 8.75), (8.8, 8.9), (9, 9)], 0, 9, None),
    ([(0, 8.6), (9, 9)], 0, 9, (8.6, 9)),
]
"""In units of 100 seconds; a sign of life that is no older than the lease stands for one that goes on."""


@pytest.mark.parametrize(("alive", "since", "now", "down"), WINDOWS)
def test_downtime_by_lives(alive, since, now, down):
    """The last time before now, not over before `since`, in which none was alive."""
    lives = [Life(f"w{n}", *(100 * at for at in span)) for n, span in enumerate(alive)]
    found = Lives(lives).downtime(100 * since, 100 * now)
    assert found == (down and Window(start=100 * down[0], end=100 * down[1]))


BY_ROLE = [
    ("sw", [(0, 9), (0, 9)], None),
    ("sw", [(0, 9), (2, 9)], None),  # before the first worker nobody expected one
    ("ssw", [(0, 1), (5, 9), (0, 9)], (1, 5)),  # the worker goes on, and nobody plans
    ("sww", [(0, 9), (0, 1), (5, 9)], (1, 5)),  # there is a plan, and nobody to carry it out
    ("ssww", [(0, 1), (5, 9), (0, 4), (7, 9)], (4, 7)),
    ("ssww", [(0, 4), (8, 9), (0, 1), (7, 9)], (4, 8)),
]
"""Schedulers and workers, in units of 100 seconds."""


@pytest.mark.parametrize(("roles", "alive", "down"), BY_ROLE)
def test_downtime_by_role(roles, alive, down):
    """It counts where no scheduler was alive, and where no worker was."""
    known = {"s": Role.SCHEDULER, "w": Role.WORKER}
    spans = zip(roles, alive, strict=True)
    lives = [Life(f"p{n}", *(100 * at for at in span), known[role]) for n, (role, span) in enumerate(spans)]
    lives.sort(key=lambda each: each.start)
    assert Lives(lives).downtime(0, 900) == (down and Window(start=100 * down[0], end=100 * down[1]))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_read_of_a_time_says_the_same_of_it(store, seed):
    """However many lives there were, of whichever roles: as much as all of them say, with a few rows."""
    chance = random.Random(seed)  # noqa: S311  lives, not secrets
    spans = [(at := chance.randrange(80_000), at + chance.randrange(2_000)) for _ in range(chance.choice([3, 300]))]
    rows = [
        {
            "worker": f"w{number}",
            "started_at": to_store(NINE + start),
            "alive_at": to_store(NINE + end),
            "role": chance.choice([None, *Role]),
        }
        for number, (start, end) in enumerate(spans)
    ]
    with store.write() as connection:
        connection.execute(life.insert(), rows)
        for since in (0, 20_000, 70_000, 81_000, 90_000):
            some, every = Lives.read(connection, NINE + since), Lives.read(connection)
            for now in (since, since + 10, since + 9_000):
                given = NINE + since, NINE + now
                assert some.downtime(*given) == every.downtime(*given)
                assert some.unplanned(*given) == every.unplanned(*given)
                assert set(some.alive(NINE + now)) == set(every.alive(NINE + now))
        later = [end for _, end in spans if end >= 70_000 - LEASE]
        assert len(Lives.read(connection, NINE + 70_000).lives) <= len(later) + len([None, *Role])


def test_who_is_alive_now(store, beat):
    """Those whose last sign is not older than the lease, by their last row."""
    beat("old", 0)
    beat("slept", 0, 1000)
    beat("new", 990)
    with store.read() as connection:
        assert Lives.read(connection).fresh(NINE + 1010) == {"slept", "new"}


def test_old_lives_are_forgotten_but_for_the_latest(store, beat):
    """So a store that was not served for years still knows since when."""
    beat("a", 0)
    beat("b", 100)
    with store.write() as connection:
        heartbeat.forget(connection, NINE + 50)
    assert lives(store) == [("b", 100, 100)]
    with store.write() as connection:
        heartbeat.forget(connection, NINE + 5000)
    assert lives(store) == [("b", 100, 100)]


def test_what_a_clock_ahead_has_written_can_be_forgotten(store, beat):
    """After which the right clock is taken again."""
    beat("a", 0)
    beat("b", 90 * 86_400)
    with store.write() as connection:
        heartbeat.forget_future(connection, NINE + 10)
        heartbeat.check_clock(connection, NINE + 10)
    assert lives(store) == [("a", 0, 0)]


def test_two_signs_at_one_instant_are_one_row(store, beat):
    """Also of a scheduler whose clock stands still."""
    beat("a", 0, 0, 0)
    with store.read() as connection:
        assert len(connection.execute(life.select()).all()) == 1
