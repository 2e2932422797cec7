"""Looking ahead at one schedule."""

from __future__ import annotations

import pytest

from sbh_jobkit import Preview, Schedule
from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.schedule.preview import Collision

HOURLY = Schedule("0 * * * *")


def test_it_lists_the_fire_times_of_seven_days():
    """From the start on, the end not included; naive times are in the schedule's zone."""
    found = Preview.of(Schedule("0 9 * * 1", "Europe/Paris"), start="2026-01-05T09:00")
    assert [at.isoformat() for at in found.fires] == ["2026-01-05T09:00:00+01:00"]
    assert (found.start.isoformat(), found.end.isoformat()) == (
        "2026-01-05T09:00:00+01:00",
        "2026-01-12T09:00:00+01:00",
    )
    assert repr(found) == ("<Preview of '0 9 * * 1': once from 2026-01-05T09:00:00+01:00 to 2026-01-12T09:00:00+01:00>")


@pytest.mark.parametrize(
    ("start", "following"),
    [
        ("2026-01-05T09:00", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05T09:01", "2026-01-12T09:00:00+00:00"),
        ("2026-01-04T09:00", "2026-01-05T09:00:00+00:00"),
    ],
)
def test_the_next_one_may_lie_past_the_end(start, following):
    """Also right at the end, which belongs to the range no more."""
    found = Preview.of(Schedule("0 9 * * 1"), start=start, duration="1d")
    assert found.next.isoformat() == following


def test_other_jobs_that_are_due_at_the_same_minutes_are_named():
    """The most frequent first; not the job itself, not one without a schedule, and none that never meets it."""
    others = {
        "mine": Schedule("0 */6 * * *"),
        "noon": Schedule("0 12 * * *"),
        "hourly": HOURLY,
        "odd": Schedule("30 * * * *"),
        "by hand": None,
    }
    found = Preview.of(others["mine"], start="2026-01-01T01:00", duration="1d", job="mine", others=others)
    first, noon = found.fires[0], found.fires[1]
    assert found.collisions == (
        Collision(job="hourly", times=4, first=first),
        Collision(job="noon", times=1, first=noon),
    )
    assert repr(found).startswith("<Preview of mine: 4 times from ")


def test_collisions_are_of_instants_not_of_what_clocks_show():
    """A job in another zone is due when it is due."""
    found = Preview.of(
        Schedule("0 9 * * *", "Europe/Paris"),
        start="2026-01-01",
        duration="1d",
        others={"utc": Schedule("0 8 * * *"), "naive": Schedule("0 9 * * *")},
    )
    assert [each.job for each in found.collisions] == ["utc"]


def test_a_range_with_too_many_fire_times_is_refused():
    """Rather than to fill the memory with them."""
    with pytest.raises(TimeFormatError) as caught:
        Preview.of(Schedule("* * * * *"), start="2026-01-01", duration="9999d")
    assert str(caught.value) == "'* * * * *' is due more than 600,000 times in 9999d; use a shorter duration"
