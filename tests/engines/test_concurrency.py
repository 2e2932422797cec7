"""Runs of several jobs share a resource, a tenant's part or a plugin's part: counted in the claim, on every row."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from sbh_jobkit.engines import claims, dispatcher, planner
from sbh_jobkit.engines.claims import Claim
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.shared import Shared
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

HOUR, NINE = 3600, 1_767_603_600.0


def job(name, limits, *, tenant="acme", plugin="shop", **policy):
    """Return a job that is due every hour."""
    given = Policy(concurrency=limits, **policy)
    return PlannedJob(tenant=tenant, plugin=plugin, job=name, schedule=Schedule("0 * * * *"), policy=given)


def due(core, *jobs, now=NINE):
    """Plan jobs, so that each is due once, at nine."""
    core.do(planner.plan, jobs, now - HOUR + 60)
    core.do(planner.plan, jobs, now)


def look(core, *jobs, now=NINE, slots=9):
    """Decide on jobs; return which have started, by name."""
    done = core.do(dispatcher.dispatch, jobs, now, "w", slots=slots)
    return [each.job.job for each in done for _ in each.starts]


def end(core, of, now=NINE):
    """Let the run of a job start and end."""
    claim = Claim(tenant=of.tenant, plugin=of.plugin, job=of.job, fire=NINE, worker="w")
    core.do(claims.start, claim, now)
    assert core.do(claims.lose, claim, now, why="of this test")


CASES = {
    # the jobs, and which of them start when all are due at once
    "no limit": ([("a", ""), ("b", ""), ("c", "")], "abc"),
    "one at a time": ([("a", "api:1"), ("b", "api:1"), ("c", "api:1")], "a"),
    "two at a time": ([("a", "api:2"), ("b", "api:2"), ("c", "api:2")], "ab"),
    "others are not held": ([("a", "api:1"), ("b", "api:1"), ("c", "mail:1"), ("d", "")], "acd"),
    "the smallest limit counts": ([("a", "api:9, mail:1"), ("b", "api:9, mail:1"), ("c", "api:9")], "ac"),
    "each job has its own limit": ([("a", "api:1"), ("b", "api:3"), ("c", "api:1"), ("d", "api:3")], "abd"),
    "the whole tenant": ([("a", ""), ("b", "tenant:2"), ("c", "tenant:2"), ("d", "")], "abd"),
    "the whole plugin": ([("a", "plugin:1"), ("b", "plugin:1")], "a"),
    "names are whole words": ([("a", "api:1"), ("b", "ap:1"), ("c", "api-2:1")], "abc"),
}


@pytest.mark.parametrize(("given", "started"), CASES.values(), ids=CASES)
def test_what_starts(core, given, started):
    """The oldest first, in the order in which they are looked at."""
    jobs = [job(name, limits) for name, limits in given]
    due(core, *jobs)
    assert "".join(look(core, *jobs)) == started
    assert look(core, *jobs) == []


def test_what_is_counted_together(core):
    """A resource by its name alone, a tenant's part at one tenant, a plugin's at one tenant's plugin."""
    jobs = [
        job("a", "api:1", tenant="acme"),
        job("b", "api:1", tenant="bolt"),
        job("c", "tenant:1", tenant="acme"),
        job("d", "tenant:1", tenant="bolt"),
        job("e", "plugin:1", tenant="acme", plugin="blog"),
        job("f", "plugin:1", tenant="bolt"),
    ]
    due(core, *jobs)
    assert look(core, *jobs) == ["a", "d", "e"]


def test_the_next_one_starts_when_a_run_has_ended(core):
    """Late, and its reason says what was in use; until then its row says so, too."""
    first, second = jobs = job("a", "api:1"), job("b", "api:1")
    due(core, *jobs)
    assert look(core, *jobs) == ["a"]
    assert core.rows("job", "reason") == [("a", None), ("b", "1 run was using api (concurrency=api:1)")]
    end(core, first)
    assert look(core, second, now=NINE + 90) == ["b"]
    assert core.rows("job", "reason")[1] == ("b", "started 1m 30s late: 1 run was using api (concurrency=api:1)")


@pytest.mark.parametrize(("limits", "says"), [("tenant:1", "the tenant's share"), ("plugin:1", "the plugin's share")])
def test_the_reason_names_the_share(core, limits, says):
    """With the setting that asks for it."""
    jobs = job("a", ""), job("b", limits)
    due(core, *jobs)
    look(core, *jobs)
    assert core.rows("job", "reason")[1][1] == f"1 run was using {says} (concurrency={limits})"


def test_a_run_by_hand_waits_too(core):
    """It starts once there is room, as who asked for it."""
    first, second = jobs = job("a", "api:1"), job("b", "api:1")
    due(core, *jobs)
    look(core, first)
    core.ask(second, NINE + 1)
    end(core, first)
    (done,) = core.do(dispatcher.dispatch, [second], NINE + 5, "w", slots=9)
    assert [(each.reason or "").split(";")[0] for each in done.starts] == ["by hand (ann)"]


def test_what_is_held_does_not_ask_for_a_slot(core):
    """Or a scheduler with free slots would look again without an end."""
    jobs = [job(name, "api:1") for name in "abc"]
    due(core, *jobs)
    done = core.do(dispatcher.dispatch, jobs, NINE, "w", slots=9)
    assert [(each.needs_slot, each.is_held) for each in done] == [(False, False), (False, True), (False, True)]


def test_a_claim_that_is_given_back_leaves_no_trace(core):
    """The run was not lost, and nobody counts it."""
    first, second = jobs = job("a", "api:1"), job("b", "api:1")
    due(core, *jobs)
    look(core, first)
    core.do(claims.release, Claim(tenant="acme", plugin="shop", job="a", fire=NINE, worker="w"))
    assert look(core, second) == ["b"]
    assert core.rows("job", "uses", "reason") == [("a", None, None), ("b", "api", None)]


def test_who_claims_at_the_same_time_counts_the_others(core):
    """Of thirty jobs that thirty workers claim at once, three start."""
    jobs = [job(f"job{number:02}", "api:3") for number in range(30)]
    due(core, *jobs)
    with ThreadPoolExecutor(10) as pool:
        started = [name for names in pool.map(lambda each: look(core, each), jobs) for name in names]
    assert len(started) == 3
    with core.store.read() as connection:
        going = connection.execute(select(job_run.c.job).where(job_run.c.uses == "api")).scalars().all()
    assert sorted(going) == sorted(started)


def test_without_limits_nothing_is_read(core):
    """Most jobs share nothing, and pay nothing for it."""
    with core.store.read() as connection:
        shared = Shared.read(connection, [job("a", "")])
    assert (shared.left(job("a", "")), shared.full(job("a", ""))) == (float("inf"), None)
