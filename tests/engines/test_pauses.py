"""Pauses on rows: what falls in one ends as skipped, with who and when, and nothing else is touched."""

from datetime import UTC, datetime

import pytest

from sbh_jobkit.engines import heartbeat, maintenance, pauses, planner
from sbh_jobkit.engines.pauses import NotPaused, Pauses, Scope
from sbh_jobkit.engines.planner import LONGEST_PAST, PlannedJob
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HOUR = 3600
ALL, ACME, SHOP = Scope(), Scope(tenant="acme"), Scope(plugin="shop")
WORK = Scope(plugin="shop", job="work")
MINE = Scope(tenant="acme", plugin="shop", job="work")
OTHERS = [
    Scope(tenant="beta"),
    Scope(plugin="tea"),
    Scope(plugin="shop", job="rest"),
    Scope(tenant="beta", plugin="shop"),
]


def work(**policy):
    """Make a job that is due each hour."""
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=Schedule("0 * * * *"), policy=Policy(**policy))


def due(core, job, now):
    """Plan and decide."""
    core.do(planner.plan, [job], now)
    return core.dispatch(job, now)


WHAT = {ALL: "everything", ACME: "the tenant", SHOP: "the plugin", WORK: "the job", MINE: "the job"}


@pytest.mark.parametrize("scope", WHAT, ids=lambda scope: scope.subject)
def test_a_fire_time_in_a_pause_is_skipped(core, scope):
    """With who and when; the next one after it starts."""
    job = work()
    due(core, job, NINE - 1)
    core.do(pauses.begin, scope, "ann", NINE - 60)
    reason = f"skipped: {WHAT[scope]} is paused, by ann at 2026-01-05 08:59 UTC"
    assert due(core, job, NINE) == [("skip", reason)]
    assert core.rows("state", "outcome", "reason", "started_at") == [("ended", "skipped", reason, None)]
    core.do(pauses.end, scope, "bob", NINE + 60)
    assert due(core, job, NINE + HOUR) == [("start", None)]


@pytest.mark.parametrize("scope", OTHERS, ids=lambda scope: scope.subject)
def test_others_are_not_paused(core, scope):
    """Another tenant, another plugin, another job."""
    due(core, work(), NINE - 1)
    core.do(pauses.begin, scope, "ann", NINE - 60)
    assert due(core, work(), NINE) == [("start", None)]


def test_a_pause_that_is_over_still_counts_for_its_fire_times(core):
    """No scheduler was alive in it: when one comes back, only what was due in the pause is skipped."""
    job = work(catch_up="all", max_instances=9)
    due(core, job, NINE)
    core.do(heartbeat.beat, "w", NINE + 60)
    core.do(pauses.begin, MINE, "ann", NINE + 1.5 * HOUR)
    core.do(pauses.end, MINE, "bob", NINE + 3 * HOUR)
    core.do(heartbeat.beat, "x", NINE + 3.5 * HOUR)
    decided = due(core, job, NINE + 3.5 * HOUR)
    was = "skipped: the job was paused by ann, from 2026-01-05 10:30 UTC to 2026-01-05 12:00 UTC"
    late = "late: the scheduler was down 09:01–12:30"
    assert decided == [("start", f"started 2h 30m {late}"), ("skip", was), ("start", f"started 30m {late}")]


def test_what_waits_does_not_start_in_a_pause(core):
    """It was due before, but paused means that nothing of the schedule starts; a run by hand does."""
    job = work(overlap="queue_one", max_instances=1)
    due(core, job, NINE - 1)
    assert due(core, job, NINE) == [("start", None)]
    assert due(core, job, NINE + HOUR) == [("wait", "the run of 09:00 was still running")]
    core.do(pauses.begin, MINE, "ann", NINE + HOUR + 60)
    assert core.dispatch(job, NINE + HOUR + 120) == [
        ("skip", "skipped: the job is paused, by ann at 2026-01-05 10:01 UTC")
    ]
    other = work(max_instances=2)
    core.ask(other, NINE + HOUR + 180.5)
    assert core.dispatch(other, NINE + HOUR + 181) == [("start", "by hand (ann)")]


def test_a_second_pause_keeps_who_paused_first(core):
    """It is the same pause; one of another scope is another."""
    first = core.do(pauses.begin, WORK, "ann", NINE)
    assert core.do(pauses.begin, WORK, "bob", NINE + 5) == first
    core.do(pauses.begin, ALL, "bob", NINE + 5)
    found = core.do(Pauses.read)
    assert [(each.scope, each.who) for each in found.pauses] == [(WORK, "ann"), (ALL, "bob")]
    assert found.of(("acme", "tea", "pour")).current.sentence == "everything is paused, by bob at 2026-01-05 09:00 UTC"


RESUMED = [(WORK, WORK, True), (SHOP, WORK, True), (ALL, WORK, True), (WORK, SHOP, False), (MINE, WORK, False)]


@pytest.mark.parametrize(("resumed", "paused", "ends"), RESUMED)
def test_what_is_resumed(core, resumed, paused, ends):
    """Pauses of the same jobs, or of some of them; a pause of more jobs has to be named."""
    core.do(pauses.begin, paused, "ann", NINE)
    if ends:
        assert [each.scope for each in core.do(pauses.end, resumed, "bob", NINE + 1)] == [paused]
        return
    with pytest.raises(NotPaused) as refused:
        core.do(pauses.end, resumed, "bob", NINE + 1)
    assert str(refused.value) == (
        f"{resumed.subject} is paused only because {paused.subject} is paused, by ann at 2026-01-05 09:00 UTC;"
        " resume that"
    )


def test_what_is_not_paused_cannot_be_resumed(core):
    """Not the second time either, and a pause after it is another one."""
    with pytest.raises(NotPaused, match="the job 'work' of shop is not paused"):
        core.do(pauses.end, WORK, "bob", NINE)
    for at in (NINE, NINE + 10):
        core.do(pauses.begin, WORK, "ann", at)
        core.do(pauses.end, WORK, "bob", at + 5)
    with pytest.raises(NotPaused, match="the job 'work' of shop is not paused"):
        core.do(pauses.end, WORK, "bob", NINE + 20)
    assert [(each.start - NINE, each.end - NINE) for each in core.do(Pauses.read).pauses] == [(0, 5), (10, 15)]


def test_old_pauses_are_forgotten(core):
    """When no fire time can fall in them any more; one that goes on stays."""
    core.do(pauses.begin, WORK, "ann", NINE)
    core.do(pauses.end, WORK, "ann", NINE + 5)
    core.do(pauses.begin, SHOP, "ann", NINE + 5)
    core.do(maintenance.forget, NINE + 5)
    assert len(core.do(Pauses.read).pauses) == 2
    core.do(maintenance.forget, NINE + LONGEST_PAST)
    assert [each.scope for each in core.do(Pauses.read).pauses] == [SHOP]


def test_each_scope_says_what_it_is(core):
    """As a person would."""
    subjects = [each.subject for each in (ALL, ACME, SHOP, WORK, MINE, Scope(tenant="acme", plugin="shop"))]
    assert subjects == [
        "everything",
        "the tenant 'acme'",
        "the plugin 'shop'",
        "the job 'work' of shop",
        "the job 'work' of shop at acme",
        "the plugin 'shop' at acme",
    ]
    assert core.do(Pauses.read).current is None
