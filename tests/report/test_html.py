"""The HTML report of a simulation."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.fakes.diff import Difference
from sbh_jobkit.report.headline import headline
from sbh_jobkit.run.run import Event, Fault, HttpCall, LlmCall, RunError
from sbh_jobkit.run.usage import Usage
from sbh_jobkit.simulation.budget import Budget
from sbh_jobkit.simulation.idempotency import IdempotencyCheck
from sbh_jobkit.simulation.verdict import Verdict

PARIS = ZoneInfo("Europe/Paris")
VOID = {"meta", "link", "br"}
HOSTILE = "</pre></details><script>alert('x')</script><img src=https://evil.example/x>\x1b[31mred\x1b[0m\x07"

HOSTILE_EVENT = Event(type=HOSTILE, payload={"a": HOSTILE}, at=datetime(2026, 1, 5, tzinfo=PARIS))
UNSAFE = IdempotencyCheck(difference=Difference(tables={}, files=(), secrets=(), events=(HOSTILE_EVENT,)), sent=())


class Page(HTMLParser):
    """A page as a strict reader sees it: its tags must balance."""

    def __init__(self, html):
        """Read the page."""
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Note a tag and its attributes, each once."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note a tag that closes itself, as shapes do."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Close the innermost tag and no other."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Gather text by the element it stands in."""
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        """List the attributes of all such tags."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def loud(ran):
    """One failing run with everything a run can have, each part hostile."""
    at = datetime.fromisoformat("2026-01-05T02:00+01:00")
    return ran(
        "sync<b>",
        at,
        "crashed",
        reason=HOSTILE,
        value={"status": HOSTILE},
        error=RunError(type="KeyError", message=HOSTILE, place="main.py:84", traceback=HOSTILE),
        stdout=HOSTILE,
        logs=(HOSTILE,),
        events=(Event(type=HOSTILE, payload={"a": HOSTILE}, at=at),),
        http_calls=(HttpCall(method="GET", url=HOSTILE, status=0, matched=False, at=at),),
        llm_calls=(LlmCall(prompt=HOSTILE, model=HOSTILE, text=HOSTILE, tokens=3, at=at),),
        faults=(Fault(kind="network", member=HOSTILE, message=HOSTILE, place=HOSTILE, advice=HOSTILE),),
        started_at=at + timedelta(seconds=5),
    )


def test_the_page_is_well_formed_and_its_links_have_targets(written, every_verdict, loud):
    """Tags balance, ids are unique, and each link leads to a place on the page."""
    page = Page(written([*every_verdict, loud], title=HOSTILE, plugin=HOSTILE))
    assert len(page.ids) == len(set(page.ids))
    links = [attributes["href"] for attributes in page.all("a")]
    assert {link for link in links if link.removeprefix("#") not in page.ids} == set()
    assert links[0] == "#main"


def test_the_page_loads_nothing(written, every_verdict, loud):
    """There is no script, no address to load, and a policy that forbids it to browsers."""
    html = written([*every_verdict, loud])
    page = Page(html)
    loads = {"src", "href", "srcset", "data", "action", "poster", "xlink:href", "style", "onclick", "onload"}
    values = [value for _, attributes in page.tags for name, value in attributes.items() if name in loads]
    assert [value for value in values if not value.startswith(("#", "data:"))] == []
    assert not {"script", "iframe", "object", "embed", "img", "form", "base"} & {tag for tag, _ in page.tags}
    css = "".join(page.text["style"])
    assert not re.search(r"url\(|@import|@font-face|expression", css)
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_hostile_output_stays_text(written, loud):
    """What a run printed is shown as it was, and does nothing."""
    html = written([loud])
    page = Page(html)
    assert "\x1b" not in html
    assert "\x07" not in html
    shown = HOSTILE.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\x07", "␇")
    assert page.text["pre"] == [shown] * 3


def test_the_bytes_follow_from_the_values(written, every_verdict):
    """The same runs make the same file."""
    assert written(every_verdict).encode() == written(list(every_verdict)).encode()


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        ({}, "No run was due"),
        ({"ok": 1}, "1 run, as expected"),
        ({"ok": 2296, "expected": 2}, "2,298 runs, all as expected"),
        ({"crashed": 1}, "1 of 1 run failed"),
        ({"ok": 2295, "failed": 2, "faulty": 1}, "3 of 2,298 runs failed"),
        ({"ok": 3, "unexpected_ok": 2}, "2 of 5 runs passed unexpectedly"),
        ({"ok": 3, "unexpected_ok": 2, "missed": 1}, "3 of 6 runs failed, 1 missed"),
    ],
)
def test_the_headline_is_the_verdict(judged, counted, verdicts, line):
    """One line sums up the runs."""
    runs = [run for verdict, number in verdicts.items() for run in [judged(verdict)] * number]
    assert headline(counted([], runs)) == line


@pytest.mark.parametrize(
    ("attempts", "line"),
    [
        ([2], "1 of 2 runs failed, recovered by a later attempt"),
        ([2, 3], "3 of 5 runs failed, all of them recovered by a later attempt"),
        ([2, 3, 0], "4 of 6 runs failed, 3 of them recovered by a later attempt"),
        ([0, 0], "2 of 2 runs failed"),
    ],
)
def test_the_headline_says_what_later_attempts_recovered(ran, counted, attempts, line):
    """Of each fire time the number of the attempt that was ok; 0 for none."""
    runs = []
    for day, last in enumerate(attempts, 1):
        at = f"2026-01-{day:02}T00:00+00:00"
        runs += [ran("a", at, "failed", attempt=number) for number in range(1, max(last, 2))]
        runs += [ran("a", at, attempt=last)] if last else []
    assert headline(counted([], runs)) == line


@pytest.mark.parametrize(
    ("runs", "more", "line"),
    [
        ([("ok", True)], {}, "1 run, as expected, but 1 job not idempotent"),
        ([("ok", False)], {}, "1 run, as expected"),
        ([("ok", False)], {"exceeded": ["runs: 3 used, the budget is 2"]}, "1 run, as expected, but over budget"),
        (
            [("ok", True), ("faulty", True), ("skipped", False)],
            {"exceeded": ["runs: 3 used, the budget is 2"]},
            "1 of 3 runs failed, 1 skipped, over budget, 2 jobs not idempotent",
        ),
        (
            [("ok", True), ("skipped", False)],
            {"exceeded": ["runs: 3 used, the budget is 2"]},
            "2 runs, all as expected, but 1 skipped and over budget and 1 job not idempotent",
        ),
    ],
)
def test_the_headline_has_its_reservations(judged, counted, runs, more, line):
    """A passed budget and second runs that did something stand in it, too."""
    again = {True: UNSAFE, False: None}
    made = [replace(judged(verdict), repeated=again[unsafe]) for verdict, unsafe in runs]
    verdict = replace(Verdict.from_runs(made), **more)
    assert headline(counted([], made), verdict) == line


def test_budgets_and_second_runs_have_their_place(written, loud):
    """The page stays well formed and accessible with both of them, whatever jobs and hosts are called."""
    run = replace(loud, repeated=UNSAFE)
    usage, budget = Usage.from_runs([run]), Budget.read(["http_calls=0", "emits=5", f"http_calls@{HOSTILE}=0"])
    page = Page(written([run], usage=usage, budget=budget))
    links = [attributes["href"] for attributes in page.all("a")]
    assert {link for link in links if link.removeprefix("#") not in page.ids} == set()
    assert {"#usage", "#repeats"} <= set(links)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert not {"script", "img", "iframe"} & set(tags)
    assert "http_calls: 1 used, the budget is 0; sync<b> used most: 1" in page.text["a"]
    assert page.all("header") == [{"class": "bad"}]
    assert page.all("details")[0] == {"class": "quiet", "id": "usage", "open": None}


def test_the_header_says_what_was_simulated(written):
    """The header has range, zone with its offset, and plugin."""
    summer = written([], end=datetime(2026, 4, 1, tzinfo=PARIS))
    assert "<title>No run was due · hub_ops, 30 days</title>" in summer
    assert "Europe/Paris (+01:00, at the end +02:00)" in summer
    assert "Clocks go forward on Sun 2026-03-29 (the dashed line): from +01:00 to +02:00." in summer
    assert "Europe/Paris (+01:00)<" in written([])


def test_an_empty_report_says_so(written):
    """A plugin without jobs, and jobs without runs, still make a page."""
    assert "There is no job." in written([])
    html = written([], jobs=["a"])
    Page(html)
    assert '<p class="note">No run failed.</p>' in html
    assert "No run was due, so no hour is busier than another." in html


def test_the_legend_counts_each_verdict(written, every_verdict):
    """Each verdict that occurs has its number and word."""
    html = written(every_verdict)
    words = re.findall(r"</svg><strong>(\d+)</strong> ([\w ]+)<span>", html)
    assert words == [
        ("1", word)
        for word in (
            "crashed",
            "failed",
            "out of memory",
            "timed out",
            "passed unexpectedly",
            "lost",
            "cancelled",
            "missed",
            "faulty",
            "failed as expected",
            "skipped",
            "coalesced",
            "ok",
        )
    ]


def test_the_table_counts_by_job_and_in_all(written, ran):
    """A row has runs, failures, expected ones, durations, calls and emits; the foot has their sum."""
    at = datetime.fromisoformat("2026-01-05T02:00+01:00")
    call = HttpCall(method="GET", url="https://a", status=200, matched=True, at=at)
    runs = [
        ran("a", at, http_calls=(call, call)),
        ran("a", "2026-01-06T02:00+01:00", "crashed", duration=timedelta(minutes=3)),
        ran("b", at, "failed", expected="it is down", events=(Event(type="x", payload=None, at=at),)),
    ]
    html = written(runs, jobs=["a", "b", "c"])
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(\w[\w ]*)<.*?</tr>", html)
    cells = [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", row)]
        for row in re.findall(r"<tr.*?</tr>", html.split('<table class="jobs">')[1].split("</table>")[0])[1:]
    ]
    assert [row for row in rows if row in {"a", "b", "c", "All jobs"}][:4] == ["a", "b", "c", "All jobs"]
    assert cells == [
        ["2", "1", "Tue 2026-01-06 02:00", "0", "3 min 2 s", "3 min", "2", "0"],
        ["1", "0", "none", "1", "2 s", "2 s", "0", "1"],
        ["0", "0", "none", "0", "0 s", "0 s", "0", "0"],
        ["3", "1", "", "1", "3 min 4 s", "3 min", "2", "1"],
    ]


def test_columns_that_are_zero_for_every_job_are_left_out(written, ran, every_verdict):
    """Expected runs, longest run and faults have a column where there are any; the others always have theirs."""

    def columns(runs):
        table = written(runs).split('<table class="jobs">')[1].split("</table>")[0]
        return re.findall(r'<th scope="col"[^>]*>([\w ]+)</th>', table)

    always = ["Job", "Runs", "Failures", "First failure", "Virtual duration", "HTTP calls", "Emits"]
    more = [
        "Job",
        "Runs",
        "Failures",
        "First failure",
        "Expected",
        "Virtual duration",
        "Longest",
        "HTTP calls",
        "Emits",
    ]
    assert columns([ran("a", "2026-01-05T02:00+01:00", duration=timedelta(0))]) == always
    assert columns(every_verdict) == [*more, "Faults"]


def test_a_long_table_folds_what_has_no_track(written, ran):
    """Beyond 200 jobs the others are one click away, and none is lost."""
    names = [f"job_{number}" for number in range(250)]
    html = written([ran("job_240", "2026-01-05T02:00+01:00", "crashed")], jobs=names)
    assert "<summary>50 more jobs</summary>" in html
    assert len(re.findall(r'<th scope="row">job_', html)) == 250


def test_five_thousand_jobs_make_a_small_file(written, ran):
    """A report of very many jobs stays below four megabytes."""
    names = [f"tenant_{number:04}_export" for number in range(5000)]
    runs = [ran(name, "2026-01-06T00:00+01:00") for name in names]
    html = written(runs, jobs=names)
    assert len(html) < 4_000_000
    assert "4,800 jobs not drawn, none of them with failures;" in html


def test_a_reader_by_keyboard_or_ear_is_served(written, every_verdict):
    """The page has a language, landmarks, a skip link, a caption a table and named regions."""
    page = Page(written(every_verdict))
    tags = [tag for tag, _ in page.tags]
    assert page.all("html") == [{"lang": "en"}]
    assert [tags.count(tag) for tag in ("h1", "header", "nav", "main", "footer")] == [1] * 5
    assert tags.count("caption") == tags.count("table")
    assert all(th.get("scope") in {"row", "col"} for th in page.all("th"))
    regions = [tag for _, tag in page.tags if tag.get("role") == "region"]
    assert all(tag["tabindex"] == "0" and (tag.get("aria-label") or tag.get("aria-labelledby")) for tag in regions)
    names = {tag.get("name"): tag["content"] for tag in page.all("meta") if "name" in tag}
    assert names["viewport"] == "width=device-width, initial-scale=1"
    assert names["color-scheme"] == "light dark"
