"""What runs used, as a line and as a table."""

import re
from dataclasses import replace
from datetime import date, datetime

import pytest

from sbh_jobkit.report.html.usage import usage_table
from sbh_jobkit.report.usage import usage_lines, usage_text
from sbh_jobkit.run.usage import Minute, Usage
from sbh_jobkit.simulation.budget import Budget

AT = datetime.fromisoformat("2026-01-05T09:00+00:00")
HOSTS = {f"h{number}.example": 20 - number for number in range(12)}

LINES = [
    (Usage(), ""),
    (Usage(runs=30, busiest_minute=Minute(at=AT, runs=30)), ""),
    (Usage(runs=1, emits=1, rows_read=1, busiest_minute=Minute(at=AT, runs=1)), "1 row read, 1 emit"),
    (Usage(http_calls=1, http_calls_by_host={"a.example": 1}), "1 HTTP call to a.example"),
    (
        Usage(http_calls=1_200, http_calls_by_host={"a.example": 1_150, "b.example": 50}),
        "1,200 HTTP calls to 2 hosts (most to a.example: 1,150)",
    ),
    (Usage(llm_calls=2), "2 LLM calls (0 tokens)"),
    (
        Usage(llm_calls=1, llm_tokens=1, bytes_written=2_048, emits=10, busiest_minute=Minute(at=AT, runs=3)),
        "1 LLM call (1 token), 2,048 bytes written, 10 emits; busiest minute: Mon 2026-01-05 09:00 UTC, 3 runs",
    ),
]


@pytest.mark.parametrize(("usage", "line"), LINES)
def test_a_line_tells_what_was_used(usage, line):
    """Amounts of zero are left out, and a minute with one run is not a busy one."""
    assert usage_text(usage) == line


def test_lines_are_folded(monkeypatch):
    """To the terminal's width; what was passed stands below."""
    monkeypatch.setenv("COLUMNS", "40")
    usage = Usage(http_calls=3, http_calls_by_host={"a.example": 3}, bytes_written=100_000)
    assert list(usage_lines(usage, ["emits: 5 used, the budget is 2; a_job used most: 3"])) == [
        "used: 3 HTTP calls to a.example, 100,000",
        "  bytes written",
        "over budget: emits: 5 used, the budget",
        "  is 2; a_job used most: 3",
    ]
    assert list(usage_lines(Usage())) == []


def cells(html):
    """Return the text of each cell, row by row."""
    rows = re.findall(r"<tr.*?</tr>", html)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


USAGE = Usage(
    runs=3,
    http_calls=7,
    http_calls_by_host={"a.example": 6, "<b>": 1},
    busiest_minute=Minute(at=AT, runs=2),
    jobs={
        "sync": Usage(runs=2, http_calls=5, http_calls_by_host={"a.example": 4, "<b>": 1}),
        "<i>": Usage(runs=1, http_calls=2, http_calls_by_host={"a.example": 2}),
    },
)


def test_the_table_has_what_was_used_and_by_whom():
    """A row an amount, the hosts below all HTTP calls; folded, and without a column for limits where there are none."""
    html = usage_table(USAGE, {})
    assert cells(html) == [
        ["What", "Used", "Most"],
        ["Runs", "3", "sync, 2"],
        ["HTTP calls", "7", "sync, 5"],
        ["HTTP calls to a.example", "6", "sync, 4"],
        ["HTTP calls to &lt;b&gt;", "1", "sync, 1"],
        ["Runs in the busiest minute", "2", "Mon 2026-01-05 09:00"],
    ]
    assert html.startswith('<details class="quiet" id="usage"><summary><strong>Usage</strong> ')
    assert usage_table(Usage(), {}) == ""


def test_the_table_has_limits():
    """Also of what was not used; one that was passed opens it, and is marked."""
    kept = Budget.read(["http_calls=7", "emits=1k", "http_calls@c.example=5", "http_calls@a.example=6"]).limits
    passed = Budget.read(["http_calls=6"]).limits
    assert cells(usage_table(USAGE, kept)) == [
        ["What", "Used", "Budget", "Most"],
        ["Runs", "3", "", "sync, 2"],
        ["HTTP calls", "7", "7", "sync, 5"],
        ["HTTP calls to a.example", "6", "6", "sync, 4"],
        ["HTTP calls to &lt;b&gt;", "1", "", "sync, 1"],
        ["HTTP calls to c.example", "0", "5", ""],
        ["Emits", "0", "1,000", ""],
        ["Runs in the busiest minute", "2", "", "Mon 2026-01-05 09:00"],
    ]
    found = [
        (" open" in html, html.count("class=bad")) for html in (usage_table(USAGE, kept), usage_table(USAGE, passed))
    ]
    assert found == [(False, 0), (True, 1)]


def test_the_table_has_limits_of_days_and_of_jobs():
    """Below all others, with the day on which most was used."""
    usage = replace(
        USAGE, days={date(2026, 1, 5): USAGE, date(2026, 1, 6): Usage(runs=1, jobs={"sync": Usage(runs=1)})}
    )
    limits = Budget.read(
        ["runs@day=2", "sync:http_calls@a.example=9", "sync:runs@day=3", "busiest_minute@day=2"]
    ).limits
    html = usage_table(usage, limits)
    assert cells(html)[6:] == [
        ["Runs a day", "3", "2", "2026-01-05: sync, 2"],
        ["HTTP calls to a.example of sync", "4", "9", ""],
        ["Runs a day of sync", "2", "3", "2026-01-05"],
        ["Runs in the busiest minute a day", "2", "2", "Mon 2026-01-05 09:00"],
    ]
    assert html.count("class=bad") == 1


def test_ten_hosts_are_listed():
    """The most called ones, and how many more there are."""
    html = usage_table(Usage(runs=1, http_calls=174, http_calls_by_host=HOSTS), {})
    assert [row[0] for row in cells(html) if "to h" in row[0]] == [f"HTTP calls to h{n}.example" for n in range(10)]
    assert '<p class="more">2 more hosts had fewer calls.</p>' in html
