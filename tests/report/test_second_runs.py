"""What second runs did, as lines and as a section of the report."""

import re
from datetime import datetime

import pytest

from sbh_jobkit.fakes.diff import Change, Difference
from sbh_jobkit.report.html.tables import second_runs
from sbh_jobkit.report.idempotency import repeat_lines
from sbh_jobkit.run.run import Event, HttpCall
from sbh_jobkit.simulation.idempotency import IdempotencyCheck

AT = datetime.fromisoformat("2026-01-05T09:00+00:00")
NOTHING = IdempotencyCheck(difference=Difference(tables={}, files=(), secrets=(), events=()), sent=())


def did(*events, files=(), sent=()):
    """Make what a second run did."""
    emitted = tuple(Event(type=name, payload=payload, at=AT) for name, payload in events)
    difference = Difference(tables={}, files=tuple(files), secrets=(), events=emitted)
    calls = tuple(HttpCall(method="POST", url=url, status=0, matched=False, at=AT) for url in sent)
    return IdempotencyCheck(difference=difference, sent=calls)


@pytest.fixture
def month(ran):
    """Make runs of three jobs: one is idempotent, one failed once to be, one never is and has many changes."""
    grown = [Change(action="added", name=f"{number}.txt") for number in range(9)]
    return [
        ran("index", "2026-01-05T09:00+00:00", repeated=NOTHING),
        ran("mail", "2026-01-05T09:00+00:00", repeated=NOTHING),
        ran(
            "mail", "2026-01-06T09:00+00:00", repeated=did(("mail.sent", {"to": "<all>"}), sent=["https://a.example/"])
        ),
        ran("grow", "2026-01-06T10:00+00:00", repeated=did(files=grown)),
        ran("grow", "2026-01-07T10:00+00:00", repeated=did(files=grown[:1])),
        ran("grow", "2026-01-07T10:30+00:00", "skipped", started_at=None),
    ]


def test_lines_by_job(month, monkeypatch):
    """The number of runs, the first of them with the beginning of what it did, and the jobs that are fine."""
    monkeypatch.setenv("COLUMNS", "60")
    assert list(repeat_lines(month)) == [
        "not idempotent; what the second runs did, after a fresh import:",
        "  1 of 2 runs of mail, the first on Tue 2026-01-06 09:00 UTC",
        "    events: 1 added",
        '      + mail.sent: {"to": "<all>"}',
        "    sent: 1",
        "      POST https://a.example/ no answer",
        "  2 of 2 runs of grow, the first on Tue 2026-01-06 10:00 UTC",
        "    files: 9 added",
        "      + 0.txt",
        "      + 1.txt",
        "      + 2.txt",
        "      + 3.txt",
        "      + 4.txt",
        "    … and 4 more lines",
        "idempotent: index",
    ]


def test_a_line_is_no_longer_than_it_can_be_read(ran, monkeypatch):
    """Its middle is left out, and it stays one line, whatever a job emits."""
    monkeypatch.setenv("COLUMNS", "1000")
    (_, _, _, line) = repeat_lines([ran("a", AT, repeated=did(("e", "x" * 5_000)))])
    assert line == f'      + e: "{"x" * 92} [… 4,809 characters not shown …] {"x" * 99}"'


def test_nothing_is_said_where_nothing_ran_twice(ran, written):
    """Nor has a report a section for it."""
    runs = [ran("a", AT), ran("a", AT, "skipped", started_at=None)]
    assert (list(repeat_lines(runs)), second_runs(runs)) == ([], "")
    assert "repeats" not in written(runs)


def test_a_section_by_job(month, written):
    """The same as a table, its text harmless, with the jobs that are fine below."""
    html = second_runs(month)
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td class="n">(.*?)</td>.*?<pre>(.*?)</pre>', html, re.DOTALL)
    assert rows == [
        (
            "mail",
            "1 of 2 runs",
            (
                "events: 1 added\n  + mail.sent: {&quot;to&quot;: &quot;&lt;all&gt;&quot;}\nsent: 1\n"
                "  POST https://a.example/ no answer"
            ),
        ),
        (
            "grow",
            "2 of 2 runs",
            "files: 9 added\n  + 0.txt\n  + 1.txt\n  + 2.txt\n  + 3.txt\n  + 4.txt\n… and 4 more lines",
        ),
    ]
    assert '<p class="note">Idempotent: index.</p>' in html
    page = written(month)
    assert html in page
    assert '<a href="#repeats">Second runs</a>' in page
    assert '<header class="bad">' in page


def test_a_section_where_all_is_well(ran, written):
    """No table, and the report is a good one."""
    page = written([ran("index", AT, repeated=NOTHING)])
    assert '<h2 id="repeats-head">Second runs</h2>\n<p class="note">Idempotent: index.</p>\n</section>' in page
    assert '<header class="good">' in page
