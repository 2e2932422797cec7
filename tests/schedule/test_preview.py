"""The preview of one schedule."""

from __future__ import annotations

import pytest

from sbh_jobkit import Preview, Schedule
from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.schedule.preview import Collision

HOURLY = Schedule("0 * * * *")


def test_it_lists_the_fire_times_of_seven_days():
    """The range includes its start but not its end; naive times are in the schedule's zone."""
    found = Preview.from_schedule(Schedule("0 9 * * 1", "Europe/Paris"), start="2026-01-05T09:00")
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
    """The next fire time may be at the end of the range or later."""
    found = Preview.from_schedule(Schedule("0 9 * * 1"), start=start, duration="1d")
    assert found.next.isoformat() == following


def test_other_jobs_that_are_due_at_the_same_minutes_are_named():
    """The most frequent first, without the job itself, a job without a schedule and one with no common time."""
    others = {
        "mine": Schedule("0 */6 * * *"),
        "noon": Schedule("0 12 * * *"),
        "hourly": HOURLY,
        "odd": Schedule("30 * * * *"),
        "manual": None,
    }
    found = Preview.from_schedule(others["mine"], start="2026-01-01T01:00", duration="1d", job="mine", others=others)
    first, noon = found.fires[0], found.fires[1]
    assert found.collisions == (
        Collision(job="hourly", times=4, first=first),
        Collision(job="noon", times=1, first=noon),
    )
    assert repr(found).startswith("<Preview of mine: 4 times from ")


def test_collisions_compare_instants_not_local_times():
    """Two jobs in different zones collide if they are due at the same instant."""
    found = Preview.from_schedule(
        Schedule("0 9 * * *", "Europe/Paris"),
        start="2026-01-01",
        duration="1d",
        others={"utc": Schedule("0 8 * * *"), "naive": Schedule("0 9 * * *")},
    )
    assert [each.job for each in found.collisions] == ["utc"]


def test_a_range_with_too_many_fire_times_is_refused():
    """A range with too many fire times is an error, because the list would fill the memory."""
    with pytest.raises(TimeFormatError) as caught:
        Preview.from_schedule(Schedule("* * * * *"), start="2026-01-01", duration="9999d")
    assert str(caught.value) == "'* * * * *' is due more than 600,000 times in 9999d; use a shorter duration"


def test_the_old_name_still_works():
    """`Preview.of` is `Preview.from_schedule`."""
    range_ = {"start": "2026-01-01", "duration": "1d"}
    assert Preview.of(HOURLY, **range_).fires == Preview.from_schedule(HOURLY, **range_).fires
