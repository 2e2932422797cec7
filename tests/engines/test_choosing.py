"""Which jobs start first: those of the tenant with the fewest runs, and of these the one that is due for longest."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.engines import choosing
from sbh_jobkit.engines.choosing import Choice, DueJob
from sbh_jobkit.engines.schema import State, job_run

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
FAIR = [
    ({"acme": [("a", 0), ("b", 5)]}, {}, ["acme a", "acme b"]),
    ({"acme": [("a", 0), ("b", 5)], "beta": [("c", 9)]}, {"acme": 1}, ["beta c", "acme a", "acme b"]),
    ({"acme": [("a", 0)], "beta": [("c", 9)]}, {"acme": 1, "beta": 1}, ["acme a", "beta c"]),
    (
        {"acme": [("a", 0)], "beta": [("c", 9)], "cafe": [("d", 3)]},
        {"cafe": 2, "acme": 1},
        ["beta c", "acme a", "cafe d"],
    ),
    ({"acme": [("late", 20)]}, {}, []),
]
"""Rows that are due, by tenant, as job and seconds after nine; runs that go on; the order at nine and ten seconds."""


@pytest.mark.parametrize(("due", "going", "order"), FAIR)
def test_the_tenant_with_the_fewest_runs_comes_first(store, due, going, order):
    """Among its jobs, the one that is due for longest."""
    rows = [(tenant, job, NINE + after, State.DUE) for tenant, jobs in due.items() for job, after in jobs]
    rows += [(tenant, f"going{n}", NINE - 60, State.RUNNING) for tenant, runs in going.items() for n in range(runs)]
    with store.write() as connection:
        for tenant, job, fire, state in rows:
            names = {"tenant": tenant, "plugin": "shop", "job": job, "fire_time": int(fire) * 1_000_000}
            connection.execute(job_run.insert().values(**names, state=state, planned_at=0))
        found = choosing.fair(connection, NINE + 10)
        mine = choosing.fair(connection, NINE + 10, ["beta"])
    assert [f"{tenant} {job}" for tenant, _, job, *_ in found] == order
    assert [f"{tenant} {job}" for tenant, _, job, *_ in mine] == [each for each in order if each.startswith("beta")]


def test_ten_thousand_rows_of_one_tenant_do_not_stand_in_the_way(store):
    """The other's one row is the first to be looked at, as soon as a run of the first one goes on."""
    many = [
        {"tenant": "big", "plugin": "shop", "job": f"job{n % 100}", "fire_time": n, "state": "due", "planned_at": 0}
        for n in range(10_000)
    ]
    one = {"tenant": "small", "plugin": "shop", "job": "a", "fire_time": 20_000, "state": "due", "planned_at": 0}
    going = {"tenant": "big", "plugin": "shop", "job": "b", "fire_time": 1, "state": "running", "planned_at": 0}
    with store.write() as connection:
        connection.execute(job_run.insert(), [*many, one, going])
        assert choosing.fair(connection, NINE)[0].key == ("small", "shop", "a")


def test_the_place_of_a_job_counts_those_of_its_tenant_before_it(store):
    """As if each had started; the number of its rows is counted, too."""
    due = [("acme", "a", 0), ("acme", "a", 1), ("acme", "b", 2), ("beta", "c", 3), ("beta", "d", 4)]
    rows = [{"tenant": tenant, "job": job, "fire_time": n, "state": "due"} for tenant, job, n in due]
    going = {"tenant": "acme", "job": "e", "fire_time": 0, "state": "claimed"}
    with store.write() as connection:
        connection.execute(job_run.insert(), [{**row, "plugin": "shop", "planned_at": 0} for row in (*rows, going)])
        found = choosing.fair(connection, NINE)
    assert [(job.tenant, job.job, job.since, job.rows, job.runs, job.place) for job in found] == [
        ("beta", "c", 3, 1, 0, 1),
        ("acme", "a", 0, 2, 1, 2),
        ("beta", "d", 4, 1, 0, 2),
        ("acme", "b", 2, 1, 1, 3),
    ]


def places(tenants):
    """Return due jobs as `fair` finds them, for each tenant's runs, and since when so many rows of its jobs are due."""
    found = []
    for tenant, (runs, jobs) in tenants.items():
        ordered = sorted((since, f"{tenant}{n}", rows) for n, (since, rows) in enumerate(jobs))
        found += [
            DueJob(tenant, "shop", name, since, rows, runs, runs + nth)
            for nth, (since, name, rows) in enumerate(ordered, 1)
        ]
    return sorted(found, key=lambda job: (job.place, job.since, *job.key))


def taken(found, sizes, page=None, blocked=()):
    """Return in which order rows start that are taken in groups; jobs that are blocked never do.

    With a page, only so many jobs are known at first; the others are learned where one of them may be next.
    """
    choice, started, known = Choice(), [], len(found) if page is None else page
    choice.add(found[:known], is_all=known >= len(found))
    for size in sizes:
        chosen = choice.take(size)
        while not chosen and not choice.is_all:
            choice.add(found[known : known + page], is_all=known + page >= len(found))
            known += page
            chosen = choice.take(size)
        for key, rows in chosen.items():
            if key[2] in blocked:
                choice.give_back(key, rows)
            else:
                started += [key[2]] * rows
    return started


CHOSEN = [
    # tenants, as runs that go on and jobs (since when, rows); how many are taken at a time; what starts
    ({"a": (0, [(5, 1), (3, 1)])}, [2], ["a1", "a0"]),
    ({"a": (0, [(0, 3)])}, [2], ["a0", "a0"]),
    ({"a": (0, [(0, 3), (1, 1)])}, [3], ["a0", "a0", "a1"]),
    ({"a": (0, [(0, 1)] * 4), "b": (0, [(9, 1)] * 2)}, [3], ["a0", "b0", "a1"]),
    ({"a": (2, [(0, 1)] * 4), "b": (0, [(9, 1)] * 2)}, [3], ["b0", "b1", "a0"]),
    ({"a": (0, [(0, 9)]), "b": (1, [(1, 9)])}, [4], ["a0", "a0", "a0", "b0"]),
    ({"a": (0, [(0, 1)])}, [4], ["a0"]),
    ({}, [4], []),
]


@pytest.mark.parametrize(("tenants", "sizes", "order"), CHOSEN)
def test_what_is_chosen_counts_as_a_run(tenants, sizes, order):
    """So several rows that are chosen at once are those that would be chosen one after the other."""
    assert sorted(taken(places(tenants), sizes)) == sorted(order)


TENANTS = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 9), st.just(1)), min_size=1, max_size=6)),
)
SIZES = st.lists(st.integers(1, 4), min_size=30, max_size=30)


@given(tenants=TENANTS, sizes=SIZES, page=st.integers(1, 5))
def test_the_order_is_that_of_one_at_a_time(tenants, sizes, page):
    """However many are taken together, and however many are known at first."""
    found = places(tenants)
    one_at_a_time = taken(found, [1] * 60)
    assert len(one_at_a_time) == len(found)
    assert [job.job for job in found] == one_at_a_time
    assert taken(found, sizes * 2) == one_at_a_time
    assert taken(found, sizes * 4, page) == one_at_a_time


@given(
    tenants=TENANTS,
    page=st.integers(1, 5),
    blocked=st.sets(st.sampled_from([f"{t}{n}" for t in "abcd" for n in "0123"])),
)
def test_jobs_that_may_not_start_hold_nobody_up(tenants, page, blocked):
    """The others of their tenants start as if they were not there, also those that are not known at first."""
    free = {
        t: (runs, [(s, r) for n, (s, r) in enumerate(jobs) if f"{t}{n}" not in blocked])
        for t, (runs, jobs) in tenants.items()
    }
    found = places(tenants)
    names = {job.job for job in found} - blocked
    started = taken(found, [1] * 120, page, blocked)
    assert sorted(started) == sorted(names)
    runs = Counter({tenant: given[0] for tenant, given in tenants.items()})
    left = Counter({tenant: len(jobs) for tenant, (_, jobs) in free.items()})
    for name in started:  # each of a tenant which, of those that have jobs left that may start, has the fewest runs
        tenant = name[0]
        assert runs[tenant] == min(runs[other] for other in left if left[other])
        runs[tenant] += 1
        left[tenant] -= 1


def test_a_job_that_may_not_start_is_looked_at_once():
    """Not once for each of its rows."""
    choice = Choice()
    choice.add(places({"a": (0, [(0, 10_000), (1, 1)])}), is_all=True)
    assert choice.take(1) == {("a", "shop", "a0"): 1}
    choice.give_back(("a", "shop", "a0"), 1)
    assert choice.take(3) == {("a", "shop", "a1"): 1}
