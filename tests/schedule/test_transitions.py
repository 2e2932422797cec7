"""The days on which a zone's clocks change."""

from __future__ import annotations

import pytest

from sbh_jobkit.schedule import times, transitions

DAYS = [
    ("UTC", "2026-01-01", []),
    ("Asia/Kolkata", "2026-01-01", []),
    ("Europe/Paris", "2026-01-01", ["2026-03-29T00:00:00+01:00", "2026-10-25T00:00:00+02:00"]),
    (
        "Europe/Paris",
        "2026-03-29T12:00",
        ["2026-03-29T00:00:00+01:00", "2026-10-25T00:00:00+02:00", "2027-03-28T00:00:00+01:00"],
    ),
    ("Europe/Paris", "2026-03-30", ["2026-10-25T00:00:00+02:00", "2027-03-28T00:00:00+01:00"]),
    ("Europe/Paris", "2027-06-01", ["2027-10-31T00:00:00+02:00", "2028-03-26T00:00:00+01:00"]),
    ("America/New_York", "2026-01-01", ["2026-03-08T00:00:00-05:00", "2026-11-01T00:00:00-04:00"]),
    ("America/New_York", "2006-01-01", ["2006-04-02T00:00:00-05:00", "2006-10-29T00:00:00-04:00"]),
    ("Australia/Lord_Howe", "2026-01-01", ["2026-04-05T00:00:00+11:00", "2026-10-04T00:00:00+10:30"]),
    # clocks go back at the end of the 4th; on 6 September they go from 00:00 to 01:00: its midnight is never shown
    ("America/Santiago", "2026-01-01", ["2026-04-04T00:00:00-03:00", "2026-09-06T00:00:00-04:00"]),
    ("Africa/Cairo", "2026-01-01", ["2026-04-24T00:00:00+02:00", "2026-10-29T00:00:00+03:00"]),
    ("Africa/Cairo", "2018-01-01", []),
    # clocks show this midnight twice
    ("America/Havana", "2026-10-01", ["2026-11-01T00:00:00-04:00", "2027-03-14T00:00:00-05:00"]),
    # a whole day that clocks skip
    (
        "Pacific/Apia",
        "2011-12-01",
        ["2011-12-30T00:00:00-10:00", "2012-04-01T00:00:00+14:00", "2012-09-30T00:00:00+13:00"],
    ),
    ("Europe/Paris", "9999-06-01", ["9999-10-31T00:00:00+02:00"]),
    ("Europe/Paris", "9999-12-31", []),
]


@pytest.mark.parametrize(("name", "start", "days"), DAYS, ids=[f"{name} {start}" for name, start, _ in DAYS])
def test_days_of_change(name, start, days):
    """Within a year of a start, its own day included: each day's midnight, also where clocks do not show it."""
    zone = times.zone(name)
    found = transitions.after(times.instant(start, zone), zone)
    assert [day.isoformat() for day in found] == days
    assert [(day.tzinfo, day.replace(tzinfo=None).time().isoformat()) for day in found] == [(zone, "00:00:00")] * len(
        days
    )


def test_a_start_in_another_zone():
    """The day of the start is the one of the zone that is asked about."""
    start = times.instant("2026-03-28T23:30Z", times.zone("UTC"))
    found = transitions.after(start, times.zone("Europe/Paris"), days=1)
    assert [day.isoformat() for day in found] == ["2026-03-29T00:00:00+01:00"]
