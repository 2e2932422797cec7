"""The timeline."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.timeline import choose_tracks, timeline
from sbh_jobkit.report.verdicts import SIGNS, sign_of
from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin

PARIS = ZoneInfo("Europe/Paris")
FOLD = Axis(datetime(2026, 10, 25, tzinfo=PARIS), datetime(2026, 10, 26, tzinfo=PARIS))


def counted(jobs, runs):
    """Return jobs with the counts of their runs."""
    listed = tuple(InstalledJob(name=name, schedule=None, english=None) for name in jobs)
    plugin = InstalledPlugin(path="p", slug="p", name="P", jobs=listed, start=FOLD.start, end=FOLD.end, zone=PARIS)
    plugin.add(runs, "acme")
    return plugin.jobs


def drawn(runs, axis=FOLD, jobs=(), sections=None):
    """Draw runs on the tracks of their jobs."""
    return timeline(counted(jobs, runs), runs, axis, sections or {})


def test_runs_of_one_verdict_are_one_path(ran):
    """A mark stands at each fire time, as a step from the one before; the axis is 50,000 units wide."""
    runs = [ran("a", f"2026-10-25T{hour}:00+01:00") for hour in ("04", "09", "14")]
    assert re.findall(r'<path class="marks ([^"]*)" d="([^"]*)"', drawn(runs)) == [
        ("v-ok", "M10000 28v-10m10000 10v-10m10000 10v-10")
    ]


def test_the_two_half_past_two_of_a_fold_are_two_marks(ran):
    """On the day clocks go back, equal local times stand an hour apart."""
    early = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)
    path = re.search(r' d="M(\d+) 28v-10m(\d+) 10v-10"', drawn([ran("a", early), ran("a", early.replace(fold=1))]))
    assert path
    assert [int(number) for number in path.groups()] == [5000, 2000]


def test_clock_changes_are_a_line(ran):
    """A dashed line marks the hour at which clocks go back."""
    assert "<title>Clocks change: Sun 2026-10-25 02:00 (+01:00)</title>" in drawn([ran("a", "2026-10-25T04:00Z")])


def test_a_run_with_a_section_is_a_link_that_names_it(ran):
    """A failing run can be reached by keyboard and has a label."""
    run = ran("a<b", datetime(2026, 10, 25, 12, 0, tzinfo=PARIS), "crashed")
    label = "a&lt;b, Sun 2026-10-25 12:00: crashed"
    html = drawn([run], sections={7: run})
    assert f'<a href="#run-7" aria-label="{label}"><title>{label}</title>' in html
    assert 'class="pin v-crashed" x="52%"' in html


def test_what_needs_a_look_is_taller(every_verdict):
    """Failing runs differ from the others in height, not only in colour."""
    short = {sign_of(run).verdict for run in every_verdict if run.ok}
    assert {sign.verdict for sign in SIGNS.values() if sign.reach < 1} == short
    assert [sign_of(run).verdict for run in every_verdict] == [run.verdict for run in every_verdict]
    shapes = [(sign.shape, sign.hollow) for sign in SIGNS.values()]
    assert len(set(shapes)) == len(shapes)


def test_expected_failures_that_lie_on_each_other_share_a_sign(ran):
    """Two within a few pixels are one sign in their middle that names both; every run keeps its mark."""
    hours = ("12:00", "12:10", "18:00")
    runs = [ran("a<b", f"2026-10-25T{hour}+01:00", "failed", expected=f"down at {hour[:2]} & so on") for hour in hours]
    html = drawn(runs)
    assert re.findall(r'<svg class="pin v-expected" x="([^"]*)".*?<title>(.*?)</title>', html) == [
        (
            "52.333%",
            "2 runs failed as expected: down at 12 &amp; so on (a&lt;b, Sun 2026-10-25 12:00 to Sun 2026-10-25 12:10)",
        ),
        ("76%", "1 run failed as expected: down at 18 &amp; so on (a&lt;b, Sun 2026-10-25 18:00)"),
    ]
    path = re.search(r'<path class="marks v-expected" d="([^"]*)"', html)
    assert path
    assert path[1].count("v-") == 3


def test_signs_of_expected_failures_are_few(ran):
    """A sign names three reasons, and two hundred tracks full of signs have two thousand of them at most."""
    runs = [
        ran(f"job_{job}", datetime(2026, 10, 25, hour, tzinfo=PARIS), "failed", expected=f"{hour}")
        for job in range(200)
        for hour in range(24)
    ]
    html = drawn(runs)
    assert 1_500 < html.count('class="pin v-expected"') <= 2_000
    four = [ran("a", "2026-10-25T12:00+01:00", "failed", expected=reason) for reason in "wxyz"]
    assert "<title>4 runs failed as expected: w; x; y; … (a, " in drawn(four)


def test_marks_that_touch_are_low_and_pale(ran):
    """Where runs fill a track their bar is thin, so that signs stand out; a mark that needs a look stays tall."""

    def marks(minutes, outcome):
        start = datetime(2026, 10, 25, tzinfo=PARIS).astimezone(UTC)
        html = drawn([ran("a", start + timedelta(minutes=at), outcome) for at in range(0, 1500, minutes)])
        return re.findall(r'<path class="marks ([^"]*)" d="M0 28v-(\d+)', html)

    assert marks(60, "ok") == [("v-ok", "10")]
    assert marks(5, "ok") == [("v-ok dense", "4")]
    assert marks(5, "failed") == [("v-failed dense", "25")]


def test_tracks_are_named_with_their_failures(ran):
    """The name of a track has the number of failed runs."""
    html = drawn([ran("a", "2026-10-25T04:00Z", "crashed")], jobs=["a", "b"])
    assert (
        '<ol class="names"><li title="a: 1 of 1 run failed"><span>a</span><b>1<i class="aloud"> failed</i></b></li>'
        '<li title="b: 0 runs"><span>b</span></li></ol>'
    ) in html


@pytest.mark.parametrize(("jobs", "height"), [(12, 30), (30, 22), (200, 14), (300, 14)])
def test_many_tracks_are_thinner(jobs, height):
    """Two hundred jobs still fit, each with its name."""
    names = [f"job_{number}" for number in range(jobs)]
    html = drawn([], jobs=names)
    assert f'class="scroll tracks h{height}"' in html
    assert html.count("<li ") == min(jobs, 200)


def test_tracks_without_room_are_announced(ran):
    """Of 300 jobs the failing ones are drawn, and a note counts the others."""
    names = [f"job_{number}" for number in range(300)]
    runs = [ran("job_299", "2026-10-25T04:00Z", "crashed")]
    html = drawn(runs, jobs=names)
    assert "100 jobs not drawn, none of them with failures; failing jobs come first." in html
    assert re.findall(r"<li [^>]*><span>(\w+)", html)[:2] == ["job_299", "job_0"]
    assert "<span>job_199</span>" not in html


def test_more_failing_jobs_than_tracks_are_announced(ran):
    """If there are too many failing jobs, the note counts those that are not drawn."""
    runs = [ran(f"job_{number}", "2026-10-25T04:00Z", "crashed") for number in range(203)]
    assert "3 jobs not drawn, 3 of them with failures;" in drawn(runs)
    assert len(choose_tracks(counted([], runs))) == 200


def test_no_job_no_track():
    """A plugin without jobs gets a note."""
    assert drawn([]) == '<p class="note">There is no job to draw.</p>'


def test_a_run_each_minute_of_a_month_stays_small(ran):
    """43,200 marks are one path below half a megabyte."""
    start = datetime(2026, 1, 1, tzinfo=PARIS)
    runs = [ran("tick", start + timedelta(minutes=minute)) for minute in range(43_200)]
    html = drawn(runs, Axis(start, datetime(2026, 1, 31, tzinfo=PARIS)))
    assert html.count('class="marks') == 1
    assert len(re.findall(r"v-", html.split(' d="', 1)[1].split('"', 1)[0])) == 43_200
    assert len(html) < 500_000
