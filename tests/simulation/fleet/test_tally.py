"""Counting the runs of a job as they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sbh_jobkit import Event, Fault, HttpCall, Outcome, Run
from sbh_jobkit.run import tally as tally_module
from sbh_jobkit.run.run import RunError
from sbh_jobkit.run.tally import MAX_GROUPS, Tally
from sbh_jobkit.schedule.times import zone

AT = datetime(2026, 1, 5, 9, 0, tzinfo=zone("Europe/Paris"))
MINUTE = int(AT.timestamp()) // 60
OK = Run(
    tenant="acme",
    plugin="shop",
    job="sell",
    fire_time=AT,
    started_at=AT,
    duration=timedelta(seconds=2),
    outcome=Outcome.OK,
)


def crashed(message, at=AT, tenant="acme"):
    """Return a run that crashed."""
    error = RunError(type="KeyError", message=message)
    return replace(OK, outcome=Outcome.CRASHED, error=error, fire_time=at, started_at=at, tenant=tenant)


def test_everything_is_counted():
    """Runs by verdict, failures, durations, traffic, and the minutes in which runs started."""
    call = HttpCall(method="GET", url="https://api.example.com", status=200, matched=True, at=AT)
    skipped = replace(OK, outcome=Outcome.SKIPPED, started_at=None, duration=timedelta(0))
    late = replace(OK, started_at=AT + timedelta(seconds=90), duration=timedelta(seconds=5))
    busy = replace(OK, http_calls=(call, call), events=(Event(type="sold", payload={}, at=AT),))
    faults = [Fault(kind="network", member="m", message="x", allowed=allowed) for allowed in (True, False)]
    faulty, expected = replace(OK, faults=tuple(faults)), replace(crashed("tea"), expected="closed")
    tally = Tally.from_runs([OK, skipped, late, busy, faulty, expected])
    assert tally.to_dict() == {
        "runs": 6,
        "failures": 1,
        "verdicts": {"expected": 1, "faulty": 1, "ok": 3, "skipped": 1},
        "first_failure": "2026-01-05T09:00:00+01:00",
        "duration": 13.0,
        "longest": 5.0,
        "http_calls": 2,
        "emits": 1,
        "faults": 1,
        "late": 1,
        "recovered": 0,
    }
    assert (tally.runs, tally.expected) == (6, 1)
    assert list(tally.starts) == [MINUTE, MINUTE + 1, MINUTE, MINUTE, MINUTE]


def test_attempts_that_end_well_recover_their_fire_time():
    """Failures before them count as recovered, those of other fire times do not; no attempt is late."""
    fold = AT.replace(month=10, day=25, hour=2, minute=30)
    nine, fold, unfolded = crashed("tea"), crashed("tea", fold), crashed("tea", fold.replace(fold=1))
    again = {"outcome": Outcome.OK, "error": None, "started_at": AT + timedelta(days=300)}
    runs = [
        nine,
        replace(nine, attempt=2, started_at=AT + timedelta(minutes=1)),
        fold,
        unfolded,
        replace(nine, attempt=3, **again),
        replace(unfolded, attempt=2, **again),
        replace(crashed("milk", AT + timedelta(days=1)), expected="closed"),
        replace(nine, fire_time=AT + timedelta(days=1), attempt=2, **again),
    ]
    tally = Tally.from_runs(runs)
    assert (tally.failures, tally.recovered, tally.late) == (4, 3, 0)


def test_what_waits_for_another_attempt_is_bounded(monkeypatch):
    """So a job that always fails needs no more memory in a year than in a month."""
    monkeypatch.setattr(tally_module, "_MOST_FAILED", 2)
    days = [AT + timedelta(days=day) for day in range(3)]
    tally = Tally.from_runs(crashed("tea", at) for at in days)
    for at in days:
        tally.add(replace(OK, fire_time=at, started_at=at, attempt=2))
    assert (tally.failures, tally.recovered) == (3, 2)


def test_runs_that_fail_alike_are_kept_once():
    """The first of each kind is kept whole, up to three kinds; what fails in further ways is counted only."""
    later = AT + timedelta(hours=1)
    runs = [crashed("tea"), crashed("milk"), crashed("tea", later), crashed("sugar"), crashed("lemon")]
    tally = Tally.from_runs(runs)
    assert [(alike.first, alike.count, alike.last) for alike in tally.failure_groups] == [
        (runs[0], 2, later),
        (runs[1], 1, AT),
        (runs[3], 1, AT),
    ]
    assert (tally.failures, len(tally.failure_groups)) == (5, MAX_GROUPS)


def test_tallies_of_tenants_are_merged():
    """What two tenants' runs came to is what all of them come to; those merged stay as they were."""
    one, other = [OK, crashed("tea")], [crashed("tea", AT - timedelta(hours=1), "globex"), crashed("milk")]
    first, second, both = Tally.from_runs(one), Tally.from_runs(other), Tally()
    both.merge(first)
    both.merge(second)
    whole = Tally.from_runs([*one, *other])
    assert both.to_dict() == whole.to_dict()
    assert both.starts == whole.starts
    assert [(alike.first.tenant, alike.count, alike.tenants) for alike in both.failure_groups] == [
        ("acme", 2, 2),
        ("acme", 1, 1),
    ]
    assert [(alike.count, alike.tenants) for alike in first.failure_groups] == [(1, 1)]


def test_merged_tallies_keep_as_many_kinds_as_one():
    """The first three kinds of all tenants; what fails at another one in a further way is counted only."""
    whole = Tally()
    for messages in (["tea", "milk"], ["sugar", "lemon"], ["lemon", "tea"]):
        whole.merge(Tally.from_runs(map(crashed, messages)))
    assert [(alike.first.error.message, alike.count, alike.tenants) for alike in whole.failure_groups] == [
        ("tea", 2, 2),
        ("milk", 1, 1),
        ("sugar", 1, 1),
    ]
    assert (whole.failures, len(whole.failure_groups)) == (6, MAX_GROUPS)


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_failure_is_the_first_by_time(order):
    """Where clocks go back, 02:30 summer time is before 02:10 winter time; whatever comes first."""
    zone_ = zone("Europe/Paris")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=zone_)
    winter = datetime(2026, 10, 25, 2, 10, tzinfo=zone_, fold=1)
    tally = Tally.from_runs([crashed("tea", summer), crashed("tea", winter)][::order])
    assert (tally.first_failure, tally.failure_groups[0].last) == (summer, winter)


def test_only_the_first_of_a_kind_is_kept_without_its_world():
    """A kept run is small: what holds a world is left out."""

    class Moment:
        def world(self):
            return None

    tally = Tally.from_runs([replace(crashed("tea"), before=Moment(), after=Moment())])
    assert (tally.failure_groups[0].first.before, tally.failure_groups[0].first.after) == (None, None)
