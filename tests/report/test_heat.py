"""The heat map."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.heatmap import busiest_minute, heatmap

PARIS = ZoneInfo("Europe/Paris")
JANUARY = Axis(datetime(2026, 1, 1, tzinfo=PARIS), datetime(2026, 1, 31, tzinfo=PARIS))


def titles(html):
    """List the titles of the cells that have runs."""
    return re.findall(r'class="l\d" title="([^"]*)"', html)


def test_a_cell_tells_the_average_of_its_hour(ran):
    """Two runs on one of four Mondays are half a run an hour."""
    runs = [ran("a", "2026-01-05T02:00+01:00"), ran("b", "2026-01-05T02:59+01:00")]
    assert titles(heatmap(runs, JANUARY)) == ["Mon 02:00: 0.5 an hour on average, 2 runs in 4 hours"]


def test_the_strip_has_seven_days_of_24_hours(ran):
    """Every hour of the week has a cell that a reader can ask, also without runs."""
    html = heatmap([ran("a", "2026-01-05T02:00+01:00")], JANUARY)
    assert len(re.findall(r'<td[^>]* title="', html)) == 7 * 24
    assert re.findall(r'<th scope="row">(\w+)', html) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def test_hours_are_those_of_the_zone(ran):
    """A fire time given in UTC counts in the hour that clocks on the wall show."""
    assert titles(heatmap([ran("a", "2026-01-05T23:30Z")], JANUARY)) == [
        "Tue 00:00: 0.25 an hour on average, 1 run in 4 hours"
    ]


def test_an_hour_that_clocks_repeat_counts_twice(ran):
    """On the day clocks go back there are two hours from 02:00, each with its run."""
    day = Axis(datetime(2026, 10, 25, tzinfo=PARIS), datetime(2026, 10, 26, tzinfo=PARIS))
    runs = [ran("a", "2026-10-25T02:30+02:00"), ran("a", "2026-10-25T02:30+01:00")]
    html = heatmap(runs, day)
    assert titles(html) == ["Sun 02:00: 1 an hour on average, 2 runs in 2 hours"]
    assert 'class="never" title="Mon 00:00 is not in the range"' in html


def test_the_busiest_minute_is_named_with_its_jobs(ran):
    """The text has the time, the number of runs and their jobs."""
    runs = [
        ran("cleanup", "2026-01-05T02:00:00+01:00"),
        ran("kpi<", "2026-01-05T02:00:30+01:00"),
        ran("sync", "2026-01-06T03:00+01:00"),
    ]
    assert busiest_minute(runs, JANUARY) == (
        "Busiest minute: <strong>02:00 on 2026-01-05</strong> (Mon), <strong>2 runs at once</strong>: cleanup, kpi&lt;."
    )


def test_other_minutes_as_busy_are_counted(ran):
    """The text counts them."""
    runs = [ran(job, f"2026-01-0{day}T02:00+01:00") for day in (1, 2, 3) for job in "abcdefg"]
    assert busiest_minute(runs, JANUARY).endswith(": a, b, c, d, e and 2 more. 2 other minutes are as busy.")


def test_what_is_usual_is_no_busiest_minute(ran):
    """Beyond nine other minutes as busy the number is left out: the text has the maximum and the first time."""
    runs = [ran(job, f"2026-01-{day:02}T02:00+01:00") for day in range(1, 12) for job in "ab"]
    assert busiest_minute(runs, JANUARY) == (
        "At most <strong>2 runs at once</strong>, first at <strong>02:00 on 2026-01-01</strong> (Thu): a, b."
    )
    assert busiest_minute(runs[:20], JANUARY).endswith(": a, b. 9 other minutes are as busy.")


def test_no_pile_up_is_said(ran):
    """One run in each minute is not a peak, and without runs there is no heat map."""
    assert busiest_minute([ran("a", "2026-01-05T02:00Z")], JANUARY) == "No two runs start in the same minute."
    assert heatmap([], JANUARY) == "<p>No run was due, so no hour is busier than another.</p>"


def test_attempts_at_one_fire_time_are_no_load_at_once(ran):
    """They start one after another, and the fire time is due once; a run that did not start is no load at all."""
    attempts = [
        ran(
            "a", "2026-01-05T02:00+01:00", attempt=number, started_at=datetime(2026, 1, 5, 2, 10 * number, tzinfo=PARIS)
        )
        for number in (1, 2, 3)
    ]
    skipped = ran("a", "2026-01-05T02:10+01:00", "skipped", started_at=None)
    assert busiest_minute([*attempts, skipped], JANUARY) == "No two runs start in the same minute."
    assert titles(heatmap(attempts, JANUARY)) == ["Mon 02:00: 0.25 an hour on average, 1 run in 4 hours"]
    assert busiest_minute([skipped, skipped], JANUARY) == "No two runs start in the same minute."
