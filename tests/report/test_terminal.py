"""What a terminal shows of runs and fire times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sbh_jobkit import Event, Fault, Fire, HttpCall, Outcome, Run
from sbh_jobkit.report.terminal.runs import (
    distance,
    expected_runs,
    failing_runs,
    fire_lines,
    host_differences,
    run_lines,
)
from sbh_jobkit.run.run import FileChange, LlmCall, RunError
from sbh_jobkit.schedule.times import zone

PARIS = zone("Europe/Paris")
AT = datetime(2026, 1, 5, 9, 0, tzinfo=PARIS)
OK = Run(
    tenant="acme",
    plugin="shop",
    job="sell",
    fire_time=AT,
    started_at=AT,
    duration=timedelta(seconds=90),
    outcome=Outcome.OK,
)
FULL = replace(
    OK,
    outcome=Outcome.CRASHED,
    reason="02:30 does not exist",
    value={"sold": 3},
    error=RunError(type="KeyError", message="'tea'", place="main.py:7", traceback="Traceback:\n  main.py\nKeyError"),
    stdout="selling\nsold\n",
    stderr="careful\n",
    logs=("INFO shop: open",),
    events=(Event(type="sold", payload={"n": 3}, at=AT),),
    http_calls=(
        HttpCall(method="GET", url="https://a.example/x", status=200, matched=True, at=AT),
        HttpCall(method="GET", url="https://b.example/", status=0, matched=False, at=AT),
    ),
    llm_calls=(LlmCall(prompt="say " + "so " * 100, model="m", text="so", tokens=101, at=AT),),
    files=(FileChange(action="uploaded", key="a.txt", size=1),),
    faults=(
        Fault(kind="secret-missing", member="m", message="secret 'K' is not set", place="main.py:3", advice="set it"),
        Fault(kind="network", member="m", message="reached out", allowed=True),
    ),
)
FULL_TEXT = """\
sell  Mon 2026-01-05 09:00 CET  crashed  took 1 min 30 s
  02:30 does not exist
  main.py:7: KeyError: 'tea'
  main.py:3: secret 'K' is not set [secret-missing]
    try: set it
  traceback:
    Traceback:
      main.py
    KeyError
  value: {"sold": 3}
  output:
    selling
    sold
  stderr:
    careful
  log:
    INFO shop: open
  emit: sold {"n": 3}
  http: GET https://a.example/x 200
  http: GET https://b.example/ no answer
  llm: "say so so
  file: uploaded a.txt (1 byte)"""


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_one_run():
    """Everything about a run, each on a line of its own; allowed faults are no news."""
    lines = list(run_lines(FULL))
    assert [line[:17] if line.startswith("  llm") else line for line in lines] == FULL_TEXT.splitlines()
    assert next(line for line in lines if line.startswith("  llm")).endswith("… (101 tokens)")


@pytest.mark.parametrize(
    ("run", "lines"),
    [
        (
            replace(OK, expected="maintenance"),
            [
                "sell  Mon 2026-01-05 09:00 CET  unexpected ok  took 1 min 30 s",
                "  it was expected to fail (maintenance), and did not",
            ],
        ),
        (
            replace(OK, outcome=Outcome.FAILED, expected="maintenance"),
            ["sell  Mon 2026-01-05 09:00 CET  expected  took 1 min 30 s", "  expected: maintenance"],
        ),
    ],
)
def test_expectations(run, lines):
    """A run that was expected to fail has the reason for its verdict."""
    assert list(run_lines(run)) == lines


def test_failing_runs_are_capped():
    """Three different failures of a job are listed, the rest are counted."""
    runs = [replace(OK, outcome=Outcome.CRASHED, error=RunError(type="KeyError", message=tea)) for tea in "abcdeab"]
    assert list(failing_runs([*runs, replace(OK, job="buy", outcome=Outcome.FAILED)])) == [
        "Mon 2026-01-05 09:00 CET  sell  crashed",
        "    KeyError: a",
        "    … and 1 more like it, the last on Mon 2026-01-05 09:00 CET",
        "Mon 2026-01-05 09:00 CET  sell  crashed",
        "    KeyError: b",
        "    … and 1 more like it, the last on Mon 2026-01-05 09:00 CET",
        "Mon 2026-01-05 09:00 CET  sell  crashed",
        "    KeyError: c",
        "    … and 2 more failing runs of sell",
        "Mon 2026-01-05 09:00 CET  buy  failed",
    ]


def test_runs_that_fail_alike_are_told_once():
    """A month that fails every half hour for one reason is a few lines; another job's failure is its own."""
    fault = Fault(kind="D6", member="ctx.secrets.get", message="no secret", place="main.py:3")
    runs = [replace(OK, fire_time=AT + timedelta(minutes=30 * number), faults=(fault,)) for number in range(1440)]
    assert list(failing_runs([*runs, replace(OK, job="buy", faults=(fault,))])) == [
        "Mon 2026-01-05 09:00 CET  sell  faulty",
        "    main.py:3: no secret [D6]",
        "    … and 1,439 more like it, the last on Wed 2026-02-04 08:30 CET",
        "Mon 2026-01-05 09:00 CET  buy  faulty",
        "    main.py:3: no secret [D6]",
    ]


def test_long_lines_are_folded():
    """Lines keep to the terminal's width, but for those to paste."""
    long = "word " * 30
    lines = list(failing_runs([replace(OK, faults=(Fault(kind="x", member="m", message=long.strip(), advice=long),))]))
    assert max(len(line) for line in lines if "try:" not in line) <= 80
    assert f"      try: {long}" in lines


def test_divergences_are_summed_up():
    """Each id once, in their order, with its runs and its jobs; what is allowed or no divergence is left out."""

    def met(job, *kinds):
        return replace(OK, job=job, faults=tuple(Fault(kind=kind, member="m", message="x") for kind in kinds))

    allowed = replace(OK, faults=(Fault(kind="D1", member="m", message="x", allowed=True),))
    jobs = [f"a_job_with_a_long_name_{number}" for number in range(4)]
    runs = [met("sell", "D12", "D3", "D3"), met("buy", "network"), *(met(job, "D3") for job in [*jobs, "buy"]), allowed]
    assert list(host_differences(runs)) == [
        "",
        "where today's host differs:",
        "  D3   6 runs of sell, a_job_with_a_long_name_0, a_job_with_a_long_name_1,",
        "    a_job_with_a_long_name_2, a_job_with_a_long_name_3, buy",
        "  D12  1 run of sell",
    ]
    assert list(host_differences([met("buy", "network")])) == []


def test_expected_runs_are_counted():
    """Runs that failed as expected are one line a reason."""
    runs = [replace(OK, outcome=Outcome.FAILED, expected="maintenance")] * 2 + [OK]
    assert list(expected_runs(runs)) == ["2 runs of sell failed as expected: maintenance"]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2026-01-05T09:00:30", "in 30s"),
        ("2026-01-05T09:05:00", "in 5m"),
        ("2026-01-05T12:30:00", "in 3h 30m"),
        ("2026-01-07T09:05:00", "in 2d 5m"),
        ("2026-01-05T08:59:00", "past"),
    ],
)
def test_distance(at, text):
    """How far ahead a time is, in its two largest units."""
    assert distance(datetime.fromisoformat(at).replace(tzinfo=PARIS), AT) == text


def test_fire_lines_are_aligned():
    """Fire times stand in columns, also where the zone's name changes."""
    fires = [
        Fire(plugin="p", job="a", at=datetime(2026, 3, 28, 2, 30, tzinfo=PARIS)),
        Fire(plugin="p", job="b", at=datetime(2026, 3, 29, 3, 0, tzinfo=PARIS), note="why"),
    ]
    assert list(fire_lines(fires, datetime(2026, 3, 28, tzinfo=PARIS), with_jobs=True)) == [
        "Sat 2026-03-28 02:30 CET   in 2h 30m  a",
        "Sun 2026-03-29 03:00 CEST   in 1d 2h  b  (why)",
    ]
