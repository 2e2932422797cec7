"""Times, durations and zones as users type them, and the errors for those that cannot be parsed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.schedule.times import (
    START,
    Duration,
    add,
    clock_changes,
    duration,
    end_of,
    format_duration,
    format_elapsed,
    format_time,
    instant,
    instant_in_range,
    years,
    zone,
)

UNITS = "use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'"
ISO = "use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
NAME = "use a name such as 'UTC' or 'Europe/Paris'"

DAY, HOUR, MINUTE = 86_400, 3_600, 60

DURATIONS = [
    # days and weeks are calendar days, smaller units are elapsed time
    ("30d", 30, 0),
    ("2w", 14, 0),
    ("1d1d", 2, 0),
    ("12h", 0, 12 * HOUR),
    ("24h", 0, DAY),
    ("48h", 0, 2 * DAY),
    ("90m", 0, 90 * MINUTE),
    ("1440m", 0, DAY),
    ("45s", 0, 45),
    ("1d12h", 1, 12 * HOUR),
    ("1d24h", 1, DAY),
    ("1w 2d 3h 4m 5s", 9, 3 * HOUR + 4 * MINUTE + 5),
    ("12h 1d", 1, 12 * HOUR),
    ("0d90m", 0, 90 * MINUTE),
    ("  30 D ", 30, 0),
    (" P30D ", 30, 0),
    ("100000w", 700_000, 0),
    ("007d", 7, 0),
    ("9999999d", 9_999_999, 0),
    ("9999999h", 0, 9_999_999 * HOUR),
    ("P30D", 30, 0),
    ("P2W", 14, 0),
    ("PT12H", 0, 12 * HOUR),
    ("PT24H", 0, DAY),
    ("PT90M", 0, 90 * MINUTE),
    ("P1DT12H30M15S", 1, 12 * HOUR + 30 * MINUTE + 15),
    ("p1dt1h", 1, HOUR),
]

NO_DURATIONS = [
    ("", f"'' is not a duration; {UNITS}"),
    ("30", f"'30' is not a duration; {UNITS}"),
    ("1M", "'1M' is not a duration: M is not a unit; write '1mo' for months or '1m' for minutes"),
    (" 6 M", "' 6 M' is not a duration: M is not a unit; write '6 mo' for months or '6 m' for minutes"),
    ("1y2M", "'1y2M' is not a duration: M is not a unit; write '1y2mo' for months or '1y2m' for minutes"),
    ("2H30M", "'2H30M' is not a duration: M is not a unit; write '2H30mo' for months or '2H30m' for minutes"),
    ("d", f"'d' is not a duration; {UNITS}"),
    ("1.5h", f"'1.5h' is not a duration; {UNITS}"),
    ("-1d", f"'-1d' is not a duration; {UNITS}"),
    ("1d-1h", f"'1d-1h' is not a duration; {UNITS}"),
    ("1d, 2h", f"'1d, 2h' is not a duration; {UNITS}"),
    ("12h30", f"'12h30' is not a duration; {UNITS}"),
    ("1 month", f"'1 month' is not a duration; {UNITS}"),
    ("30 days", f"'30 days' is not a duration; {UNITS}"),
    ("1q", f"'1q' is not a duration; {UNITS}"),
    ("P", f"'P' is not a duration; {UNITS}"),
    ("PT", f"'PT' is not a duration; {UNITS}"),
    ("P1Q", f"'P1Q' is not a duration; {UNITS}"),
    ("PT1Y", f"'PT1Y' is not a duration; {UNITS}"),
    ("0d", "the duration '0d' must be longer than zero, such as '30d'"),
    ("PT0S", "the duration 'PT0S' must be longer than zero, such as '30d'"),
    (
        timedelta(0),
        "the duration datetime.timedelta(0) must be longer than zero, such as '30d'",
    ),
    (
        timedelta(days=-1),
        "the duration datetime.timedelta(days=-1) must be longer than zero, such as '30d'",
    ),
    ("9999999999d", "the duration '9999999999d' is too long; use a shorter one"),
    ("10000000s", "the duration '10000000s' is too long; use a shorter one"),
    ("1d 10000000s", "the duration '1d 10000000s' is too long; use a shorter one"),
    ("P99999999D", "the duration 'P99999999D' is too long; use a shorter one"),
    ("P999999999DT9999999999H", "the duration 'P999999999DT9999999999H' is too long; use a shorter one"),
    ("9" * 5_000 + "d", "the duration '9999999999999999999999999999999999999999…' is too long; use a shorter one"),
]

INSTANTS = [
    ("2026-01-31T02:00", "Europe/Paris", "2026-01-31T02:00:00+01:00"),
    ("2026-01-31 02:00:30.5", "Europe/Paris", "2026-01-31T02:00:30.500000+01:00"),
    (" 2026-01-31T02:00 ", "UTC", "2026-01-31T02:00:00+00:00"),
    ("2026-01-31", "Europe/Paris", "2026-01-31T00:00:00+01:00"),
    ("20260131T0200", "UTC", "2026-01-31T02:00:00+00:00"),
    ("2026-01-31T02:00Z", "Europe/Paris", "2026-01-31T03:00:00+01:00"),
    ("2026-01-31T02:00+05:45", "Asia/Kathmandu", "2026-01-31T02:00:00+05:45"),
    ("2026-01-31T02:00-08:00", "Europe/Paris", "2026-01-31T11:00:00+01:00"),
    (date.fromisoformat("2026-07-31"), "Europe/Paris", "2026-07-31T00:00:00+02:00"),
    (datetime.fromisoformat("2026-07-31T02:00"), "Europe/Paris", "2026-07-31T02:00:00+02:00"),
    (datetime.fromisoformat("2026-07-31T02:00Z"), "Europe/Paris", "2026-07-31T04:00:00+02:00"),
    # clocks change: a skipped time can be given with an offset; a time that occurs twice is the first one
    ("2026-03-29T01:59", "Europe/Paris", "2026-03-29T01:59:00+01:00"),
    ("2026-03-29T02:30+01:00", "Europe/Paris", "2026-03-29T03:30:00+02:00"),
    ("2026-03-29T03:00", "Europe/Paris", "2026-03-29T03:00:00+02:00"),
    ("2026-10-25T02:30", "Europe/Paris", "2026-10-25T02:30:00+02:00"),
    ("2026-10-25T02:30+01:00", "Europe/Paris", "2026-10-25T02:30:00+01:00"),
    (datetime.fromisoformat("2026-10-25T02:30").replace(fold=1), "Europe/Paris", "2026-10-25T02:30:00+01:00"),
    (START, "UTC", "2026-01-01T00:00:00+00:00"),
]

NO_INSTANTS = [
    ("tomorrow", "UTC", f"'tomorrow' is not a time; {ISO}"),
    ("", "UTC", f"'' is not a time; {ISO}"),
    ("31/01/2026", "UTC", f"'31/01/2026' is not a time; {ISO}"),
    ("2026-02-30", "UTC", f"'2026-02-30' is not a time; {ISO}"),
    ("2026-01-31T25:00", "UTC", f"'2026-01-31T25:00' is not a time; {ISO}"),
    ("02:00", "UTC", f"'02:00' is not a time; {ISO}"),
    (1_767_225_600, "UTC", f"1767225600 is not a time; {ISO}"),
    (None, "UTC", f"None is not a time; {ISO}"),
    (
        "2026-03-29T02:30",
        "Europe/Paris",
        (
            "2026-03-29T02:30:00 does not exist in Europe/Paris: clocks skip it; "
            "use 2026-03-29T03:00:00, when jobs due then fire, or add an offset"
        ),
    ),
    (
        "2025-10-05T02:15",
        "Australia/Lord_Howe",
        (
            "2025-10-05T02:15:00 does not exist in Australia/Lord_Howe: clocks skip it; "
            "use 2025-10-05T02:30:00, when jobs due then fire, or add an offset"
        ),
    ),
    (
        "2022-09-11",
        "America/Santiago",
        (
            "2022-09-11T00:00:00 does not exist in America/Santiago: clocks skip it; "
            "use 2022-09-11T01:00:00, when jobs due then fire, or add an offset"
        ),
    ),
    (
        date.fromisoformat("2011-12-30"),
        "Pacific/Apia",
        (
            "2011-12-30T00:00:00 does not exist in Pacific/Apia: clocks skip it; "
            "use 2011-12-31T00:00:00, when jobs due then fire, or add an offset"
        ),
    ),
]

NO_ZONES = [
    ("", f"unknown time zone ''; {NAME}"),
    ("Mars/Olympus_Mons", f"unknown time zone 'Mars/Olympus_Mons'; {NAME}"),
    ("Europe/Pari", "unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?"),
    ("europe/paris", "unknown time zone 'europe/paris'; did you mean 'Europe/Paris'?"),
    ("America/New York", "unknown time zone 'America/New York'; did you mean 'America/New_York'?"),
    ("CEST", "unknown time zone 'CEST'; use a name such as 'Europe/Paris'"),
    ("PST", "unknown time zone 'PST'; use a name such as 'Europe/Paris'"),
    ("BST", "unknown time zone 'BST'; use a name such as 'Europe/Paris'"),
    ("pst", f"unknown time zone 'pst'; {NAME}"),
    ("japn", "unknown time zone 'japn'; did you mean 'Japan'?"),
    ("est5edt", "unknown time zone 'est5edt'; did you mean 'EST5EDT'?"),
    ("utc", "unknown time zone 'utc'; did you mean 'UTC'?"),
    (" UTC", "unknown time zone ' UTC'; did you mean 'UTC'?"),
    ("../../etc/passwd", f"unknown time zone '../../etc/passwd'; {NAME}"),
    ("a\nb", f"unknown time zone 'a\\nb'; {NAME}"),
    ("localtime", f"unknown time zone 'localtime'; {NAME}"),
    ("Factory", f"unknown time zone 'Factory'; {NAME}"),
    (None, f"None is not the name of a time zone; {NAME}"),
    (
        timezone(timedelta(hours=1)),
        f"datetime.timezone(datetime.timedelta(seconds=3600)) is not the name of a time zone; {NAME}",
    ),
]

LATER = [
    # calendar days: March and October
    ("Europe/Paris", "2026-03-28T00:00", "2d", "2026-03-30T00:00:00+02:00"),
    ("Europe/Paris", "2026-10-24T00:00", "2d", "2026-10-26T00:00:00+01:00"),
    ("Europe/Paris", "2026-03-01T00:00", "30d", "2026-03-31T00:00:00+02:00"),
    ("Europe/Paris", "2026-10-01T00:00", "30d", "2026-10-31T00:00:00+01:00"),
    ("Australia/Lord_Howe", "2025-10-04T12:00", "1w", "2025-10-11T12:00:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-04T12:00", "1w", "2026-04-11T12:00:00+10:30"),
    # hours are elapsed time, even 24 of them
    ("Europe/Paris", "2026-03-29T00:00", "23h", "2026-03-30T00:00:00+02:00"),
    ("Europe/Paris", "2026-10-24T12:00", "23h", "2026-10-25T10:00:00+01:00"),
    ("Europe/Paris", "2026-03-29T01:30", "60m", "2026-03-29T03:30:00+02:00"),
    ("Europe/Paris", "2026-10-25T02:30", "60m", "2026-10-25T02:30:00+01:00"),
    ("Europe/Paris", "2026-03-28T00:00", "1d12h", "2026-03-29T13:00:00+02:00"),
    ("Europe/Paris", "2026-10-24T00:00", "1d12h", "2026-10-25T11:00:00+01:00"),
    ("Europe/Paris", "2026-03-28T12:00", "24h", "2026-03-29T13:00:00+02:00"),
    ("Europe/Paris", "2026-10-24T12:00", "24h", "2026-10-25T11:00:00+01:00"),
    ("Europe/Paris", "2026-03-28T12:00", "1d", "2026-03-29T12:00:00+02:00"),
    ("Europe/Paris", "2026-10-24T12:00", "1d", "2026-10-25T12:00:00+01:00"),
    # days that end where clocks change
    ("Europe/Paris", "2026-03-28T02:30", "1d", "2026-03-29T03:30:00+02:00"),
    ("Europe/Paris", "2026-10-24T02:30", "1d", "2026-10-25T02:30:00+02:00"),
    ("America/Santiago", "2022-09-10T00:00", "1d", "2022-09-11T01:00:00-03:00"),
    ("Pacific/Apia", "2011-12-29T06:00", "1d", "2011-12-31T06:00:00+14:00"),
    ("UTC", "2026-01-31T00:00", "1s", "2026-01-31T00:00:01+00:00"),
]

FORMATTED = [
    ("30d", "30d"),
    ("2w", "14d"),
    ("24h", "24h"),
    ("48h", "48h"),
    ("36h", "36h"),
    ("1d12h", "1d12h"),
    ("12h 1d", "1d12h"),
    ("1d24h", "1d24h"),
    ("90m", "90m"),
    ("1h30m", "90m"),
    ("60m", "1h"),
    ("90s", "90s"),
    ("1d90s", "1d90s"),
    ("86401s", "86401s"),
]


def error_of(call, *arguments):
    """Return the error message of a call."""
    with pytest.raises(TimeFormatError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(("text", "days", "seconds"), DURATIONS)
def test_duration(text, days, seconds):
    """A duration is one or more numbers with units, or ISO 8601: calendar days and elapsed seconds."""
    assert duration(text) == Duration(days, seconds)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (Duration(1, 12 * HOUR), Duration(1, 12 * HOUR)),
        (timedelta(days=30), Duration(30, 0)),
        (timedelta(hours=12), Duration(0, 12 * HOUR)),
        (timedelta(hours=36), Duration(1, 12 * HOUR)),
    ],
    ids=repr,
)
def test_duration_of_a_value(value, length):
    """A Duration stays as it is; the days of a timedelta become calendar days."""
    assert duration(value) == length


def test_total_seconds():
    """In seconds, a day is 24 hours."""
    assert duration("1d12h").total_seconds() == duration("36h").total_seconds() == 36 * HOUR


@pytest.mark.parametrize(("value", "message"), NO_DURATIONS)
def test_no_duration(value, message):
    """The error names the value and what to write."""
    assert error_of(duration, value) == message


@given(st.one_of(st.text(max_size=30), st.from_regex(r"P?([0-9]{1,12}[wdhmsT ]{1,2}){1,4}", fullmatch=True)))
@settings(max_examples=200, deadline=None)
def test_any_duration(text):
    """Any text is a duration or has a one-line error."""
    message = "'"
    try:
        assert duration(text).total_seconds() > 0
    except TimeFormatError as error:
        message = str(error)
    assert message.isprintable()


@pytest.mark.parametrize(("value", "name", "iso"), INSTANTS)
def test_instant(value, name, iso):
    """A time is ISO 8601 or a datetime: a naive one is in the zone, another one is converted to it."""
    parsed = instant(value, zone(name))
    assert parsed.isoformat() == iso
    assert parsed.tzinfo is zone(name)


@pytest.mark.parametrize(("value", "name", "message"), NO_INSTANTS)
def test_no_instant(value, name, message):
    """For a time that cannot be parsed or that clocks skip, the error names the value and what to write."""
    assert error_of(instant, value, zone(name)) == message


@pytest.mark.parametrize(
    ("value", "name", "message"),
    [
        ("0001-01-01", "Asia/Tokyo", "0001-01-01T00:00:00 in Asia/Tokyo is outside the years 1 to 9999"),
        (
            "9999-12-31T23:59",
            "America/New_York",
            "9999-12-31T23:59:00 in America/New_York is outside the years 1 to 9999",
        ),
        (
            "0001-01-01T00:00Z",
            "America/New_York",
            "0001-01-01T00:00:00+00:00 in America/New_York is outside the years 1 to 9999",
        ),
    ],
)
def test_instant_beyond_the_calendar(value, name, message):
    """A time before year 1 or after year 9999, in UTC or in the zone, is an error."""
    assert error_of(instant, value, zone(name)) == message


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_instant(text):
    """Any text is a time or has a one-line error."""
    message = "'"
    try:
        assert instant(text, UTC).tzinfo is UTC
    except TimeFormatError as error:
        message = str(error)
    assert message.isprintable()


def test_zone():
    """A zone is found by its name; a zone stays as it is."""
    assert str(zone("Europe/Paris")) == "Europe/Paris"
    assert zone("Europe/Paris") is zone("Europe/Paris")
    assert zone(zone("Europe/Paris")) is zone("Europe/Paris")
    assert zone(UTC) is zone("UTC")


@pytest.mark.parametrize(("name", "message"), NO_ZONES)
def test_no_zone(name, message):
    """For an unknown zone, the error suggests a similar name, or an example."""
    assert error_of(zone, name) == message


@pytest.mark.parametrize(("name", "start", "length", "end"), LATER)
def test_add(name, start, length, end):
    """Days and weeks are calendar days of the zone, even if clocks change; hours and less are elapsed time."""
    assert add(instant(start, zone(name)), duration(length)).isoformat() == end


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-10-25T02:30+01:00", "60m", "2026-10-25T03:30:00+01:00"),
        ("2026-10-25T02:30+01:00", "10m", "2026-10-25T02:40:00+01:00"),
        ("2026-10-25T02:30+01:00", "1d", "2026-10-26T02:30:00+01:00"),
    ],
)
def test_add_to_the_second_of_two_times(start, length, end):
    """An hour after the second 02:30 is 03:30, not the second 02:30 again."""
    assert add(instant(start, zone("Europe/Paris")), duration(length)).isoformat() == end


def test_beyond_the_calendar():
    """A duration that leads past the year 9999 is an error."""
    start = instant("2026-01-01", zone("Europe/Paris"))
    assert error_of(add, start, duration("9999999d")) == (
        "9999999d after 2026-01-01T00:00:00+01:00 is outside the years 1 to 9999; use a shorter duration"
    )


@pytest.mark.parametrize(("text", "shortest"), FORMATTED)
def test_format_duration(text, shortest):
    """A duration is its days, and the rest in the largest unit that is exact."""
    assert format_duration(duration(text)) == shortest


@given(st.builds(Duration, st.integers(0, 9_999_999), st.integers(0, 9_999_999)))
@example(Duration(1, DAY))
@settings(max_examples=200, deadline=None)
def test_a_formatted_duration_can_be_parsed(length):
    """A formatted duration parses to the same duration."""
    assume(length.total_seconds())
    assert duration(format_duration(length)) == length


CLOCK_CHANGES = [
    ("UTC", "2026-01-01", []),
    ("Asia/Kolkata", "2026-01-01", []),
    ("Europe/Paris", "2026-01-01", ["2026-03-29T00:00:00+01:00", "2026-10-25T00:00:00+02:00"]),
    (
        "Europe/Paris",
        "2026-03-29T12:00",
        ["2026-03-29T00:00:00+01:00", "2026-10-25T00:00:00+02:00", "2027-03-28T00:00:00+01:00"],
    ),
    ("Europe/Paris", "2026-03-30", ["2026-10-25T00:00:00+02:00", "2027-03-28T00:00:00+01:00"]),
    # a year has 366 days: the change on 26 March 2028 is a day later
    ("Europe/Paris", "2027-03-26", ["2027-03-28T00:00:00+01:00", "2027-10-31T00:00:00+02:00"]),
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


@pytest.mark.parametrize(
    ("name", "start", "days"), CLOCK_CHANGES, ids=[f"{name} {start}" for name, start, _ in CLOCK_CHANGES]
)
def test_days_of_change(name, start, days):
    """The days within a year of the start, which is included: their midnights, even those that clocks skip."""
    tz = zone(name)
    found = clock_changes(instant(start, tz), tz)
    assert [day.isoformat() for day in found] == days
    assert [(day.tzinfo, day.replace(tzinfo=None).time().isoformat()) for day in found] == [(tz, "00:00:00")] * len(
        days
    )


def test_a_start_in_another_zone():
    """The day of the start is its day in the given zone."""
    start = instant("2026-03-28T23:30Z", zone("UTC"))
    found = clock_changes(start, zone("Europe/Paris"), days=1)
    assert [day.isoformat() for day in found] == ["2026-03-29T00:00:00+01:00"]


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-01-01T00:00+00:00", "1mo", "2026-02-01T00:00:00+00:00"),
        ("2026-01-31T00:00+00:00", "1mo", "2026-02-28T00:00:00+00:00"),
        ("2028-01-31T00:00+00:00", "1mo", "2028-02-29T00:00:00+00:00"),
        ("2026-12-15T08:00+00:00", "2 MO", "2027-02-15T08:00:00+00:00"),
        ("2028-02-29T00:00+00:00", "1y", "2029-02-28T00:00:00+00:00"),
        ("2026-01-31T00:00+00:00", "1mo1d", "2026-03-01T00:00:00+00:00"),
        ("2026-01-01T00:00+00:00", "1y2mo3d4h5m", "2027-03-04T04:05:00+00:00"),
        ("2026-01-01T00:00+00:00", "P1Y2M3DT4H5M", "2027-03-04T04:05:00+00:00"),
        ("2026-01-01T00:00+00:00", "90m", "2026-01-01T01:30:00+00:00"),
    ],
)
def test_months_and_years(start, length, end):
    """They are of the calendar: a day that a month does not have is its last one."""
    parsed = duration(length)
    assert add(datetime.fromisoformat(start), parsed).isoformat() == end
    assert duration(format_duration(parsed)) == parsed


def test_months_in_a_zone_keep_the_time_of_day():
    """A month over a clock change ends at the same local time."""
    start = instant("2026-03-15T09:00", zone("Europe/Paris"))
    assert add(start, duration("1mo")).isoformat() == "2026-04-15T09:00:00+02:00"
    with pytest.raises(TimeFormatError, match="1mo after 9999-12-31T00:00:00\\+00:00 is outside the years 1 to 9999"):
        add(instant("9999-12-31", zone("UTC")), duration("1mo"))


ELAPSED = [
    (0, "0s"),
    (0.4, "0s"),
    (0.6, "1s"),
    (59, "59s"),
    (60, "1m"),
    (61, "1m 1s"),
    (3_599, "59m 59s"),
    (3_600, "1h"),
    (3_660, "1h 1m"),
    (3_661, "1h 1m"),
    (7_199, "1h 59m"),
    (86_399, "23h 59m"),
    (86_400, "1d"),
    (90_000, "1d 1h"),
    (86_405, "1d 5s"),
    (172_799, "1d 23h"),
    (30 * 86_400, "30d"),
]


@pytest.mark.parametrize(("seconds", "text"), ELAPSED)
def test_elapsed_time_has_two_units(seconds, text):
    """Its largest ones that are not zero."""
    assert format_elapsed(seconds) == text


TYPED = [
    ("2026-01-31T02:00", "2026-01-31T02:00"),
    ("2026-01-31T02:00:05", "2026-01-31T02:00:05"),
    ("2026-01-31T02:00:00.000005", "2026-01-31T02:00:00.000005"),
    ("2026-01-31T02:00+00:00", "2026-01-31T02:00Z"),
    ("2026-01-31T02:00:05+00:00", "2026-01-31T02:00:05Z"),
    ("2026-01-31T02:00+01:00", "2026-01-31T02:00+01:00"),
]


@pytest.mark.parametrize(("iso", "text"), TYPED)
def test_a_time_as_it_can_be_typed(iso, text):
    """Without seconds where there are none, and with Z for UTC."""
    assert format_time(datetime.fromisoformat(iso)) == text
    assert datetime.fromisoformat(text) == datetime.fromisoformat(iso)


@pytest.mark.parametrize(
    ("length", "seconds"),
    [(Duration(1, 5), 86_405), (Duration(0, 5, 1), 30 * 86_400 + 5), (Duration(2, 0, 2), 62 * 86_400)],
)
def test_the_seconds_of_a_duration(length, seconds):
    """A day counts as 24 hours, a month as 30 days."""
    assert length.total_seconds() == seconds


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("0d", 0), ("PT0S", 0), ("1s", 1), (" 2w ", 14 * 86_400)])
def test_a_duration_that_may_be_zero(text, seconds):
    """As the grace of a policy; by itself zero is an error."""
    assert duration(text, zero=True).total_seconds() == seconds
    if not seconds:
        assert error_of(duration, text) == f"the duration {text!r} must be longer than zero, such as '30d'"


def test_a_negative_duration_is_an_error():
    """Whether or not it may be zero."""
    assert error_of(duration, timedelta(seconds=-1)) == (
        "the duration datetime.timedelta(days=-1, seconds=86399) must be longer than zero, such as '30d'"
    )
    with pytest.raises(TimeFormatError, match=r"must be zero or longer, such as '30d'$"):
        duration(timedelta(seconds=-1), zero=True)


@pytest.mark.parametrize("digits", [31, 32, 40])
def test_a_long_duration_is_shown_in_short(digits):
    """From forty-one characters on."""
    text = f"{'9' * digits}d{' ' * (40 - digits - 1)}" if digits < 40 else f"{'9' * digits}d"
    shown = text if len(text) == 40 else f"{text[:40]}…"
    assert error_of(duration, text) == f"the duration {shown!r} is too long; use a shorter one"


def test_zeros_before_a_number_do_not_count():
    """A number of ten digits may have three zeros before it."""
    assert duration("0009999999d") == Duration(9_999_999, 0)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_occurs_twice_keeps_its_fold(fold):
    """Either of the two exists."""
    twice = datetime(2026, 10, 25, 2, 30, fold=fold)  # noqa: DTZ001  the zone is the test's
    found = instant(twice, zone("Europe/Paris"))
    assert (found.fold, found.astimezone(UTC).hour) == (fold, fold)


@pytest.mark.parametrize(("name", "hint"), [("europe/PARIS", "'Europe/Paris'"), ("EUROPE/PARI", "'Europe/Paris'")])
def test_a_zone_in_capitals_has_a_suggestion(name, hint):
    """Only a short abbreviation has none, since another one would be another time."""
    assert error_of(zone, name) == f"unknown time zone {name!r}; did you mean {hint}?"


def test_a_zone_without_its_data_is_an_error(monkeypatch):
    """Its name is known and its file is not there, as on a machine without tzdata."""
    monkeypatch.setattr("sbh_jobkit.schedule.times._known_zones", lambda: frozenset({"Nowhere/Land"}))
    assert error_of(zone, "Nowhere/Land") == (
        "time zone 'Nowhere/Land' has no usable data on this machine "
        "('No time zone found with key Nowhere/Land'); install the package 'tzdata'"
    )


@pytest.mark.parametrize(
    ("start", "days", "changes"),
    [
        ("2026-03-29", 0, []),
        ("2026-03-29", 1, ["2026-03-29"]),
        ("2026-03-28", 1, []),
        ("2026-03-28", 2, ["2026-03-29"]),
        ("2026-03-29", 211, ["2026-03-29", "2026-10-25"]),
        ("2026-03-30", 209, []),
        ("2026-03-30", 210, ["2026-10-25"]),
    ],
)
def test_the_days_of_change_in_a_number_of_days(start, days, changes):
    """The day of the start is the first of them."""
    paris = zone("Europe/Paris")
    found = clock_changes(instant(start, paris), paris, days)
    assert [f"{day:%Y-%m-%d}" for day in found] == changes


PARIS = zone("Europe/Paris")
OUTSIDE = "is outside the years 1000 to 9998, in which jobs can be due"


@pytest.mark.parametrize(
    ("at", "end", "found"),
    [
        ("1000-01-01", False, "1000-01-01T00:00:00+00:09"),
        ("9998-12-31T23:59:59", False, "9998-12-31T23:59:59+01:00"),
        ("9999-01-01", True, "9999-01-01T00:00:00+01:00"),
        ("1000-01-01", True, "1000-01-01T00:00:00+00:09"),
    ],
)
def test_the_years_in_which_jobs_can_be_due(at, end, found):
    """They begin and end at midnight in the zone."""
    assert instant_in_range(at, PARIS, end=end).isoformat().startswith(found)


@pytest.mark.parametrize(
    ("at", "named", "shown"),
    [
        ("0999-12-31T23:59:59", {}, "0999-12-31T23:59:59+00:00"),
        ("0999-12-31T23:59:59", {"end": True}, "0999-12-31T23:59:59+00:00"),
        ("9999-01-01", {}, "9999-01-01T00:00:00+00:00"),
        ("9999-01-01T00:00:00.000001", {"end": True}, "9999-01-01T00:00:00.000001+00:00"),
    ],
)
def test_a_time_outside_these_years_is_an_error(at, named, shown):
    """The end of the last year is a time only where a range ends."""
    with pytest.raises(TimeFormatError) as caught:
        instant_in_range(at, UTC, **named)
    assert str(caught.value) == f"{shown} {OUTSIDE}"


def test_the_first_and_the_last_instant():
    """They are aware, and in the zone."""
    assert years(PARIS) == (datetime(1000, 1, 1, tzinfo=PARIS), datetime(9999, 1, 1, tzinfo=PARIS))


@pytest.mark.parametrize(
    ("end", "length", "found"),
    [
        (None, None, "2026-03-31T00:00:00+02:00"),
        (None, "1d", "2026-03-29T00:00:00+01:00"),
        (None, timedelta(hours=1), "2026-03-28T01:00:00+01:00"),
        ("2026-03-30", None, "2026-03-30T00:00:00+02:00"),
        ("2026-03-28T00:00Z", None, "2026-03-28T01:00:00+01:00"),
        ("9999-01-01", None, "9999-01-01T00:00:00+01:00"),
    ],
)
def test_the_end_of_a_range(end, length, found):
    """It is the one given, or after a length, or after the usual one, in the zone of the start."""
    assert end_of(instant("2026-03-28", PARIS), end, length, default="3d").isoformat() == found


@pytest.mark.parametrize(
    ("end", "length", "message"),
    [
        ("2026-03-30", "1d", "give an end or a duration, not both"),
        ("2026-03-28", None, "the end 2026-03-28T00:00:00+01:00 is not after the start 2026-03-28T00:00:00+01:00"),
        ("2026-03-27", None, "the end 2026-03-27T00:00:00+01:00 is not after the start 2026-03-28T00:00:00+01:00"),
        ("9999-01-02", None, f"9999-01-02T00:00:00+01:00 {OUTSIDE}"),
    ],
)
def test_a_range_without_an_end(end, length, message):
    """The error names both times."""
    with pytest.raises(TimeFormatError) as caught:
        end_of(instant("2026-03-28", PARIS), end, length, default="3d")
    assert str(caught.value) == message
