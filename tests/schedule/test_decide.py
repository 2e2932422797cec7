"""The rules of `decide` and its like: invariants for any policy, each also a sentence, and reasons compared whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policies import policy_lookup
from sbh_jobkit.schedule.policy import (
    CATCH_UP,
    OVERLAP,
    TRIED_AGAIN,
    Action,
    Decision,
    Policy,
    Retry,
    Window,
    decide,
    decide_queued,
    decide_retry,
    decide_still_down,
)

NINE = 1_767_603_600.0
"""2026-01-05T09:00Z."""
UTC, PARIS = times.zone("UTC"), times.zone("Europe/Paris")

policies = st.builds(
    Policy,
    max_instances=st.integers(1, 3),
    overlap=st.sampled_from(OVERLAP),
    misfire_grace=st.none() | st.sampled_from(["0s", "1m", "90s", "3m"]),
    catch_up=st.sampled_from(CATCH_UP),
)


@st.composite
def situations(draw, most=6):
    """Draw what `decide` is given: few minutes, so that equal times and limits are common."""
    now = draw(st.integers(0, 8)) * 60.0 + draw(st.sampled_from([0, 30]))
    fires = draw(st.lists(st.integers(0, int(now // 60)), unique=True, max_size=most))
    running = draw(st.lists(st.integers(-9, -1), unique=True, max_size=4))
    return {
        "policy": draw(policies),
        "fires": sorted(60.0 * fire for fire in fires),
        "now": now,
        "running": sorted(60.0 * fire for fire in running),
        "waiting": draw(st.sampled_from([[], [-30.0]])),
        "down": draw(st.none() | st.builds(Window, start=st.just(-600.0), end=st.just(now))),
    }


def decided(situation):
    """Return the decisions, and their actions by fire time."""
    decisions = decide(**situation, tz=UTC)
    return decisions, {each.fire: each.action for each in decisions}


@given(situations())
def test_each_fire_time_is_decided_once_in_order(situation):
    """Nothing is lost or doubled, and the order is that of the fire times."""
    assert [each.fire for each in decided(situation)[0]] == situation["fires"]


@given(situations())
def test_the_grace_counts_to_the_second(situation):
    """What is later than the grace is missed, what is exactly as late is not; a second is always allowed."""
    decisions, _ = decided(situation)
    grace = situation["policy"].grace
    for each in decisions:
        past = grace is not None and situation["now"] - each.fire > max(grace, 1)
        assert ("misfire_grace=" in (each.reason or "")) is past
        assert not past or each.action is Action.MISS


def in_time(situation):
    """Return the fire times within the grace, and whether the scheduler comes back and finds some that are late."""
    policy, now = situation["policy"], situation["now"]
    left = [fire for fire in situation["fires"] if policy.grace is None or now - fire <= policy.grace]
    return left, situation["down"] is not None and any(fire < now for fire in left)


@given(situations())
def test_after_a_downtime_the_setting_says_which_are_caught_up(situation):
    """The latest, all, or none of those that are late; one that is due right now is not late."""
    left, late = in_time(situation)
    _, actions = decided(situation)
    coalesced = [fire for fire in left if actions[fire] is Action.COALESCE]
    missed = [fire for fire in left if actions[fire] is Action.MISS]
    catch_up = situation["policy"].catch_up
    assert coalesced == (left[:-1] if late and catch_up == "latest" else [])
    assert missed == ([fire for fire in left if fire < situation["now"]] if late and catch_up == "none" else [])


@given(situations())
def test_as_many_start_as_may_run(situation):
    """The earliest start, up to max_instances with those that run; with overlap=allow, those that are due now, too."""
    policy, now = situation["policy"], situation["now"]
    _, actions = decided(situation)
    rest = [fire for fire, action in actions.items() if action not in {Action.COALESCE, Action.MISS}]
    free = max(policy.max_instances - len(situation["running"]), 0)
    full = free == 0
    for number, fire in enumerate(rest):
        allowed = policy.overlap == "allow" and (full or fire == now)
        assert (actions[fire] is Action.START) is (number < free or allowed)


@given(situations())
def test_one_that_is_late_while_places_were_free_waits(situation):
    """A place is free, but earlier ones take it: the rest of a backlog starts one after another."""
    policy, now = situation["policy"], situation["now"]
    _, actions = decided(situation)
    for fire, action in actions.items():
        if action is Action.SKIP:
            assert policy.overlap != "allow"
            assert situation["running"]
            assert fire == now or len(situation["running"]) >= policy.max_instances
        if action is Action.WAIT and fire < now and len(situation["running"]) >= policy.max_instances:
            assert policy.overlap == "queue_one"


@given(situations())
def test_queue_one_lets_one_wait(situation):
    """While a run is going, one waits at most beside a backlog, and none where one waits already."""
    policy, now = situation["policy"], situation["now"]
    decisions, _ = decided(situation)
    busy = len(situation["running"]) >= policy.max_instances
    waits = [each.fire for each in decisions if each.action is Action.WAIT and (busy or each.fire == now)]
    skips = [each.fire for each in decisions if each.action is Action.SKIP]
    if policy.overlap == "queue_one" and situation["running"]:
        assert len(waits) <= (0 if situation["waiting"] else 1)
        assert not skips or situation["waiting"] or waits
    elif situation["running"]:
        assert waits == []


@given(situations(), st.sampled_from([UTC, PARIS]))
def test_a_run_that_simply_starts_has_no_reason(situation, tz):
    """Every other decision has one, which begins with what happened."""
    first = {"skip": "skipped: ", "coalesce": "coalesced into ", "miss": "missed: ", "start": "started "}
    for each in decide(**situation, tz=tz):
        late = each.action is Action.START and each.fire < situation["now"] and situation["down"] is not None
        if each.action is Action.START and not late:
            assert each.reason is None
        elif each.action is Action.WAIT:
            assert each.reason.endswith((" was still running", "earlier missed runs started first"))
        else:
            assert each.reason.startswith(first[each.action])


def hours(*numbers):
    """Return fire times, in hours after nine."""
    return [NINE + 3600 * number for number in numbers]


def said(*decisions):
    """Return what was decided, by the hour after nine, with the reasons."""
    return [(round((each.fire - NINE) / 3600, 2), each.action.value, each.reason) for each in decisions]


DOWN = Window(start=NINE - 1800, end=NINE + 10_800)
STILL = "the run of 08:30 was still running"
WAS_DOWN = "the scheduler was down 08:30–12:00"
REASONS = {
    "started on time": ({}, [0], 0, {}, [(0, "start", None)]),
    "held up, nothing was down": ({}, [0], 0.1, {}, [(0, "start", None)]),
    "latest": (
        {},
        [0, 1, 2],
        3,
        {"down": DOWN},
        [
            (0, "coalesce", f"coalesced into 11:00: {WAS_DOWN}"),
            (1, "coalesce", f"coalesced into 11:00: {WAS_DOWN}"),
            (2, "start", f"started 1h late: {WAS_DOWN}"),
        ],
    ),
    "latest, and one is due right now": (
        {},
        [2, 3],
        3,
        {"down": DOWN},
        [(2, "coalesce", f"coalesced into 12:00: {WAS_DOWN}"), (3, "start", None)],
    ),
    "none": (
        {"catch_up": "none"},
        [2, 3],
        3,
        {"down": DOWN},
        [(2, "miss", f"missed: {WAS_DOWN} (catch_up=none)"), (3, "start", None)],
    ),
    "all": (
        {"catch_up": "all"},
        [1, 2, 3],
        3,
        {"down": DOWN},
        [
            (1, "start", f"started 2h late: {WAS_DOWN}"),
            (2, "wait", "earlier missed runs started first"),
            (3, "wait", "earlier missed runs started first"),
        ],
    ),
    "all, one is due right now and another runs": (
        {"catch_up": "all", "max_instances": 2},
        [2, 3],
        3,
        {"down": DOWN, "running": hours(-0.5)},
        [(2, "start", f"started 1h late: {WAS_DOWN}"), (3, "skip", f"skipped: {STILL} (max_instances=2)")],
    ),
    "all, with allow": (
        {"catch_up": "all", "overlap": "allow"},
        [1, 2, 3],
        3,
        {"down": DOWN},
        [
            (1, "start", f"started 2h late: {WAS_DOWN}"),
            (2, "wait", "earlier missed runs started first"),
            (3, "start", None),
        ],
    ),
    "held up while places are free": (
        {"max_instances": 2},
        [1, 2],
        2.5,
        {"running": hours(-0.5)},
        [(1, "start", None), (2, "wait", STILL)],
    ),
    "grace": (
        {"misfire_grace": "90s"},
        [0],
        0.5,
        {},
        [(0, "miss", "missed: 30m late at 09:30 (misfire_grace=1m 30s)")],
    ),
    "skip": (
        {"max_instances": 2},
        [0],
        0,
        {"running": hours(-1, -0.5)},
        [(0, "skip", f"skipped: {STILL} (max_instances=2)")],
    ),
    "queue_one": ({"overlap": "queue_one"}, [0], 0, {"running": hours(-0.5)}, [(0, "wait", STILL)]),
    "queue_one, and one waits": (
        {"overlap": "queue_one"},
        [0],
        0,
        {"running": hours(-0.5), "waiting": hours(-0.25)},
        [(0, "skip", f"skipped: {STILL} and the run of 08:45 was waiting (overlap=queue_one)")],
    ),
    "a run of the day before, to the second": (
        {},
        [0],
        0,
        {"running": [NINE - 86_399]},
        [(0, "skip", "skipped: the run of 2026-01-04 09:00:01 was still running (max_instances=1)")],
    ),
}


@pytest.mark.parametrize(("policy", "fires", "now", "rest", "expected"), REASONS.values(), ids=REASONS)
def test_reasons(policy, fires, now, rest, expected):
    """Each decision says by which rule."""
    (at,) = hours(now)
    assert said(*decide(Policy(**policy), hours(*fires), at, tz=UTC, **rest)) == expected


def test_only_the_last_hundred_are_caught_up():
    """After a wrong clock there may be years of them; the one that is due right now is not counted."""
    fires = [NINE + 60 * number for number in range(103)]
    down = Window(start=NINE - 60, end=fires[-1])
    decisions = decide(Policy(catch_up="all", max_instances=200), fires, fires[-1], down=down, tz=UTC)
    assert [each.action.value for each in decisions] == ["miss"] * 2 + ["start"] * 101
    assert decisions[1].reason == "missed: the scheduler was down 08:59–10:42 (only the last 100 are caught up)"


@pytest.mark.parametrize(
    ("fire", "shown"),
    [
        ("2026-10-25T02:30+02:00", "02:30 CEST"),
        ("2026-10-25T02:30+01:00", "02:30 CET"),
        ("2026-10-25T01:30+02:00", "01:30"),
        ("2026-10-25T03:00+01:00", "03:00"),
        ("2026-10-24T23:59:59+02:00", "2026-10-24 23:59:59"),
    ],
)
def test_a_local_time_that_occurs_twice_has_its_zone(fire, shown):
    """Only where clocks repeat an hour, so that it is clear which of two is meant."""
    running, now = (times.instant(text, UTC).timestamp() for text in (fire, "2026-10-25T03:30+01:00"))
    (only,) = decide(Policy(), [now], now, running=[running], tz=PARIS)
    assert only.reason == f"skipped: the run of {shown} was still running (max_instances=1)"


@pytest.mark.parametrize(
    ("policy", "late", "retry", "expected"),
    [
        ({}, 0, None, ("start", "started late: WHY", 1)),
        ({}, 0.4, None, ("start", "started late: WHY", 1)),
        ({}, 90, None, ("start", "started 1m 30s late: WHY", 1)),
        ({"misfire_grace": "90s"}, 90, None, ("start", "started 1m 30s late: WHY", 1)),
        ({"misfire_grace": "90s"}, 91, None, ("miss", "missed: 1m 31s late at 09:01:31 (misfire_grace=1m 30s)", 1)),
        ({"misfire_grace": "0s"}, 0.35, None, ("start", "started late: WHY", 1)),
        ({"misfire_grace": "0s"}, 1, None, ("start", "started 1s late: WHY", 1)),
        ({"misfire_grace": "0s"}, 1.01, None, ("miss", "missed: 1s late at 09:00:01 (misfire_grace=0s)", 1)),
        ({}, 90, Retry(ready=NINE + 60, fire=NINE, attempt=2, most=3), ("start", "2 of 3, started 30s late: WHY", 2)),
        (
            {"misfire_grace": "30s"},
            90,
            Retry(ready=NINE + 60, fire=NINE, attempt=2, most=3),
            ("start", "2 of 3, started 30s late: WHY", 2),
        ),
        (
            {"misfire_grace": "30s"},
            91,
            Retry(ready=NINE + 60, fire=NINE, attempt=2, most=3),
            ("miss", "missed: 31s late at 09:01:31 (misfire_grace=30s), attempt 2 of 3", 2),
        ),
    ],
)
def test_one_that_has_waited(policy, late, retry, expected):
    """It starts, with how late and why; or it has waited too long, of a further attempt from when it was ready."""
    decision = decide_queued(Policy(**policy), NINE, NINE + late, since="WHY", tz=UTC, retry=retry)
    action, reason, attempt = expected
    reason = f"attempt {reason}" if reason.startswith("2 of") else reason
    assert decision == Decision(fire=NINE, action=Action(action), reason=reason, attempt=attempt)


@pytest.mark.parametrize(
    ("policy", "late", "rest", "expected"),
    [
        ({}, 0, {}, ("start", "attempt 2 of 3")),
        ({}, 10, {}, ("start", "attempt 2 of 3")),
        ({}, 0, {"down": DOWN}, ("start", "attempt 2 of 3")),
        ({}, 10_740, {"down": DOWN}, ("start", f"attempt 2 of 3, started 2h 59m late: {WAS_DOWN}")),
        ({"misfire_grace": "1m"}, 60, {}, ("start", "attempt 2 of 3")),
        (
            {"misfire_grace": "1m"},
            61,
            {},
            ("miss", "missed: 1m 1s late at 09:02:01 (misfire_grace=1m), attempt 2 of 3"),
        ),
        ({}, 0, {"running": hours(-0.5)}, ("wait", STILL)),
        ({"overlap": "queue_one"}, 0, {"running": hours(-0.5)}, ("wait", STILL)),
        ({"overlap": "allow"}, 0, {"running": hours(-0.5)}, ("start", "attempt 2 of 3")),
        ({"max_instances": 2}, 0, {"running": hours(-0.5)}, ("start", "attempt 2 of 3")),
        ({"max_instances": 2}, 0, {"running": hours(-1, -0.5)}, ("wait", STILL)),
    ],
)
def test_a_further_attempt(policy, late, rest, expected):
    """It starts, waits for a run to end, or is missed; the grace counts from when it was ready."""
    retry = Retry(ready=NINE + 60, fire=NINE, attempt=2, most=3)
    decision = decide_retry(Policy(**policy), retry, NINE + 60 + late, tz=UTC, **rest)
    assert decision == Decision(fire=NINE, action=Action(expected[0]), reason=expected[1], attempt=2)


def test_one_whose_scheduler_never_comes_back():
    """It is missed, with since when the scheduler was down."""
    reason = "missed: the scheduler was down from 2026-01-05 09:30 until after the end of the range"
    decision = decide_still_down(NINE, DOWN, PARIS)
    assert decision == Decision(fire=NINE, action=Action.MISS, reason=reason)


def test_attempts_are_ordered_by_when_they_are_ready():
    """Two that are ready at once go by their fire times."""
    first, second, third = (
        Retry(ready=ready, fire=fire, attempt=attempt, most=9)
        for ready, fire, attempt in [(1, 5, 2), (2, 3, 9), (2, 4, 2)]
    )
    assert sorted([third, second, first]) == [first, second, third]


@pytest.mark.parametrize(("at", "inside"), [(-1, False), (0, True), (1, True), (59, True), (60, False), (61, False)])
def test_a_window_has_its_start_and_not_its_end(at, inside):
    """The first second of an outage is in it; at its end it is over."""
    assert (at in Window(start=0, end=60)) is inside


def test_the_outcomes_that_are_tried_again():
    """A run that was cancelled, or used too much memory, is not."""
    assert {"failed", "crashed", "timed_out", "lost"} == TRIED_AGAIN


OWN, SHARED = Policy(retry=1), Policy(retry=2)


@pytest.mark.parametrize(
    ("policy", "job", "expected"),
    [
        (None, "sync", Policy()),
        (SHARED, "sync", SHARED),
        ({}, "sync", Policy()),
        ({"sync": OWN}, "sync", OWN),
        ({"sync": OWN}, "load", Policy()),
        ({"*": SHARED}, "sync", SHARED),
        ({"*": SHARED, "sync": OWN}, "sync", OWN),
        ({"*": SHARED, "sync": OWN}, "load", SHARED),
    ],
    ids=repr,
)
def test_the_policy_of_a_job(policy, job, expected):
    """Its own, else the one for all jobs, else the defaults."""
    assert policy_lookup(policy, {"sync": 1, "load": 2})(job) == expected


def test_a_policy_of_no_job_is_an_error():
    """`*` stands for all jobs and needs no job of that name."""
    with pytest.raises(KeyError, match="absent"):
        policy_lookup({"*": SHARED, "absent": OWN}, {"sync": 1})


def test_the_defaults():
    """Those of the local scheduler."""
    assert Policy() == Policy(
        max_instances=1, overlap="skip", misfire_grace=None, catch_up="latest", retry=0, backoff="1m"
    )


@pytest.mark.parametrize(
    "settings_", [{"retry": 0}, {"retry": 20}, {"backoff": "1s"}, {"backoff": "1d"}, {"misfire_grace": "0s"}], ids=str
)
def test_the_limits_of_settings_are_legal(settings_):
    """From and to are both included."""
    assert Policy.from_settings(settings_) == Policy(**settings_)


@settings(max_examples=50)
@given(st.text(max_size=12))
def test_any_setting_is_a_policy_or_an_error(text):
    """No text makes anything but a policy or an error of ours."""
    for name in Policy.__slots__:
        try:
            Policy.from_settings({name: text})
        except JobkitError as error:
            assert str(error).startswith((name, f"unknown {name}"))  # noqa: PT017  both results are right
