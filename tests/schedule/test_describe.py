"""Schedules in English: a table, and properties that hold for any expression."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule.cron import parse
from sbh_jobkit.schedule.describe import describe
from sbh_jobkit.schedule.schedule import Schedule

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

ENGLISH = [
    # round the clock
    ("* * * * *", "every minute"),
    ("*/15 * * * *", "every 15 minutes"),
    ("0,30 * * * *", "every 30 minutes"),
    ("@hourly", "every hour, on the hour"),
    ("7 * * * *", "every hour at minute 7"),
    ("5/20 * * * *", "every hour at minutes 5, 25 and 45"),
    ("*/7 * * * *", "every hour, every 7 minutes from minute 0 to 56"),
    ("*/10 * * 6-8 *", "every 10 minutes, from June to August"),
    ("* * * * SAT", "every minute on Saturdays"),
    # lists that are ranges or steps
    ("1-59/2 * * * *", "every hour, every 2 minutes from minute 1 to 59"),
    ("3-58/5 * * * *", "every hour, every 5 minutes from minute 3 to 58"),
    ("6-22 * * * *", "every hour at minutes 6 to 22"),
    ("0-5,30-35,50 * * * *", "every hour at minutes 0 to 5, 30 to 35 and 50"),
    ("6 22 * * 0-4", "at 22:06, Sunday to Thursday"),
    ("6 22 * * FRI,SAT,SUN,MON", "at 22:06, Friday to Monday"),
    ("6 22 * * 1,3,5", "at 22:06 on Mondays, Wednesdays and Fridays"),
    ("3 1-23/3 * * *", "every 3 hours, from 01:03 to 22:03, every day"),
    ("3,33 1-23/3 * * *", "at minutes 3 and 33 of every 3rd hour from 1 to 22 every day"),
    ("*/10 */2 * * *", "every 10 minutes of every 2nd hour from 0 to 22 every day"),
    ("0,20 0-4,22,23 * * *", "at minutes 0 and 20 of the hours 0 to 4, 22 and 23, every day"),
    ("1-59/2 9 * * *", "every 2 minutes from minute 1 to 59 of the hour 9 every day"),
    ("0 9 1-7,15-21 * *", "at 09:00 on the 1st to 7th and 15th to 21st of the month"),
    ("0 9 1-20/3 * *", "at 09:00 on every 3rd day from the 1st to the 19th of the month"),
    ("0 9 * 1-3,6 *", "at 09:00 every day, in January to March and June"),
    ("0 9 * 4-9 *", "at 09:00 every day, from April to September"),
    # times of day
    ("@daily", "at 00:00 every day"),
    ("30 9,17 * * *", "at 09:30 and 17:30 every day"),
    ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00, every day"),
    ("0,30 2-4 * * *", "at 02:00, 02:30, 03:00, 03:30, 04:00 and 04:30, every day"),
    # hours in a row, hours at an even step, any other hours
    ("*/15 8-17 * * 1-5", "every 15 minutes from 08:00 to 17:45, Monday to Friday"),
    ("* 8 * * *", "every minute from 08:00 to 08:59 every day"),
    ("30 8-20 * * *", "every hour from 08:30 to 20:30 every day"),
    ("30 */2 * * *", "every 2 hours, from 00:30 to 22:30, every day"),
    ("0 */3 * * 1", "every 3 hours, from 00:00 to 21:00, on Mondays"),
    ("5 1-13/2 * * *", "every 2 hours, from 01:05 to 13:05, every day"),
    ("*/10 8,12 * * *", "every 10 minutes of the hours 8 and 12 every day"),
    # weekdays
    ("0 9 * * 1", "at 09:00 on Mondays"),
    ("0 9 * * 6,7", "at 09:00 on Saturdays and Sundays"),
    ("0 9 * * MON,WED,FRI", "at 09:00 on Mondays, Wednesdays and Fridays"),
    ("0 9 * * FRI-SUN", "at 09:00, Friday to Sunday"),
    ("0 9 * * SUN-TUE", "at 09:00, Sunday to Tuesday"),
    # days of the month
    ("0 9 1 * *", "at 09:00 on the 1st of the month"),
    ("0 9 2,3,11-13,21,22 * *", "at 09:00 on the 2nd, 3rd, 11th to 13th, 21st and 22nd of the month"),
    ("0 9 1-7 * *", "at 09:00 on the 1st to 7th of the month"),
    ("0 9 */2 * *", "at 09:00 on every 2nd day from the 1st of the month"),
    ("0 9 3/3 * *", "at 09:00 on every 3rd day from the 3rd of the month"),
    # one date, months, and both day fields, of which one is enough
    ("30 2 29 2 *", "at 02:30 on 29 February"),
    ("*/15 * 25 DEC *", "every 15 minutes on 25 December"),
    ("0 0 1 */3 *", "at 00:00 on the 1st of the month, in January, April, July and October"),
    ("0 0 * 1 *", "at 00:00 every day, in January"),
    ("0 0 1,15 * 5", "at 00:00 on the 1st and 15th of the month, and also on Fridays"),
    ("0 0 1 * 1-5", "at 00:00 on the 1st of the month, and also Monday to Friday"),
]

COMMAS = [
    ("0 */2 * * 1-5", "every 2 hours, from 00:00 to 22:00, Monday to Friday"),
    ("0 * * * 1", "every hour, on the hour, on Mondays"),
    ("0 * 1 6 *", "every hour, on the hour, on 1 June"),
]


# Values to describe, and ways to write them.


def values(low, high):
    """Draw sorted values of a field: all, one, a few, some in a row, a step."""
    one = st.integers(low, high)
    few = st.lists(one, min_size=1, max_size=8, unique=True)
    ends = st.tuples(one, one).map(sorted)
    step = st.tuples(one, st.integers(2, high - low)).map(lambda pair: range(pair[0], high + 1, pair[1]))
    in_a_row = ends.map(lambda pair: range(pair[0], pair[1] + 1))
    return st.one_of(st.just(range(low, high + 1)), one.map(lambda value: [value]), few, in_a_row, step).map(sorted)


CRONS = st.tuples(values(0, 59), values(0, 23), values(1, 31), values(1, 12), values(0, 6))


def compact(numbers, full):
    """Write values as a star or as ranges."""
    if len(numbers) == full:
        return "*"
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ",".join(f"{low}-{high}" if low < high else str(low) for low, high in zip(starts, ends, strict=True))


def spelled_out(draw, numbers, full, names=None):
    """Write values one by one in any order, in numbers or in names, with leading zeros, some of them twice."""
    if len(numbers) == full:
        return "*/1" if full in {60, 24, 12} else "*"  # a day field `*/1` counts as a restriction
    if len(numbers) > 12:  # an expression has at most 256 characters
        return compact(numbers, full)
    some = draw(st.permutations([*numbers, numbers[0]]))
    spelled = [draw(st.sampled_from([f"{number:02}", (names or {}).get(number, str(number))])) for number in some]
    return ",".join(spelled)


@st.composite
def written_twice(draw):
    """Return two expressions with equal values; an expression that never fires is left out."""
    numbers, sizes = draw(CRONS), (60, 24, 31, 12, 7)
    names = (None, None, None, dict(enumerate(MONTHS, 1)), {**dict(enumerate(WEEKDAYS)), 0: "7"})
    short = " ".join(map(compact, numbers, sizes))
    long = " ".join(spelled_out(draw, *field) for field in zip(numbers, sizes, names, strict=True))
    try:
        return short, long, parse(short), parse(long)
    except ScheduleError as error:
        if "so it never fires" not in str(error):
            raise
        reject()


# The table.


@pytest.mark.parametrize(("expression", "text"), ENGLISH)
def test_english(expression, text):
    """An expression has this text."""
    assert describe(parse(expression)) == text


@pytest.mark.parametrize(
    ("expression", "text"),
    COMMAS,
)
def test_commas(expression, text):
    """A text that already has a comma continues with one more."""
    assert describe(parse(expression)) == text


@pytest.mark.parametrize(
    ("expression", "zone", "text"),
    [
        ("30 17 * * MON-FRI", "America/New_York", "at 17:30, Monday to Friday (America/New_York)"),
        ("  0   2 * * * ", "UTC", "at 02:00 every day (UTC)"),
        ("@weekly", "Pacific/Apia", "at 00:00 on Sundays (Pacific/Apia)"),
    ],
)
def test_describe(expression, zone, text):
    """A schedule's description ends with its zone."""
    assert Schedule(expression, zone).describe() == text


def test_describe_in_any_locale():
    """The description is English, without a warning, on a machine without a locale too."""
    command = "from sbh_jobkit.schedule.schedule import Schedule; print(Schedule('0 9 * * 1').describe())"
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        env={**os.environ, "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "at 09:00 on Mondays (UTC)\n", "")


# What holds for any expression.


@given(written_twice())
@settings(max_examples=200, deadline=None)
def test_equal_values_have_one_text(expressions):
    """Any schedule is described in one line, and the text does not depend on how its values are written."""
    short, long, cron, same = expressions
    text = describe(cron)
    assert (text, short) == (describe(same), short), long
    assert text.isprintable()
    assert text == text.strip(" ,")
    assert "  " not in text


def test_different_values_have_different_texts():
    """No two schedules with different values have the same description."""
    minutes = ("0", "5", "0,5", "*/30", "*/10", "*")
    hours = ("0", "9", "9,17", "9-17", "*/2", "1-23/2", "*")
    days = ("*", "1", "1,15", "1-7", "*/2", "2/2")
    months = ("*", "1", "1,7", "1-11")
    weekdays = ("*", "0", "1-5", "0,6")
    expressions = map(" ".join, product(minutes, hours, days, months, weekdays))
    texts = [describe(parse(expression)) for expression in expressions]
    assert len(set(texts)) == len(texts) == 6 * 7 * 6 * 4 * 4


@pytest.mark.parametrize(
    ("expression", "zone", "text"),
    [
        (
            "*/20 3 * * *",
            "Europe/Helsinki",
            (
                "at 03:00, 03:20 and 03:40, every day; not due when clocks go forward, due 6 times when clocks go back"
                " (Europe/Helsinki)"
            ),
        ),
        (
            "*/30 2,3 * * *",
            "Europe/Paris",
            (
                "at 02:00, 02:30, 03:00 and 03:30, every day; due 2 times when clocks go forward, due 6 times when"
                " clocks go back (Europe/Paris)"
            ),
        ),
        (
            "*/30 1 * * *",
            "America/New_York",
            "at 01:00 and 01:30 every day; due 4 times when clocks go back (America/New_York)",
        ),
        (
            "*/30 2 * * 0",
            "America/New_York",
            "at 02:00 and 02:30 on Sundays; not due when clocks go forward (America/New_York)",
        ),
        ("*/30 2 * * 1", "America/New_York", "at 02:00 and 02:30 on Mondays (America/New_York)"),
        ("*/20 3 * * *", "UTC", "at 03:00, 03:20 and 03:40, every day (UTC)"),
        ("*/20 3 * * *", "Asia/Tokyo", "at 03:00, 03:20 and 03:40, every day (Asia/Tokyo)"),
        ("*/20 9 * * *", "Europe/Paris", "at 09:00, 09:20 and 09:40, every day (Europe/Paris)"),
        ("30 2 * * *", "Europe/Paris", "at 02:30 every day (Europe/Paris)"),
        ("*/30 * * * *", "Europe/Paris", "every 30 minutes (Europe/Paris)"),
        (
            "*/30 2 * * *",
            "Australia/Lord_Howe",
            "at 02:00 and 02:30 every day; due once when clocks go forward (Australia/Lord_Howe)",
        ),
    ],
)
def test_days_on_which_clocks_change(expression, zone, text):
    """A schedule that follows elapsed time in some hours says what it does on those days."""
    assert Schedule(expression, zone).describe() == text


def test_the_report_says_it_too():
    """The description of a job in a report is the same text."""
    schedule = Schedule("*/20 3 * * *", "Europe/Helsinki")
    assert "not due when clocks go forward" in schedule.describe()
    assert schedule.describe(clocks=False) == "at 03:00, 03:20 and 03:40, every day (Europe/Helsinki)"
