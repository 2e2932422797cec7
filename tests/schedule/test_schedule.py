"""When a job is due: a table of clock changes, three other implementations of cron, and properties of any schedule.

The implementations: croniter in UTC; cronsim, which follows Debian cron; and `in_a_daemon`, a daemon in ten lines that
checks the local time every minute, as Debian's does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import islice, takewhile
from pathlib import Path
from time import perf_counter

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import ScheduleError, TimeFormatError
from sbh_jobkit.schedule.preview import Preview
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone

DST = json.loads((Path(__file__).parents[1] / "data" / "dst.json").read_text(encoding="utf-8"))

MINUTE, HOUR, DAY = 60, 3_600, 86_400
FIRST = int(datetime.fromisoformat("1990-01-01T00:00Z").timestamp())
LAST = int(datetime.fromisoformat("2060-01-01T00:00Z").timestamp())

ZONES = {
    "UTC": "never changes",
    "Europe/Paris": "02:00 to 03:00",
    "Europe/Dublin": "winter is the exception, by tzdata",
    "America/New_York": "02:00 to 03:00, in March and November",
    "America/St_Johns": "at 00:01 until 2011",
    "America/Santiago": "midnight",
    "America/Sao_Paulo": "midnight until 2019",
    "America/Havana": "00:00 to 01:00",
    "America/Nuuk": "from one day into the next",
    "America/Caracas": "half an hour, in 2007 and 2016",
    "Atlantic/Azores": "00:00 to 01:00",
    "Africa/Casablanca": "four times a year, around Ramadan",
    "Africa/Cairo": "midnight, some years",
    "Asia/Tehran": "midnight until 2022",
    "Asia/Kathmandu": "05:45 from UTC",
    "Australia/Sydney": "02:00 to 03:00, in October and April",
    "Australia/Lord_Howe": "half an hour",
    "Pacific/Apia": "a whole day in 2011",
    "Antarctica/Casey": "three hours, some years",
}
STUMBLES = {
    "America/St_Johns": "weekdays never leave a midnight that occurs twice; hours skip minutes after a change at 00:01",
    "America/Santiago": "a midnight that does not exist fires",
    "America/Sao_Paulo": "the same",
    "America/Havana": "the same",
    "America/Caracas": "hours skip half an hour after a change by half an hour",
    "Atlantic/Azores": "a midnight that does not exist fires",
    "Africa/Cairo": "the same",
    "Asia/Tehran": "the same",
    "Australia/Lord_Howe": "hours skip half an hour after a change by half an hour",
    "Pacific/Apia": "a day that does not exist fires",
    "Antarctica/Casey": "weekdays never leave three hours that occur twice; hours skip minutes after a change at 00:01",
}
"""Zones in which cronsim 2.8 is wrong for jobs that begin with a star; there `in_a_daemon` is compared."""

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


# Strategies for expressions and times.


@st.composite
def parts(draw, low, high, names=()):
    """Draw a value, a range, a star with a step, or (not for weekdays) a value with a step."""

    def spell(value):
        name = names[value - low] if 0 <= value - low < len(names) else ""
        return draw(st.sampled_from([str(value), name, name.lower(), name.title()])) if name else str(value)

    kinds = ["value", "value", "range", "range/step", "*/step"]
    kind = draw(st.sampled_from(kinds if names == WEEKDAYS else [*kinds, "start/step"]))
    if kind == "value":
        return spell(draw(st.integers(low, high)))
    if kind == "*/step":
        return f"*/{draw(st.integers(1, min(high, 6) if names == WEEKDAYS else high - low))}"
    first = draw(st.integers(low, high - 1))
    if kind == "start/step":
        return f"{spell(first)}/{draw(st.integers(1, high - first))}"
    last = draw(st.integers(first + 1, high))
    end = "SUN" if names == WEEKDAYS and last == 7 and first > 0 and draw(st.booleans()) else spell(last)
    text = f"{spell(first)}-{end}"
    return text if kind == "range" else f"{text}/{draw(st.integers(1, last - first))}"


def fields(low, high, names=(), *, star):
    """Draw a star (`star` times in ten) or a list of parts."""
    listed = st.lists(parts(low, high, names), min_size=1, max_size=4).map(",".join)
    return st.integers(0, 9).flatmap(lambda number: st.just("*") if number < star else listed)


NIGHT = st.lists(st.sampled_from([0, 0, 1, 1, 2, 2, 3, 22, 23]).map(str), min_size=1, max_size=3).map(",".join)
QUARTERS = st.lists(st.sampled_from(["0", "1", "15", "30", "45", "59"]), min_size=1, max_size=3).map(",".join)


@st.composite
def expressions(draw):
    """Draw five fields of every supported form, often at night, when clocks change."""
    return " ".join(
        (
            draw(st.one_of(fields(0, 59, star=2), QUARTERS)),
            draw(st.one_of(fields(0, 23, star=2), NIGHT)),
            draw(fields(1, 31, star=6)),
            draw(fields(1, 12, MONTHS, star=7)),
            draw(fields(0, 7, WEEKDAYS, star=6)),
        )
    )


def made(expression, tz="UTC"):
    """Return the schedule; the only invalid expressions of our strategy are those that never fire."""
    try:
        return Schedule(expression, tz)
    except ScheduleError as error:
        if "so it never fires" not in str(error):
            raise
        reject()


@cache
def changes(name):
    """Find the instants at which the clocks of a zone change."""
    tz, found = zone(name), []

    def offset(epoch):
        return datetime.fromtimestamp(epoch, tz).utcoffset()

    for day in range(FIRST, LAST, DAY):
        before, later = day, day + DAY
        if offset(before) != offset(later):
            while later - before > 1:
                middle = (before + later) // 2
                before, later = (middle, later) if offset(middle) == offset(before) else (before, middle)
            found.append(later)
    return found


@st.composite
def spans(draw, count=2, zones=tuple(ZONES), widest=2 * DAY):
    """Draw a zone and sorted instants, usually around a clock change."""
    name = draw(st.sampled_from(zones))
    known = changes(name)
    moment = draw(st.sampled_from(known) if known else st.integers(FIRST, LAST))
    minutes = st.integers(-120, 120).map(lambda number: number * MINUTE)
    near = st.one_of(st.integers(-widest, widest), st.integers(-3 * HOUR, 3 * HOUR), minutes)
    return name, sorted(moment + draw(near) for _ in range(count))


# Other implementations of cron.


def in_croniter(expression, start, end):
    """Return the fire times of croniter, in UTC."""
    times = croniter(expression, datetime.fromtimestamp(start - 1, UTC))
    return takewhile(lambda fire: fire < end, (int(times.get_next(float)) for _ in iter(int, 1)))


def in_cronsim(expression, tz, start, end):
    """Return the fire times of cronsim, started at a midnight some days before: it ignores the offset of its start."""
    midnight = datetime.fromtimestamp(start - 5 * DAY, tz).replace(hour=0, minute=0, second=0, fold=0)
    times = CronSim(expression.upper().replace("-SUN", "-7"), midnight - timedelta(seconds=1))
    fires = takewhile(lambda fire: fire < end, (int(fire.timestamp()) for fire in times))
    return (fire for fire in fires if fire >= start)


def in_a_daemon(expression, tz, start, end):
    """Return the fire times of a daemon such as Debian's: it checks the local time every minute, each minute once."""
    cron = CronSim(expression.upper().replace("-SUN", "-7"), datetime.fromtimestamp(start, UTC))
    fixed = not any(field.startswith("*") for field in expression.split()[:2])
    minute, seen = timedelta(minutes=1), None

    def due(wall):
        return (
            wall.minute in cron.minutes
            and wall.hour in cron.hours
            and wall.month in cron.months
            and cron.match_day(wall.date())
        )

    for epoch in range((start - 4 * HOUR) // MINUTE * MINUTE, end, MINUTE):
        wall = datetime.fromtimestamp(epoch, tz).replace(tzinfo=None, fold=0)
        looked_at = [wall]
        if fixed:
            seen = wall - minute if seen is None else seen
            looked_at = [seen + minute * number for number in range(1, (wall - seen) // minute + 1)]
            seen = max(seen, wall)
        if any(map(due, looked_at)) and epoch >= start:
            yield epoch


def skipped(cron, epoch, tz):
    """Return the job's local times that clocks skip just before an instant."""
    wall = datetime.fromtimestamp(epoch - MINUTE, tz).replace(tzinfo=None, fold=0) + timedelta(minutes=1)
    found, there = [], datetime.fromtimestamp(epoch, tz).replace(tzinfo=None, fold=0)
    while wall < there:
        if (
            wall.hour in cron.hours
            and wall.minute in cron.minutes
            and cron.matches_day(wall.day, wall.month, wall.isoweekday() % 7)
        ):
            found.append(wall)
        wall += timedelta(minutes=1)
    return found


def iso(fires):
    """Return fire times as text."""
    return [fire.isoformat() for fire in fires]


# The table.


@pytest.mark.parametrize("case", DST, ids=lambda case: f"{case['expression']} {case['zone']} {case['start']}")
def test_clock_change(case):
    """On days when clocks change, a job is due at these times and has these notes."""
    schedule = Schedule(case["expression"], case["zone"])
    fires = list(schedule.fires(case["start"], case["end"]))
    notes = {fire.isoformat(): note for fire in fires if (note := schedule.note(fire))}
    assert {"fires": iso(fires), "notes": notes} == {"fires": case["fires"], "notes": case.get("notes", {})}


@pytest.mark.parametrize("case", DST, ids=lambda case: f"{case['expression']} {case['zone']} {case['start']}")
def test_table_is_debians(case):
    """The table agrees with a daemon that checks the clock every minute."""
    tz = zone(case["zone"])
    start, end = (datetime.fromisoformat(case[key]) for key in ("start", "end"))
    start, end = (int((time if time.tzinfo else time.replace(tzinfo=tz)).timestamp()) for time in (start, end))
    fires = in_a_daemon(case["expression"], tz, start, end)
    assert iso(datetime.fromtimestamp(epoch, tz) for epoch in fires) == case["fires"]


# Comparisons with other implementations.


@given(
    expressions(),
    st.integers(FIRST, LAST),
    st.sampled_from([HOUR, DAY, 31 * DAY, 366 * DAY, 3_660 * DAY]),
)
@example("0 0 */2 * 5", FIRST, 366 * DAY)
@example("0 0 29 2 *", FIRST, 366 * 10 * DAY)
@settings(max_examples=250, deadline=None)
def test_equal_to_croniter(expression, start, length):
    """In UTC, any expression has the fire times of croniter, even where Debian cron differs."""
    schedule = made(expression)
    ours = islice(schedule.epochs(start, start + length), 60)
    assert list(ours) == list(islice(in_croniter(expression, start, start + length), 60))


@given(expressions(), spans())
@settings(max_examples=150, deadline=None)
def test_equal_to_cronsim(expression, span):
    """In any zone, a job has the fire times of cronsim, except where cronsim is wrong or Debian cron differs."""
    name, (start, end) = span
    schedule = made(expression, name)
    assume(not schedule.cron.debian_differs)
    assume(schedule.cron.fixed or name not in STUMBLES)
    assert list(schedule.epochs(start, end)) == list(in_cronsim(expression, schedule.tz, start, end))


@given(expressions(), st.sampled_from(sorted(ZONES.keys() - STUMBLES.keys())), st.integers(FIRST, LAST))
@settings(max_examples=100, deadline=None)
def test_equal_to_cronsim_for_years(expression, name, start):
    """Over years, a job has the fire times of cronsim."""
    schedule = made(expression, name)
    assume(not schedule.cron.debian_differs)
    end = start + 3_660 * DAY
    ours = islice(schedule.epochs(start, end), 60)
    assert list(ours) == list(islice(in_cronsim(expression, schedule.tz, start, end), 60))


@given(expressions(), spans(widest=DAY))
@settings(max_examples=150, deadline=None)
def test_equal_to_a_daemon(expression, span):
    """In any zone, a job has the fire times of a daemon that checks the clock every minute."""
    name, (start, end) = span
    schedule = made(expression, name)
    assume(not schedule.cron.debian_differs)
    assert list(schedule.epochs(start, end)) == list(in_a_daemon(expression, schedule.tz, start, end))


# Properties of any schedule.


@given(expressions(), spans(count=3))
@settings(max_examples=150, deadline=None)
def test_a_range_can_be_split(expression, span):
    """A range cut in two anywhere, even at a clock change, has the same fire times, in ascending order."""
    name, (start, middle, end) = span
    schedule = made(expression, name)
    whole = list(schedule.epochs(start, end))
    assert [*schedule.epochs(start, middle), *schedule.epochs(middle, end)] == whole
    assert whole == sorted(set(whole))
    assert all(start <= epoch < end for epoch in whole)


@given(expressions(), spans())
@settings(max_examples=100, deadline=None)
def test_datetimes_are_the_epochs(expression, span):
    """A fire time is an aware datetime of the schedule's zone at a whole second, the same as its number."""
    name, bounds = span
    schedule = made(expression, name)
    start, end = (datetime.fromtimestamp(epoch, UTC) for epoch in bounds)
    fires = list(schedule.fires(start, end))
    assert [fire.timestamp() for fire in fires] == list(schedule.epochs(*bounds))
    assert iso(fires) == iso(fire.astimezone(UTC).astimezone(schedule.tz) for fire in fires)
    assert all(fire.tzinfo is schedule.tz for fire in fires)


@given(expressions(), spans(count=1), st.sampled_from([0, 1, 500_000]))
@settings(max_examples=100, deadline=None)
def test_next_and_previous(expression, span, microseconds):
    """Nothing is due between the previous fire time and now, nor between now and the next."""
    name, (epoch,) = span
    schedule = made(expression, name)
    now = datetime.fromtimestamp(epoch, UTC) + timedelta(microseconds=microseconds)
    before, after = schedule.previous(now), schedule.next(now)
    assert before.timestamp() < now.timestamp() < after.timestamp()
    assert list(schedule.epochs(before.timestamp(), now.timestamp())) == [before.timestamp()]
    assert list(schedule.epochs(int(now.timestamp()) + 1, after.timestamp() + 1)) == [after.timestamp()]
    assert before.tzinfo is schedule.tz is after.tzinfo


@given(expressions(), spans())
@settings(max_examples=150, deadline=None)
def test_note_where_the_wall_clock_differs(expression, span):
    """A fixed job has a note at a time that its expression does not name; other jobs have no notes."""
    name, (start, end) = span
    schedule = made(expression, name)
    cron = schedule.cron
    for epoch in schedule.epochs(start, end):
        fire = datetime.fromtimestamp(epoch, schedule.tz)
        today = cron.matches_day(fire.day, fire.month, fire.isoweekday() % 7)
        named = today and fire.hour in cron.hours and fire.minute in cron.minutes
        twice = fire.utcoffset() != fire.replace(fold=1 - fire.fold).utcoffset()
        if not cron.fixed or (named and not twice):
            assert schedule.note(fire) is None
        elif twice:
            first = f"{fire:%H:%M} occurs twice on {fire:%Y-%m-%d} in {name}: fired the first time"
            assert schedule.note(fire) == first
        else:
            lost = skipped(cron, epoch, schedule.tz)
            at = f"{fire:%H:%M}" if fire.date() == lost[0].date() else f"{fire:%Y-%m-%d %H:%M}"
            do = "do" if lost[1:] else "does"
            moments = ", ".join(f"{wall:%H:%M}" for wall in lost)
            assert schedule.note(fire) == f"{moments} {do} not exist on {lost[0]:%Y-%m-%d} in {name}: fired at {at}"


@pytest.mark.parametrize(
    ("expression", "name", "day", "note"),
    [
        (
            "0 0 * * 5",
            "Pacific/Apia",
            "2011-12-31",
            "00:00 does not exist on 2011-12-30 in Pacific/Apia: fired at 2011-12-31 00:00",
        ),
        (
            "0,30 0,23 * * 6",
            "America/Nuuk",
            "2024-03-31",
            "23:00, 23:30 do not exist on 2024-03-30 in America/Nuuk: fired at 2024-03-31 00:00",
        ),
    ],
)
def test_note_of_another_day(expression, name, day, note):
    """A fixed job has a note on a day that its expression does not name, even at a time that it names."""
    schedule = Schedule(expression, name)
    (fire,) = schedule.fires(f"{day}T00:00", f"{day}T00:01")
    assert schedule.note(fire) == note


# Arguments and results.


def test_bounds():
    """A range includes its start and not its end."""
    schedule = Schedule("0 2 * * *")
    assert iso(schedule.fires("2026-01-01T02:00", "2026-01-03T02:00")) == [
        "2026-01-01T02:00:00+00:00",
        "2026-01-02T02:00:00+00:00",
    ]
    assert iso(schedule.fires("2026-01-01T02:00:00.000001", "2026-01-02T02:00:00.000001")) == [
        "2026-01-02T02:00:00+00:00"
    ]


@pytest.mark.parametrize("end", ["2026-01-02", "2026-01-01", "2025-01-01"])
def test_empty_range(end):
    """A range that ends at its start or before has no fire times."""
    schedule = Schedule("* * * * *", "Europe/Paris")
    assert list(schedule.fires("2026-01-02", end)) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-06-01T09:00", "2026-06-02T09:00"),
        ("2026-06-01T07:00Z", "2026-06-02T07:00Z"),
        ("2026-06-01T03:00-04:00", "2026-06-02"),
        (datetime.fromisoformat("2026-06-01T09:00"), datetime.fromisoformat("2026-06-02T09:00")),
        (datetime.fromisoformat("2026-06-01T07:00Z"), datetime.fromisoformat("2026-06-02T12:30+05:45")),
    ],
)
def test_times_are_parsed(start, end):
    """Times are text or datetimes; naive ones are in the schedule's zone, other ones are converted to it."""
    assert iso(Schedule("0 9 * * *", "Europe/Paris").fires(start, end)) == ["2026-06-01T09:00:00+02:00"]


@pytest.mark.parametrize(
    ("after", "fire"),
    [
        ("2026-01-01T01:59:59", "2026-01-01T02:00:00+01:00"),
        ("2026-01-01T01:59:59.5", "2026-01-01T02:00:00+01:00"),
        ("2026-01-01T02:00", "2026-01-02T02:00:00+01:00"),
        ("2026-01-01T02:00:00.5", "2026-01-02T02:00:00+01:00"),
        ("2026-03-29T00:59Z", "2026-03-29T03:00:00+02:00"),
        ("2026-03-29T03:00", "2026-03-30T02:00:00+02:00"),
        ("2026-10-25T00:00Z", "2026-10-26T02:00:00+01:00"),
        ("2026-10-25T01:00Z", "2026-10-26T02:00:00+01:00"),
    ],
)
def test_next(after, fire):
    """The next fire time is later than now, even if now is a fire time."""
    assert Schedule("0 2 * * *", "Europe/Paris").next(after).isoformat() == fire


@pytest.mark.parametrize(
    ("before", "fire"),
    [
        ("2026-01-01T02:00", "2025-12-31T02:00:00+01:00"),
        ("2026-01-01T02:00:00.5", "2026-01-01T02:00:00+01:00"),
        ("2026-03-29T03:00", "2026-03-28T02:00:00+01:00"),
        ("2026-03-29T03:01", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T01:30Z", "2026-10-25T02:00:00+02:00"),
    ],
)
def test_previous(before, fire):
    """The previous fire time is earlier than now, even if now is a fire time."""
    assert Schedule("0 2 * * *", "Europe/Paris").previous(before).isoformat() == fire


def test_leap_day():
    """29 February comes every four years, but not in 2100."""
    schedule = Schedule("0 0 29 2 *")
    assert schedule.next("2096-03-01").isoformat() == "2104-02-29T00:00:00+00:00"
    assert schedule.previous("2104-02-29").isoformat() == "2096-02-29T00:00:00+00:00"


def test_a_thousand_years():
    """Fire times are computed only when they are needed."""
    begun = perf_counter()
    fires = Schedule("* * * * *", "Europe/Paris").fires("2026-01-01", "3026-01-01")
    assert iso(islice(fires, 5)) == [f"2026-01-01T00:0{minute}:00+01:00" for minute in range(5)]
    assert perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("direction", "at", "message"),
    [
        ("next", "9998-12-31T12:00", "has no fire time after 9998-12-31T12:00 before the year 9999"),
        ("previous", "1000-01-01T02:00", "has no fire time before 1000-01-01T02:00 from the year 1000 on"),
    ],
)
def test_end_of_the_calendar(direction, at, message):
    """There is no fire time before or after the years in which jobs can be due."""
    with pytest.raises(ScheduleError) as caught:
        getattr(Schedule("0 2 * * *"), direction)(at)
    assert str(caught.value) == f"schedule '0 2 * * *' {message}"


OUTSIDE = ["0001-01-01", "0001-12-31T23:59", "0999-12-31", "9999-01-01T00:01", "9999-12-31T23:59"]
QUESTIONS = {
    "fires from": lambda schedule, at: list(schedule.fires(at, "9998-01-01")),
    "fires to": lambda schedule, at: next(schedule.fires("2026-01-01", at)),
    "next": lambda schedule, at: schedule.next(at),
    "previous": lambda schedule, at: schedule.previous(at),
    "preview from": lambda schedule, at: Preview.from_schedule(schedule, start=at),
    "preview to": lambda schedule, at: Preview.from_schedule(schedule, start="2026-01-01", end=at),
}


@pytest.mark.parametrize("at", OUTSIDE)
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_outside_of_the_calendar(question, at, tz):
    """A time outside of these years is an error, and never a schedule that is not due."""
    with pytest.raises(TimeFormatError, match=f"{at}.* is (outside the years|not after the start)"):
        QUESTIONS[question](Schedule("0 0 31 12 *", tz), at)


@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_first_and_the_last_day(tz):
    """At both ends of these years, every fire time counts in every zone."""
    schedule = Schedule("0 */12 * * *", tz)
    first, last = ["1000-01-01T00:00", "1000-01-01T12:00"], ["9998-12-31T00:00", "9998-12-31T12:00"]
    assert [f"{at:%Y-%m-%dT%H:%M}" for at in schedule.fires("1000-01-01", "1000-01-02")] == first
    assert [f"{at:%Y-%m-%dT%H:%M}" for at in schedule.fires("9998-12-31", "9999-01-01")] == last
    assert f"{schedule.next('9998-12-31T11:00'):%Y-%m-%dT%H:%M}" == last[1]
    assert f"{schedule.previous('9999-01-01'):%Y-%m-%dT%H:%M}" == last[1]
    assert f"{schedule.previous('1000-01-01T11:00'):%Y-%m-%dT%H:%M}" == first[0]


def test_a_range_of_another_zone_has_the_whole_first_and_last_day():
    """In Kiritimati the last day of Honolulu is in the year after; Manila was two dates behind Juneau until 1844."""
    end = datetime(9999, 1, 1, tzinfo=zone("Pacific/Honolulu")).timestamp()
    assert len(list(Schedule("0 * * * *", "Pacific/Kiritimati").epochs(end - DAY, end))) == 24
    start = datetime(1000, 1, 1, tzinfo=zone("America/Juneau")).timestamp()
    assert len(list(Schedule("0 * * * *", "Asia/Manila").epochs(start, start + DAY))) == 24


@pytest.mark.parametrize("question", ["fires from", "next", "preview from"])
def test_the_end_of_the_calendar_begins_nothing(question):
    """The end of the last year ends a range, and is no time to begin at."""
    with pytest.raises(TimeFormatError, match=r"9999-01-01T00:00:00\+00:00 is outside the years"):
        QUESTIONS[question](Schedule("0 0 31 12 *"), "9999-01-01")


@pytest.mark.parametrize("tz", ["UTC", UTC, zone("UTC")], ids=["text", "datetime.UTC", "ZoneInfo"])
def test_utc(tz):
    """A schedule is in UTC by default, and UTC has several names."""
    assert Schedule("0 2 * * *", tz) == Schedule("0 2 * * *")
    assert repr(Schedule("0 2 * * *", tz)) == "Schedule('0 2 * * *', tz='UTC')"


@pytest.mark.parametrize("tz", [None, timezone(timedelta(hours=5, minutes=45))], ids=str)
def test_zone_without_rules(tz):
    """A fixed offset is not a named time zone: an error."""
    with pytest.raises(TimeFormatError) as caught:
        Schedule("0 2 * * *", tz)
    assert str(caught.value) == f"{tz!r} is not the name of a time zone; use a name such as 'UTC' or 'Europe/Paris'"


def test_unknown_zone():
    """The error for an unknown zone suggests a similar name."""
    with pytest.raises(TimeFormatError) as caught:
        Schedule("0 2 * * *", "Europe/Pari")
    assert str(caught.value) == "unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?"


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("tomorrow", "'tomorrow' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"),
        (
            "2026-03-29T02:30",
            (
                "2026-03-29T02:30:00 does not exist in Europe/Paris: clocks skip it; "
                "use 2026-03-29T03:00:00, when jobs due then fire, or add an offset"
            ),
        ),
    ],
)
def test_bad_time(time, message):
    """A time that cannot be parsed is an error at the call, not at the first fire time."""
    schedule = Schedule("0 2 * * *", "Europe/Paris")
    for ask in (schedule.next, schedule.previous, lambda at: schedule.fires(at, at)):
        with pytest.raises(TimeFormatError) as caught:
            ask(time)
        assert str(caught.value) == message


def test_value():
    """A schedule is a value: its text and its zone decide equality, hash and repr."""
    schedule = Schedule("0 2 * * *", "Europe/Paris")
    assert repr(schedule) == "Schedule('0 2 * * *', tz='Europe/Paris')"
    assert {schedule, Schedule("0 2 * * *", zone("Europe/Paris"))} == {schedule}
    assert schedule != Schedule("0 2 * * *")
    assert schedule != Schedule("@daily", "Europe/Paris")
    assert (schedule == "0 2 * * *") is False


CLOCK_NOTES = [
    (
        "*/20 2 * * *",
        "Europe/Paris",
        [
            "not due on 2026-03-29, on other days 3 times: clocks go forward",
            "due 6 times on 2026-10-25, on other days 3 times: clocks go back",
        ],
    ),
    (
        "*/20 3 * * *",
        "Europe/Helsinki",
        [
            "not due on 2026-03-29, on other days 3 times: clocks go forward",
            "due 6 times on 2026-10-25, on other days 3 times: clocks go back",
        ],
    ),
    (
        "30 */2 * * *",
        "America/New_York",
        ["due 11 times on 2026-03-08, on other days 12 times: clocks go forward"],
    ),
    (
        "*/30 1 * * SUN",
        "Australia/Lord_Howe",
        ["due 3 times on 2026-04-05, on other days 2 times: clocks go back"],
    ),
    ("*/20 3 * * *", "Europe/Paris", []),
    ("*/20 2 * * MON", "Europe/Paris", []),
    ("20,40 2 * * *", "Europe/Paris", []),
    ("*/20 * * * *", "Europe/Paris", []),
    ("*/20 2 * * *", "UTC", []),
    ("*/20 2 * * *", "Asia/Kolkata", []),
]


@pytest.mark.parametrize(("expression", "zone", "notes"), CLOCK_NOTES)
def test_days_on_which_clocks_change_the_number(expression, zone, notes):
    """A schedule that follows elapsed time in some hours says on which days it is due more or less often."""
    assert Schedule(expression, zone).clock_notes("2026-01-01") == notes
