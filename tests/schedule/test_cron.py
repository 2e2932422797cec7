"""Which expressions are cron and what they mean; every error message is compared whole."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule.cron import Cron, parse
from sbh_jobkit.schedule.schedule import Schedule

SHAPE = "minute hour day-of-month month day-of-week"
NAMES = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"

NOT = "which is not standard cron"
TOMORROW = f"{NOT}; write 28-31, and let the job look whether tomorrow is the 1st"
LOOK = "and let the job look whether"
ONE_OF = "and let the job look which of them is the weekday"

REFUSED = [
    # how many fields
    ("", f"it has 0 fields; cron has five: {SHAPE}"),
    ("  \t\n", f"it has 0 fields; cron has five: {SHAPE}"),
    ("*", f"it has 1 field; cron has five: {SHAPE}"),
    ("0 2 * *", f"it has 4 fields; cron has five: {SHAPE}"),
    ("0 0 2 * * *", "that is cron with seconds: write '0 2 * * *'"),
    (
        "0 0 2 * * * 2026",
        "that is cron with seconds (Quartz): write '0 2 * * *', and let the job look at the year (2026)",
    ),
    ("0 2 * * * /usr/bin/env python job.py", "a schedule has no command: write '0 2 * * *'"),
    ("99 99 99 99 99 99", f"it has 6 fields; cron has five, without seconds and years: {SHAPE}"),
    ("99 99 99 99 99 99 99", f"it has 7 fields; cron has five, without seconds and years: {SHAPE}"),
    ("99 99 99 99 99 99 99 99", f"it has 8 fields; cron has five: {SHAPE}"),
    # bounds
    ("60 * * * *", "minute 60 is outside 0-59"),
    ("0-60 * * * *", "minute 60 is outside 0-59"),
    ("0,15,75 * * * *", "minute 75 is outside 0-59"),
    ("99999999999999999999 * * * *", "minute 99999999999999999999 is outside 0-59"),
    ("* 24 * * *", "hour 24 is outside 0-23"),
    ("* 8-24 * * *", "hour 24 is outside 0-23"),
    ("* * 0 * *", "day-of-month 0 is outside 1-31"),
    ("* * 32 * *", "day-of-month 32 is outside 1-31"),
    ("* * * 0 *", "month 0 is outside 1-12"),
    ("* * * 13 *", "month 13 is outside 1-12"),
    ("* * * 13/2 *", "month 13 is outside 1-12"),
    ("* * * * 8", "day-of-week 8 is outside 0-7"),
    ("* * * * 1-8", "day-of-week 8 is outside 0-7"),
    # names
    ("JAN * * * *", "minute 'JAN' is not a number"),
    ("0x5 * * * *", "minute '0x5' is not a number"),
    ("1_0 * * * *", "minute '1_0' is not a number"),
    ("* * * MON *", "month 'MON' is not a number or a name"),
    ("* * * JANUARY *", "month 'JANUARY' is not a number or a name; did you mean 'JAN'?"),
    ("* * * * TEU", "day-of-week 'TEU' is not a number or a name; did you mean 'TUE'?"),
    ("* * * * FR", "day-of-week 'FR' is not a number or a name; did you mean 'FRI'?"),
    ("* * * * Monday", "day-of-week 'Monday' is not a number or a name; did you mean 'MON'?"),
    ("* * * * MON-FIR", "day-of-week 'FIR' is not a number or a name; did you mean 'FRI'?"),
    # ranges
    ("10-5 * * * *", "minute range 10-5 runs backwards; write two ranges: 10-59,0-5"),
    ("* 22-2 * * *", "hour range 22-2 runs backwards; write two ranges: 22-23,0-2"),
    ("* * 28-3 * *", "day-of-month range 28-3 runs backwards; write two ranges: 28-31,1-3"),
    ("* * * NOV-FEB *", "month range NOV-FEB runs backwards; write two ranges: 11-12,1-2"),
    ("* * * * FRI-MON", "day-of-week range FRI-MON runs backwards; write two ranges: 5-6,0-1"),
    ("* * * * 6-0", "day-of-week range 6-0 runs backwards; write two ranges: 6,0"),
    ("20-10/2 * * * *", "minute range 20-10 runs backwards; write two ranges: 20-59,0-10"),
    # steps
    ("*/0 * * * *", "minute step '0' is not a whole number of at least 1"),
    ("*/00 * * * *", "minute step '00' is not a whole number of at least 1"),
    ("*/x * * * *", "minute step 'x' is not a whole number of at least 1"),
    ("*/15/2 * * * *", "minute '*/15/2' is not a value, a range or a step, such as 5, 1-5 or */5"),
    # a start with a step on weekdays
    ("* * * * 5/2", "day-of-week '5/2' is ambiguous: a week ends on 6 or on 7; list the days, such as 5"),
    ("* * * * 1/2", "day-of-week '1/2' is ambiguous: a week ends on 6 or on 7; list the days, such as 1,3,5"),
    ("* * * * SUN/3", "day-of-week 'SUN/3' is ambiguous: a week ends on 6 or on 7; list the days, such as 0,3,6"),
    (
        "* * * * 0,mon/2",
        "day-of-week 'mon/2' is ambiguous: a week ends on 6 or on 7; list the days, such as 1,3,5",
    ),
    # stars in a range or a list
    ("*,5 * * * *", "minute '*' uses '*' in a range or a list; write '*' alone for every minute"),
    ("* *-5 * * *", "hour '*-5' uses '*' in a range or a list; write '*' alone for every hour"),
    # parts that cannot be read
    ("1,,2 * * * *", "minute '' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("1- * * * *", "minute '1-' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("-1 * * * *", "minute '-1' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("1-2-3 * * * *", "minute '1-2-3' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("1.5 * * * *", "minute '1.5' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("/5 * * * *", "minute '/5' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("*/ * * * *", "minute '*/' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("\x00 * * * *", "minute '\\x00' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ("* * * * \x1b[31m", "day-of-week '\\x1b[31m' is not a value, a range or a step, such as 5, 1-5 or */5"),
    # other dialects
    (
        "0 0 L * *",
        f"day-of-month 'L' uses 'L' (last day), {TOMORROW}",
    ),
    (
        "0 0 l * *",
        f"day-of-month 'l' uses 'L' (last day), {TOMORROW}",
    ),
    (
        "0 0 LW * *",
        f"day-of-month 'LW' uses 'L' (last day), {TOMORROW}",
    ),
    (
        "0 0 last * *",
        f"day-of-month 'last' uses 'L' (last day), {TOMORROW}",
    ),
    ("0 0 * * last", "day-of-week 'last' is not a number or a name"),
    ("zero 0 * * *", "minute 'zero' is not a number"),
    ("0 twelve * * *", "hour 'twelve' is not a number"),
    ("0 0 lwh * *", "day-of-month 'lwh' is not a number"),
    (
        "0 0 L-3 * *",
        f"day-of-month 'L' uses 'L' (last day), {TOMORROW}",
    ),
    (
        "0 0 * * 5L",
        f"day-of-week '5L' uses 'L' (last day), {NOT}; write 5, {LOOK} it is another month a week later",
    ),
    ("0 0 * * L", f"day-of-week 'L' uses 'L' (last day), {NOT}; use numbers"),
    *(
        (
            f"0 0 {day}W * *",
            f"day-of-month '{day}W' uses 'W' (nearest weekday), {NOT}; write {days}, {ONE_OF}",
        )
        for day, days in {2: "1-3", 15: "14-16", 30: "29-31"}.items()
    ),
    *(
        (f"0 0 {day}W * *", f"day-of-month '{day}W' uses 'W' (nearest weekday), {NOT}; use numbers")
        for day in ("", "1", "31")
    ),
    (
        "0 0 * * 1#2",
        f"day-of-week '1#2' uses '#' (nth weekday), {NOT}; write 1, and let the job look whether the day is 8 to 14",
    ),
    (
        "0 0 * * FRI#2",
        f"day-of-week 'FRI#2' uses '#' (nth weekday), {NOT}; write FRI, {LOOK} the day is 8 to 14",
    ),
    ("0 0 * * #2", f"day-of-week '#2' uses '#' (nth weekday), {NOT}; use numbers"),
    ("0 0 ? * 1", "day-of-month '?' uses '?' (no value), which is not standard cron; write *"),
    ("0 0 1 * ?", "day-of-week '?' uses '?' (no value), which is not standard cron; write *"),
    ("H * * * *", "minute 'H' uses 'H' (hashed), which is not standard cron; write a minute of your own, such as 7"),
    (
        "H/15 * * * *",
        "minute 'H/15' uses 'H' (hashed), which is not standard cron; write a minute of your own, such as 7-59/15",
    ),
    (
        "h/15 * * * *",
        "minute 'h/15' uses 'H' (hashed), which is not standard cron; write a minute of your own, such as 7-59/15",
    ),
    (
        "H(0-29)/10 * * * *",
        f"minute 'H(0-29)/10' uses 'H' (hashed), {NOT}; write a minute of your own, such as 7-29/10",
    ),
    ("0 R(1-5) * * *", "hour 'R(1-5)' uses 'R' (random), which is not standard cron; use numbers"),
    # names for a whole expression
    ("@reboot", "'@reboot' is not a time; use five fields, such as '0 2 * * *'"),
    (" @REBOOT", "'@reboot' is not a time; use five fields, such as '0 2 * * *'"),
    ("@dayly", "unknown name '@dayly'; did you mean '@daily'?"),
    ("@foo", f"unknown name '@foo'; use one of {NAMES}"),
    ("@every 5m", "write '*/5 * * * *'"),
    # not text, or not such text
    (None, "it is of type NoneType; write text such as '0 2 * * *'"),
    (5, "it is of type int; write text such as '0 2 * * *'"),
    (b"0 2 * * *", "it is of type bytes; write text such as '0 2 * * *'"),
    ("0 2 * * \u0663", "it contains '\u0663'; use ASCII characters only"),
    ("0\xa02 * * *", "it contains '\\xa0'; use ASCII characters only"),
    # dates that never come
    (
        "0 0 31 2 *",
        "day 31 does not exist in month 2, so it never fires; without a schedule a job runs by hand",
    ),
    (
        "0 0 30 FEB *",
        "day 30 does not exist in month FEB, so it never fires; without a schedule a job runs by hand",
    ),
    (
        "0 0 30-31 2 *",
        "day 30 does not exist in month 2, so it never fires; without a schedule a job runs by hand",
    ),
    (
        "0 0 31 4,6,9,11 *",
        "day 31 does not exist in month 4,6,9,11, so it never fires; without a schedule a job runs by hand",
    ),
]

LONG = [
    (
        "0," * 128 + "0 * * * *",
        "'0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0…",
        "it is 265 characters long; use at most 256",
    ),
    (f"0 2 * * * /{'x' * 245}", f"'0 2 * * * /{'x' * 48}…", "a schedule has no command: write '0 2 * * *'"),
    (f"0 2 * * * /{'x' * 246}", f"'0 2 * * * /{'x' * 48}…", "it is 257 characters long; use at most 256"),
    ("0 " * 127, f"'{'0 ' * 127}'", f"it has 127 fields; cron has five: {SHAPE}"),
    ("0 " * 127 + "0", f"'{'0 ' * 29}0…", f"it has 128 fields; cron has five: {SHAPE}"),
    (
        ["0 2 * * *"] * 100,
        "['0 2 * * *', '0 2 * * *', '0 2 * * *', '0 2 * * *', '0 2 * …",
        "it is of type list; write text such as '0 2 * * *'",
    ),
]

STEPS = [
    ("*/60 * * * *", "0 * * * *", "minute step 60 is longer than the range 0-59, so only 0 matches"),
    ("5/55 * * * *", "5 * * * *", "minute step 55 is longer than the range 5-59, so only 5 matches"),
    ("5-10/6 * * * *", "5 * * * *", "minute step 6 is longer than the range 5-10, so only 5 matches"),
    ("5-8/4 * * * *", "5 * * * *", "minute step 4 is longer than the range 5-8, so only 5 matches"),
    ("45/15 * * * *", "45 * * * *", "minute step 15 is longer than the range 45-59, so only 45 matches"),
    ("59/2 * * * *", "59 * * * *", "minute step 2 is longer than the range 59-59, so only 59 matches"),
    ("4 2-23/24 * * *", "4 2 * * *", "hour step 24 is longer than the range 2-23, so only 2 matches"),
    ("0 */24 * * *", "0 0 * * *", "hour step 24 is longer than the range 0-23, so only 0 matches"),
    ("0 0 */31 * *", "0 0 1 * *", "day-of-month step 31 is longer than the range 1-31, so only 1 matches"),
    ("0 0 */40 * *", "0 0 1 * *", "day-of-month step 40 is longer than the range 1-31, so only 1 matches"),
    ("0 0 1 */12 *", "0 0 1 1 *", "month step 12 is longer than the range 1-12, so only 1 matches"),
    ("0 0 * * */7", "0 0 * * 0", "day-of-week step 7 is longer than the range 0-6, so only 0 matches"),
    ("0 0 * * MON-FRI/9", "0 0 * * 1", "day-of-week step 9 is longer than the range 1-5, so only 1 matches"),
    (
        "*/99999999999 * * * *",
        "0 * * * *",
        "minute step 99999999999 is longer than the range 0-59, so only 0 matches",
    ),
    ("*/100000 * * * *", "0 * * * *", "minute step 100000 is longer than the range 0-59, so only 0 matches"),
    (
        "*/90 * * * *",
        "0 * * * *",
        (
            "minute step 90 is longer than the range 0-59, so only 0 matches; cron cannot say every 90 minutes: "
            "'0 0-23/3 * * *' and '30 1-23/3 * * *' alternate"
        ),
    ),
    (
        "*/120 * * * *",
        "0 * * * *",
        "minute step 120 is longer than the range 0-59, so only 0 matches; write '0 */2 * * *'",
    ),
    (
        "*/100 * * * *",
        "0 * * * *",
        (
            "minute step 100 is longer than the range 0-59, so only 0 matches; cron cannot say every 100 minutes: "
            "write '0 * * * *', and let the job look when it ran last (last_run_at in plugin_jobs)"
        ),
    ),
    (
        "0 */36 * * *",
        "0 0 * * *",
        (
            "hour step 36 is longer than the range 0-23, so only 0 matches; cron cannot say every 36 hours: "
            "write '0 0 * * *', and let the job look when it ran last (last_run_at in plugin_jobs)"
        ),
    ),
    ("7-7/1 0 * * *", "7 0 * * *", None),
    ("0 0 1 DEC/1 *", "0 0 1 12 *", None),
]

MEANINGS = [
    ("0 2 * * *", "0 2 * * *", "the same text"),
    ("  0\t2 * *   *\n", "0 2 * * *", "any white space separates"),
    ("00 02 * * *", "0 2 * * *", "leading zeros are numbers"),
    ("0 2 * * *".rjust(256), "0 2 * * *", "the longest text"),
    ("@hourly", "0 * * * *", "a name"),
    ("@DAILY", "0 0 * * *", "a name in capitals"),
    ("@midnight", "@daily", "two names for one thing"),
    ("@weekly", "0 0 * * SUN", "a week begins on Sunday"),
    ("@monthly", "0 0 1 * *", "a name"),
    ("@yearly", "@annually", "two names for one thing"),
    ("0 0 * * 7", "0 0 * * 0", "7 is Sunday"),
    ("0 0 * * 0,7,SUN", "0 0 * * 0", "Sunday is Sunday"),
    ("0 0 * * 5-7", "0 0 * * 0,5,6", "7 ends a range"),
    ("0 0 * * fri-sun", "0 0 * * 0,5,6", "Sunday ends a range"),
    ("0 0 * * MON-SUN", "0 0 * * *", "Sunday ends the whole week"),
    ("0 0 * * SUN-TUE", "0 0 * * 0,1,2", "Sunday begins a range"),
    ("0 0 * * 5-7/2", "0 0 * * 0,5", "a range with a step ends on Sunday"),
    ("0 0 1 jan-Mar *", "0 0 1 1,2,3 *", "names in any case"),
    ("5/20 0 * * *", "5,25,45 0 * * *", "a start with a step runs to the end of the field"),
    ("10-50/20 0 * * *", "10,30,50 0 * * *", "a range with a step"),
    ("50,10,10-11 0 * * *", "10,11,50 0 * * *", "order and repetition do not count"),
    ("0 0 30 1,2 *", "0 0 30 1 *", "a day that only some of the months have"),
    ("0 0 31 1,2 *", "0 0 31 1 *", "the last day that a month has"),
    ("0 0 28,31 2 *", "0 0 28 2 *", "a list with a day that the month does not have"),
    ("0 0 31 2 1", "0 0 * 2 1", "a day that never comes, and a weekday that does"),
    ("0 0 30-31 2 0-6", "0 0 * 2 *", "days that never come, and every weekday"),
]

CRON_LETTERS = "0123456789*/-,LW#?HR@ \t\nJANSUMOFIDECTVPBYGWhlrwjansumofr_.()"


def refusal(expression: object) -> str:
    """Return the error message for an expression that is not cron."""
    with pytest.raises(ScheduleError) as caught:
        Schedule(expression)
    return str(caught.value)


def parse_or_explain(expression: str) -> None:
    """Parse any text: it has a next fire time or a one-line error message, and either takes less than two seconds."""
    started, message = perf_counter(), "schedule …"
    try:
        Schedule(expression).next("2026-01-01")
    except ScheduleError as error:
        message = str(error)
    assert message.startswith("schedule ")
    assert " has no fire time " not in message
    assert message.isprintable()
    assert len(message) < 1_000
    assert perf_counter() - started < 2


@pytest.mark.parametrize(("expression", "why"), REFUSED)
def test_refused(expression, why):
    """The error names the field, the value and what to do."""
    assert refusal(expression) == f"schedule {expression!r} is not cron: {why}"


@pytest.mark.parametrize(("expression", "shown", "why"), LONG)
def test_refused_in_short(expression, shown, why):
    """A very long expression is shortened in the error."""
    assert refusal(expression) == f"schedule {shown} is not cron: {why}"


@pytest.mark.parametrize(("expression", "same", "note"), STEPS)
def test_a_step_longer_than_its_range(expression, same, note):
    """It is accepted as Debian cron, croniter and cronsim read it, with a note that says what it comes to."""
    times = [list(Schedule(text).epochs(1_767_225_600, 1_798_761_600)) for text in (expression, same)]
    assert times[0] == times[1]
    assert parse(expression).notes == (() if note is None else (note,))


def test_two_schedules_that_alternate():
    """What the note of `*/90` advises is due every 90 minutes, all day and across midnight."""
    start, end = 1_767_225_600, 1_767_571_200
    due = sorted(each for text in ("0 0-23/3 * * *", "30 1-23/3 * * *") for each in Schedule(text).epochs(start, end))
    assert due == list(range(start, end, 90 * 60))


@pytest.mark.parametrize(("expression", "same", "_why"), MEANINGS)
def test_same_meaning(expression, same, _why):
    """Two ways to write the same schedule fire at the same times."""
    times = [list(Schedule(text).epochs(1_767_225_600, 1_775_000_000)) for text in (expression, same)]
    assert times[0] == times[1]
    assert times[0]


@pytest.mark.parametrize(
    ("expression", "one"),
    [
        ("5-5 * * * *", "5 * * * *"),
        ("0 3-3,5 * * *", "0 3,5 * * *"),
        ("0 0 13-13 * *", "0 0 13 * *"),
        ("0 0 1 JAN-JAN *", "0 0 1 1 *"),
        ("0 0 * * 7-7", "0 0 * * 0"),
        ("0 0 * * SUN-SUN", "0 0 * * 0"),
        ("5/55 * * * *", "5 * * * *"),
    ],
)
def test_range_of_one(expression, one):
    """A range from a value to itself, or with a step beyond its end, is that value, as in Debian cron and cronsim."""
    assert parse(expression) == parse(one)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 0 * * WED#6", "day-of-week 'WED#6' uses '#' (nth weekday), which is not standard cron; use numbers"),
        ("0 0 * MAR- *", "month 'MAR-' is not a value, a range or a step, such as 5, 1-5 or */5"),
        ("0 0 * * WED-", "day-of-week 'WED-' is not a value, a range or a step, such as 5, 1-5 or */5"),
    ],
)
def test_names_are_not_a_dialect(expression, why):
    """The W of WED and the R of MAR are letters of a name, not signs of another cron dialect."""
    assert refusal(expression) == f"schedule {expression!r} is not cron: {why}"


@pytest.mark.parametrize(
    "weekdays",
    [
        "1/2",
        "SUN/3",
        "5/2",
        "6/2",
        "7/2",
        "FRI/3",
    ],
)
def test_suggested_days_are_valid(weekdays):
    """The days that the error suggests are valid cron."""
    advice = refusal(f"0 0 * * {weekdays}").partition("such as ")[2]
    assert parse(f"0 0 * * {advice}").weekdays


def test_whole_value():
    """An expression becomes sorted values; a day field that allows every day becomes None."""
    assert parse("30,0 2-3 * JAN,3 sun") == Cron(
        minutes=(0, 30),
        hours=(2, 3),
        days=None,
        months=frozenset({1, 3}),
        weekdays=frozenset({0}),
        fixed=True,
        debian_differs=False,
    )


@pytest.mark.parametrize(
    ("expression", "fixed"),
    [
        ("30 2 * * *", True),
        ("0,30 0-23 * * *", True),
        ("5/15 2 * * *", True),
        ("5,*/15 2 * * *", True),
        ("* 2 * * *", False),
        ("*/30 2 * * *", False),
        ("30 * * * *", False),
        ("30 */2 * * *", False),
        ("@daily", True),
        ("@hourly", False),
    ],
)
def test_fixed(expression, fixed):
    """A job has a fixed local time unless its minute or hour field begins with a star."""
    assert parse(expression).fixed is fixed


@pytest.mark.parametrize(
    ("expression", "differs"),
    [
        ("0 0 1,15 * 5", False),
        ("0 0 1 * *", False),
        ("0 0 * * 5", False),
        ("0 0 */2 * *", False),
        ("0 0 * * */2", False),
        ("0 0 1-31/2 * 5", False),
        ("0 0 15,*/10 * 5", False),
        ("0 0 */2 * 5", True),
        ("0 0 1 * */2", True),
        ("0 0 */10,15 * 5", True),
        ("0 0 */1 * 5", True),
        ("0 0 1,*/2 * 0-6", True),
        ("0 0 1-31 * 5,*/3", True),
    ],
)
def test_debian_differs(expression, differs):
    """Debian cron requires both day fields if one begins with a star, we if one allows every day: mostly the same."""
    assert parse(expression).debian_differs is differs


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text(expression):
    """Any text is a schedule or has a one-line error."""
    parse_or_explain(expression)


@given(st.text(CRON_LETTERS, max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_cron_letters(expression):
    """Any text of cron's characters is a schedule or has a one-line error."""
    parse_or_explain(expression)


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.just("*"),
                st.integers(0, 60).map(str),
                st.sampled_from(["SUN", "mon", "JAN", "dec", "7-7", "L", "5#1"]),
                st.from_regex(r"(\*|[0-9]{1,2})(-[0-9]{1,2})?(/[0-9]{1,2})?", fullmatch=True),
                st.text("0123456789*/-LW#?HRSUN", min_size=1, max_size=6),
            ),
            min_size=1,
            max_size=3,
        ).map(",".join),
        min_size=5,
        max_size=5,
    ).map(" ".join)
)
@settings(max_examples=300, deadline=None)
def test_any_five_fields(expression):
    """Any five fields are a schedule or have a one-line error."""
    parse_or_explain(expression)


@pytest.mark.parametrize(
    ("day", "month", "weekday", "due"), [(31, 2, 1, True), (1, 2, 0, False), (31, 1, 1, False), (31, 2, 2, True)]
)
def test_the_days_of_two_day_fields(day, month, weekday, due):
    """One match is enough, and the month must be right."""
    assert parse("* * 31 2 1").matches_day(day, month, weekday) is due


def test_every_minute_and_hour():
    """A star is sixty minutes and twenty-four hours."""
    cron = parse("* * * * *")
    assert (cron.minutes, cron.hours) == (tuple(range(60)), tuple(range(24)))
