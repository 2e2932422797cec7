"""What people write as a schedule that is not cron, and what the error says to write instead."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.schedule.dialects import every_minutes
from sbh_jobkit.schedule.schedule import Schedule

LOOK = "and let the job look when it ran last (last_run_at in plugin_jobs)"
INSTEAD = {
    # spaces
    "0 22, 10 * * *": "there is a space beside ',': write '0 22,10 * * *'",
    "0 9 * * 1 - 5": "there is a space beside '-': write '0 9 * * 1-5'",
    "0 9 * * MON, WED, FRI": "there is a space beside ',': write '0 9 * * MON,WED,FRI'",
    "* / 15 * * * *": "there is a space beside '/': write '*/15 * * * *'",
    "0 8 ,20 * * *": "there is a space beside ',': write '0 8,20 * * *'",
    # a zone
    "CRON_TZ=America/New_York 0 9 * * 1-5": "write '0 9 * * 1-5', and the zone into plugin.json: \"timezone\": "
    '"America/New_York"',
    "TZ=Europe/Paris @daily": 'write \'@daily\', and the zone into plugin.json: "timezone": "Europe/Paris"',
    'TZ="UTC" 5 4 * * *': 'write \'5 4 * * *\', and the zone into plugin.json: "timezone": "UTC"',
    # intervals
    "@every 5m": "write '*/5 * * * *'",
    "@every 1m": "write '* * * * *'",
    "@every 60m": "write '0 * * * *'",
    "@EVERY 2h": "write '0 */2 * * *'",
    "@every 24h": "write '0 0 * * *'",
    "@every 1h30m": "cron cannot say every 90 minutes: '0 0-23/3 * * *' and '30 1-23/3 * * *' alternate",
    "@every 45m": f"cron cannot say every 45 minutes: write '*/15 * * * *', {LOOK}",
    "@every 30s": "cron has no seconds: the most frequent is '* * * * *', every minute",
    "rate(5 minutes)": "write '*/5 * * * *'",
    "rate(1 hour)": "write '0 * * * *'",
    "rate(7 days)": "write '0 0 * * 0'",
    # EventBridge
    "cron(0/5 * * * ? *)": "that is EventBridge's form: write '*/5 * * * *'",
    "cron(0 9 ? * 2-6 *)": "that is EventBridge's form: write '0 9 * * 1-5'",
    "cron(15 10 ? * MON-FRI 2026)": "that is EventBridge's form: write '15 10 * * MON-FRI', and let the job look at "
    "the year (2026)",
    # seconds and years
    "0 0 4 * * ?": "that is cron with seconds (Quartz): write '0 4 * * *'",
    "0 0 4 * * *": "that is cron with seconds: write '0 4 * * *'",
    "0 15 10 ? * 2-6": "that is cron with seconds (Quartz): write '15 10 * * 1-5'",
    "0 0/10 * * * ? *": "that is cron with seconds (Quartz): write '*/10 * * * *'",
    "*/30 * * * * *": "that is cron with seconds, and cron is due once a minute at most: write '* * * * *'",
    "0 12 1 1 * 2026": "that is cron with a year: write '0 12 1 1 *', and let the job look at the year (2026)",
    # what stands around a line of a crontab
    "0 9 * * * # daily": "leave the comment out: write '0 9 * * *'",
    "@weekly   # on Sundays": "leave the comment out: write '@weekly'",
    "0 2 * * * /usr/bin/backup --all": "a schedule has no command: write '0 2 * * *'",
    "*/5 * * * * root run-parts /etc/cron": "a schedule has no command: write '*/5 * * * *'",
    "@daily 5": "write '@daily' alone",
    # in words
    "every day at 9": "did you mean '0 9 * * *'?",
    "every monday": "did you mean '0 0 * * 1'?",
    "Mondays at 9:30": "did you mean '30 9 * * 1'?",
    "on weekdays at 5pm": "did you mean '0 17 * * 1-5'?",
    "weekend at noon": "did you mean '0 12 * * 0,6'?",
    "every  Thursday 12am": "did you mean '0 0 * * 4'?",
    "hourly at 5": "did you mean '5 * * * *'?",
    "every hour at :30": "did you mean '30 * * * *'?",
    "never": "a job that only a person starts has no schedule: leave it out",
    "By hand": "a job that only a person starts has no schedule: leave it out",
    "-": "a job that only a person starts has no schedule: leave it out",
    # a zone behind it, and several at once
    "0 9 * * * UTC": 'write \'0 9 * * *\', and the zone into plugin.json: "timezone": "UTC"',
    "@daily Europe/Paris": 'write \'@daily\', and the zone into plugin.json: "timezone": "Europe/Paris"',
    "0 9 * * 1 (America/New_York)": "write '0 9 * * 1', and the zone into plugin.json: \"timezone\": "
    '"America/New_York"',
    "0 9 * * 1;0 10 * * 2": "a job has one schedule: give '0 9 * * 1' to this one, and '0 10 * * 2' to a second job",
    "0 9 * * 1 | @daily": "a job has one schedule: give '0 9 * * 1' to this one, and '@daily' to a second job",
    "0 9 * * 1\n@daily\n": "a job has one schedule: give '0 9 * * 1' to this one, and '@daily' to a second job",
    "0 9 * * 1 and @daily": "a job has one schedule: give '0 9 * * 1' to this one, and '@daily' to a second job",
    '"0 9 * * *"': "leave out the quotation marks: write '0 9 * * *'",
    "'@hourly'": "leave out the quotation marks: write '@hourly'",
    "`*/5 * * * *`": "leave out the quotation marks: write '*/5 * * * *'",
    "\u201c0 9 * * 1\u201d": "leave out the quotation marks: write '0 9 * * 1'",
    # words
    "every 5 minutes": "did you mean '*/5 * * * *'?",
    "every minute": "did you mean '* * * * *'?",
    "Every 2 hours": "did you mean '0 */2 * * *'?",
    "every day": "did you mean '0 0 * * *'?",
    "every week": "did you mean '0 0 * * 0'?",
    "every month": "did you mean '@monthly'?",
    "every other day": f"cron cannot say every 2 days: write '0 0 * * *', {LOOK}",
    "daily": "did you mean '@daily'?",
    "hourly": "did you mean '@hourly'?",
    "Midnight": "did you mean '@midnight'?",
    "9:00": "did you mean '0 9 * * *'?",
    "daily at 17:30": "did you mean '30 17 * * *'?",
    "at 9am": "did you mean '0 9 * * *'?",
    "12am": "did you mean '0 0 * * *'?",
    "noon": "did you mean '0 12 * * *'?",
    "@noon": "did you mean '0 12 * * *'?",
    "At Midnight": "did you mean '0 0 * * *'?",
    "daily at noon": "did you mean '0 12 * * *'?",
    "noon every day": "did you mean '0 12 * * *'?",
    "nightly": "did you mean '0 0 * * *'?",
    "nightly at 2:30am": "did you mean '30 2 * * *'?",
    "weekly at 9:00": "did you mean '0 9 * * 0'?",
    "monthly at noon": "did you mean '0 12 1 * *'?",
    "quarterly": "did you mean '0 0 1 */3 *'?",
    "15m": "did you mean '*/15 * * * *'?",
    "2 hours": "did you mean '0 */2 * * *'?",
    "1d": "did you mean '0 0 * * *'?",
    "30s": "cron has no seconds: the most frequent is '* * * * *', every minute",
    # signs in a field
    "H/15 * * * *": "minute 'H/15' uses 'H' (hashed), which is not standard cron; write a minute of your own, such as "
    "7-59/15",
    "0 H * * *": "hour 'H' uses 'H' (hashed), which is not standard cron; write an hour of your own, such as 3",
    "0 0 ? * MON": "day-of-month '?' uses '?' (no value), which is not standard cron; write *",
    "0 0 L * *": "day-of-month 'L' uses 'L' (last day), which is not standard cron; write 28-31, and let the job look "
    "whether tomorrow is the 1st",
    "0 0 * * FRI#3": "day-of-week 'FRI#3' uses '#' (nth weekday), which is not standard cron; write FRI, and let the "
    "job look whether the day is 15 to 21",
    "0 22-2 * * *": "hour range 22-2 runs backwards; write two ranges: 22-23,0-2",
    "0 0 31 2 *": "day 31 does not exist in month 2, so it never fires; without a schedule a job runs by hand",
}
UNKNOWN = {
    "every full moon": "it has 3 fields; cron has five",
    "sometimes": "it has 1 field; cron has five",
    "@every day": "it has 2 fields; cron has five",
    "cron(0 9 * * *)": "it has 5 fields; cron has five",
    "25:00": "it has 1 field; cron has five",
    "99 99 99 99 99 99": "it has 6 fields; cron has five",
    "0 0 L * * ?": "it has 6 fields; cron has five",
    "@every 0m": "it has 2 fields; cron has five",
    "every 999999999 days": "it has 3 fields; cron has five",
}


def refusal(expression: str) -> str:
    """Return the end of the error for an expression."""
    with pytest.raises(ScheduleError) as caught:
        Schedule(expression)
    start, middle, why = str(caught.value).partition(" is not cron: ")
    assert (start, middle) == (f"schedule {expression!r}", " is not cron: ")
    return why


@pytest.mark.parametrize(("expression", "instead"), INSTEAD.items(), ids=INSTEAD)
def test_what_to_write_instead(expression, instead):
    """The error of what is not cron says what it is, and what to write."""
    assert refusal(expression) == instead


@pytest.mark.parametrize("expression", [each for each, text in INSTEAD.items() if re.search("(write|mean) '", text)])
def test_what_is_suggested_is_cron(expression):
    """What stands in quotation marks behind `write` or `mean` is a schedule."""
    (text,) = re.findall(r"(?:write|mean) '([^']+)'", refusal(expression))
    assert Schedule(text).next("2026-01-01")


@pytest.mark.parametrize(("expression", "why"), UNKNOWN.items(), ids=UNKNOWN)
def test_what_is_of_no_dialect(expression, why):
    """Without a good guess the error names the fields, as ever."""
    found = refusal(expression)
    assert found.startswith(why) or (expression.startswith("cron(") and "minute 'cron(0'" in found)


@pytest.mark.parametrize("minutes", [1, 2, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440])
def test_an_interval_that_cron_can_say(minutes):
    """What is advised is due exactly so often."""
    (text,) = re.findall(r"'([^']+)'", every_minutes(minutes))
    start, end = 1_767_225_600, 1_767_571_200
    assert list(Schedule(text).epochs(start, end)) == list(range(start, end, minutes * 60))


@pytest.mark.parametrize("minutes", [40, 80, 90, 150 * 96, 160, 288])
def test_an_interval_of_several_schedules(minutes):
    """Schedules that alternate are together due exactly so often; where that takes too many, one is advised."""
    advice = every_minutes(minutes)
    texts = re.findall(r"'([^']+)'", advice)
    start, end = 1_767_225_600, 1_767_571_200
    due = sorted(each for text in texts for each in Schedule(text).epochs(start, end))
    if "alternate" in advice:
        assert due == list(range(start, end, minutes * 60))
    else:
        assert (len(texts), "last_run_at" in advice) == (1, True)


@given(st.integers(1, 100_000))
@settings(max_examples=300, deadline=None)
def test_any_interval_has_advice(minutes):
    """Every interval is answered by schedules."""
    texts = re.findall(r"'([^']+)'", every_minutes(minutes))
    assert texts
    assert all(Schedule(text).next("2026-01-01") for text in texts)


@given(
    st.lists(
        st.sampled_from(
            [
                *"*?LWH#,-/0159",
                "@every",
                "5m",
                "rate(",
                "cron(",
                ")",
                "TZ=UTC",
                '"',
                "MON",
                "every",
                "minutes",
                "#",
                "2026",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
@settings(max_examples=300, deadline=None)
def test_any_words(text):
    """Whatever stands beside one another is a schedule or one line of text."""
    try:
        shown = repr(Schedule(text))
    except ScheduleError as error:
        shown = str(error)
    assert shown.isprintable()
