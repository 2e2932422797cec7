"""How a failed comparison reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_sbhjobs.assertrepr import compare
from sbh_jobkit import Event, Fault, HttpCall, Outcome, Run
from sbh_jobkit.run.run import FileChange, LlmCall

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
RUN = Run(
    tenant="acme",
    plugin="p",
    job="greet",
    fire_time=AT,
    started_at=AT,
    duration=timedelta(0),
    outcome=Outcome.OK,
    value={"greeted": 1},
)
OTHER = Run(
    tenant="acme",
    plugin="p",
    job="greet",
    fire_time=AT,
    started_at=AT,
    duration=timedelta(seconds=60),
    outcome=Outcome.FAILED,
    value={"greeted": 2},
)


def event(number):
    """Make an event."""
    return Event(type="greeted", payload={"number": number}, at=AT)


GET = HttpCall(method="GET", url="https://a.example", status=200, matched=True, at=AT)
FAULT = Fault(kind="network", member="socket.connect", message="no network", place="main.py:3")
FILE = FileChange(action="uploaded", key="a.txt", size=1200)
PROMPT = LlmCall(prompt="Sum up", model="m", text="All well", tokens=3, at=AT)

CASES = [
    (
        [event(1), event(2), event(3)],
        [event(1), event(4), event(3)],
        [
            "3 events == 3 events",
            'missing: 2026-01-05 06:00 UTC greeted {"number": 4}',
            'not expected: 2026-01-05 06:00 UTC greeted {"number": 2}',
            "2 events as expected",
        ],
    ),
    ([], [GET], ["0 HTTP calls == 1 HTTP call", "missing: 2026-01-05 06:00 UTC GET https://a.example 200"]),
    ((FILE,), (), ["1 file change == 0 file changes", "not expected: uploaded a.txt (1,200 bytes)"]),
    ((FAULT,), (), ["1 fault == 0 faults", "not expected: main.py:3: no network [network]"]),
    ([], [PROMPT], ["0 prompts == 1 prompt", "missing: 2026-01-05 06:00 UTC 'Sum up' -> 'All well'"]),
    ([OTHER], [], ["1 run == 0 runs", "not expected: <Run greet 2026-01-05 06:00 UTC: failed>"]),
    (
        [event(1), event(2)],
        [event(2), event(1)],
        [
            "2 events == 2 events",
            "the same items in another order:",
            '2026-01-05 06:00 UTC greeted {"number": 1}',
            '2026-01-05 06:00 UTC greeted {"number": 2}',
        ],
    ),
    (
        (event(1),),
        [event(1)],
        [
            "1 event == 1 event",
            "the items are equal, but the left is a tuple and the right a list: compare with a tuple",
        ],
    ),
    (
        RUN,
        OTHER,
        [
            "run of greet 2026-01-05 06:00 UTC == run of greet 2026-01-05 06:00 UTC",
            "duration: 0:00:00, expected 0:01:00",
            "outcome: <Outcome.OK: 'ok'>, expected <Outcome.FAILED: 'failed'>",
            "value: {'greeted': 1}, expected {'greeted': 2}",
        ],
    ),
    ([GET], [HttpCall(method="GET", url="https://a.example", status=200, matched=False, at=AT)], None),
    ([1], [2], None),
    ([], [], None),
    (
        (),
        [],
        ["both are empty, but the left is a tuple and the right a list: write `not …`, or compare with a tuple"],
    ),
    ([event(1)], [GET], None),
    ("a", "b", None),
]


@pytest.mark.parametrize(("left", "right", "lines"), CASES)
def test_what_differs(left, right, lines):
    """What is missing and what was not expected, a line each; pytest explains other values itself."""
    assert compare("==", left, right) == lines


def test_other_comparisons_are_left_to_pytest():
    """Only `==` has an expected side."""
    assert compare("!=", [event(1)], [event(1)]) is None


def test_on_the_screen(repository):
    """A failed comparison of events names the missing one; a failed `assert run.ok` shows outcome and faults."""
    repository.plugin(
        "from src.ext.sdk import job\n\n@job('greet')\ndef greet(ctx):\n    ctx.emit('greeted', {'n': 1})\n"
        "    ctx.secrets.get('KEY')\n"
    )
    result = repository.tested(
        """
from dataclasses import replace

def test_events(sbh_run, sbh_world):
    assert sbh_run("greet").faults
    assert sbh_world.events == [replace(sbh_world.events[0], payload={"n": 2})]

def test_ok(sbh_run):
    assert sbh_run("greet").ok
""",
        failed=2,
    )
    run = "<Run greet 2026-01-01 00:00 UTC: faulty: secret-missing: secret 'KEY' is not set>"
    assert [line for line in result.outlines if line.startswith("E  ")][:5] == [
        "E       assert 1 event == 1 event",
        'E         missing: 2026-01-01 00:00 UTC greeted {"n": 2}',
        'E         not expected: 2026-01-01 00:00 UTC greeted {"n": 1}',
        "E       AssertionError: assert False",
        f"E        +  where False = {run}.ok",
    ]
