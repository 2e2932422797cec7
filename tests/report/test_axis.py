"""The time axis."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.report.axis import Axis


def axis(zone, start, end):
    """Make an axis from two local times."""
    first, last = (datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)) for at in (start, end))
    return Axis(first, last)


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        ("2026-01-01T09:00", "2026-01-01T10:00", "09:00 09:10 09:20 09:30 09:40 09:50"),
        ("2026-01-01T22:00", "2026-01-02T02:00", "22:00 23:00 Fri 2 Jan 01:00"),
        ("2026-01-01", "2026-01-02", "Thu 1 Jan 03:00 06:00 09:00 12:00 15:00 18:00 21:00"),
        ("2026-01-01", "2026-01-03", "Thu 1 Jan 12:00 Fri 2 Jan 12:00"),
        ("2026-01-30", "2026-02-06", "30 Jan Sat 31 1 Feb Mon 2 Tue 3 Wed 4 Thu 5"),
        ("2026-01-01", "2026-01-31", "Thu 1 Jan Mon 5 Jan Mon 12 Jan Mon 19 Jan Mon 26 Jan"),
        ("2026-01-03", "2026-02-02", "Mon 5 Jan Mon 12 Jan Mon 19 Jan Mon 26 Jan"),
        ("2026-01-01", "2026-02-20", "5 Jan 12 Jan 19 Jan 26 Jan 2 Feb 9 Feb 16 Feb"),
        ("2026-01-01", "2027-01-01", "2026 Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        ("2026-01-01", "2030-01-01", "2026 2027 2028 2029"),
    ],
)
def test_labels_suit_the_length_of_the_range(start, end, labels):
    """Minutes of an hour, hours of a day, weeks of a month, months of a year."""
    assert " ".join(tick.label for tick in axis("UTC", start, end).ticks() if tick.label) == labels


def test_ticks_follow_elapsed_time_on_the_day_clocks_go_back():
    """The day has 25 hours, so noon stands 13 hours from its start."""
    ticks = {tick.label: tick.share for tick in axis("Europe/Paris", "2026-10-25", "2026-10-26").ticks()}
    assert ticks["Sun 25 Oct"] == 0
    assert ticks["12:00"] == pytest.approx(13 / 25)


def test_the_two_half_past_two_stand_an_hour_apart():
    """A local time that occurs twice has two places."""
    day = axis("Europe/Paris", "2026-10-25", "2026-10-26")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert day.share(first.replace(fold=1)) - day.share(first) == pytest.approx(1 / 25)


@pytest.mark.parametrize(
    ("zone", "start", "end", "changes"),
    [
        ("Europe/Paris", "2026-03-01", "2026-03-31", ["2026-03-29T03:00:00+02:00"]),
        ("Europe/Paris", "2026-10-01", "2026-10-31", ["2026-10-25T02:00:00+01:00"]),
        ("Australia/Lord_Howe", "2026-04-01", "2026-04-30", ["2026-04-05T01:30:00+10:30"]),
        ("Europe/Paris", "2026-01-01", "2026-02-01", []),
        ("UTC", "2026-01-01", "2027-01-01", []),
    ],
)
def test_clock_changes_are_found(zone, start, end, changes):
    """The instant at which the zone's offset changes is known to the second."""
    assert [change.at.isoformat() for change in axis(zone, start, end).clock_changes()] == changes


def test_weekends_are_shaded_on_a_month_only():
    """Saturdays and Sundays are marked where there is room and use for it."""
    shares = [share for day in axis("UTC", "2026-01-01", "2026-01-11").weekends() for share in day]
    assert shares == pytest.approx([0.2, 0.3, 0.3, 0.4, 0.9, 1.0])
    assert axis("UTC", "2026-01-03", "2026-01-04").weekends() == []
    assert axis("UTC", "2026-01-01", "2027-01-01").weekends() == []


def test_a_range_of_no_length_and_times_outside_stand_at_the_edge():
    """Nothing divides by zero and nothing is drawn outside."""
    moment = axis("UTC", "2026-01-01", "2026-01-01")
    assert moment.share(moment.start) == 0
    assert moment.ticks() == []
    day = axis("UTC", "2026-01-02", "2026-01-03")
    assert (day.share(moment.start), day.share(datetime.fromisoformat("2026-01-09T00:00Z"))) == (0, 1)
