"""Runs as values: their verdicts, their one line, and the JSON that every view and engine shares."""

import copy
import json
import pickle
from collections import OrderedDict
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.run.run import Event, Fault, FileChange, HttpCall, LlmCall, Outcome, Run, RunError, jsonable

AT = datetime.fromisoformat("2026-01-05T09:00:00+01:00")


def fault(*, allowed=False):
    """Make a fault."""
    return Fault(kind="secret-missing", member="ctx.secrets.get", message="secret 'K' is not set", allowed=allowed)


def made(outcome="ok", **more):
    """Make a run."""
    return Run(
        tenant="acme",
        plugin="shop",
        job="work",
        fire_time=AT,
        started_at=AT,
        duration=timedelta(seconds=2),
        outcome=Outcome(outcome),
        **more,
    )


VERDICTS = [
    # outcome, faults, expected → verdict, ok
    ("ok", (), None, "ok", True),
    ("ok", (fault(),), None, "faulty", False),
    ("ok", (fault(allowed=True),), None, "ok", True),
    ("ok", (fault(allowed=True), fault()), None, "faulty", False),
    ("ok", (), "why", "unexpected_ok", False),
    ("ok", (fault(),), "why", "expected", True),
    ("ok", (fault(allowed=True),), "why", "unexpected_ok", False),
    ("failed", (), None, "failed", False),
    ("failed", (fault(),), None, "failed", False),
    ("failed", (fault(allowed=True),), None, "failed", False),
    ("failed", (), "why", "expected", True),
    ("crashed", (), None, "crashed", False),
    ("crashed", (), "why", "expected", True),
    ("timed_out", (), None, "timed_out", False),
    ("timed_out", (), "why", "expected", True),
    ("out_of_memory", (), None, "out_of_memory", False),
    ("missed", (), None, "missed", False),
    ("lost", (), None, "lost", False),
    ("cancelled", (), None, "cancelled", False),
    ("skipped", (), None, "skipped", True),
    ("coalesced", (), None, "coalesced", True),
]


@pytest.mark.parametrize(("outcome", "faults", "expected", "verdict", "ok"), VERDICTS)
def test_verdicts(outcome, faults, expected, verdict, ok):
    """Outcome, faults and what was expected settle whether a run needs a look, and what reports call it."""
    run = made(outcome, faults=faults, expected=expected)
    assert (run.verdict, run.ok) == (verdict, ok)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_three_outcomes_never_started(outcome):
    """A due instant that did not become a run did not start."""
    assert outcome.started is (outcome not in {"missed", "skipped", "coalesced"})


@pytest.mark.parametrize(
    ("more", "summary"),
    [
        ({}, ""),
        ({"reason": "02:30 does not exist"}, "02:30 does not exist"),
        ({"error": RunError(type="", message="no stock")}, "no stock"),
        ({"error": RunError(type="KeyError", message="'a'")}, "KeyError: 'a'"),
        ({"faults": (fault(),)}, "secret-missing: secret 'K' is not set"),
        ({"faults": (fault(allowed=True),)}, ""),
        (
            {"reason": "late", "error": RunError(type="E", message="m"), "faults": (fault(), fault())},
            "late; E: m; secret-missing: secret 'K' is not set; secret-missing: secret 'K' is not set",
        ),
        ({"error": RunError(type="ValueError", message="")}, "ValueError"),
    ],
)
def test_the_summary_says_why(more, summary):
    """One line: the rule, the error and the faults that count."""
    assert made(**more).summary == summary


def test_a_run_is_a_value():
    """It cannot be changed, and equal runs are equal."""
    run = made(value={"a": 1})
    with pytest.raises(FrozenInstanceError):
        run.outcome = Outcome.OK
    assert run == made(value={"a": 1}) != made(value={"a": 2})


FULL = {
    "reason": "why",
    "attempt": 1,
    "value": {"at": AT, 5: {"b", "a"}},
    "error": RunError(type="E", message="m", place="main.py:5", traceback="Traceback…"),
    "stdout": "out\n",
    "stderr": "err\n",
    "rows_read": 7,
    "logs": ("INFO root: hello",),
    "events": (Event(type="e", payload={"a": [1]}, at=AT),),
    "http_calls": (HttpCall(method="GET", url="https://a", status=200, matched=True, at=AT, seconds=1.5),),
    "llm_calls": (LlmCall(prompt="p", model="m", text="t", tokens=3, at=AT),),
    "files": (FileChange(action="uploaded", key="k", size=3),),
    "faults": (fault(),),
    "injected_faults": ("outage of api.example.com (1 request)",),
}
PLAIN = {
    "tenant": "acme",
    "plugin": "shop",
    "job": "work",
    "fire_time": "2026-01-05T09:00:00+01:00",
    "started_at": "2026-01-05T09:00:00+01:00",
    "duration": 2.0,
    "outcome": "ok",
    "verdict": "faulty",
    "ok": False,
    "reason": "why",
    "attempt": 1,
    "expected": None,
    "value": {"at": "2026-01-05T09:00:00+01:00", "5": ["a", "b"]},
    "error": {"type": "E", "message": "m", "place": "main.py:5", "traceback": "Traceback…"},
    "stdout": "out\n",
    "stderr": "err\n",
    "rows_read": 7,
    "repeated": None,
    "logs": ["INFO root: hello"],
    "secrets_set": [],
    "events": [{"type": "e", "payload": {"a": [1]}, "at": "2026-01-05T09:00:00+01:00"}],
    "http_calls": [
        {
            "method": "GET",
            "url": "https://a",
            "status": 200,
            "matched": True,
            "at": "2026-01-05T09:00:00+01:00",
            "seconds": 1.5,
            "headers": {},
            "body": "",
            "digest": "",
        }
    ],
    "llm_calls": [{"prompt": "p", "model": "m", "text": "t", "tokens": 3, "at": "2026-01-05T09:00:00+01:00"}],
    "files": [{"action": "uploaded", "key": "k", "size": 3, "digest": ""}],
    "faults": [
        {
            "kind": "secret-missing",
            "member": "ctx.secrets.get",
            "message": "secret 'K' is not set",
            "place": None,
            "advice": None,
            "allowed": False,
        }
    ],
    "injected_faults": ["outage of api.example.com (1 request)"],
    "troubles": ["outage of api.example.com (1 request)"],
}


def test_to_dict_is_plain_json():
    """Everything of a run, as JSON carries it: ISO times with offset, durations in seconds."""
    run = made(**FULL)
    assert run.to_dict() == PLAIN
    assert json.loads(json.dumps(run.to_dict(), allow_nan=False)) == PLAIN


def test_to_dict_of_a_run_that_never_started():
    """What is absent is null, and lists are empty."""
    run = Run(
        tenant="acme",
        plugin="shop",
        job="work",
        fire_time=AT,
        started_at=None,
        duration=timedelta(0),
        outcome=Outcome.SKIPPED,
    )
    plain = run.to_dict()
    assert (plain["started_at"], plain["error"], plain["value"], plain["duration"]) == (None, None, None, 0.0)
    assert [plain[name] for name in ("events", "http_calls", "llm_calls", "files", "faults", "logs")] == [[]] * 6


class Colour(Enum):
    """A plugin's own enumeration."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (1.5, 1.5),
        ("é", "é"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"bytes", "b'bytes'"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=1), "1:00:00"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (OrderedDict(a={1: None}), {"a": {"1": None}}),
        (Colour.RED, "Colour.RED"),
        (object, "<class 'object'>"),
    ],
)
def test_values_as_json(value, plain):
    """What JSON has no word for becomes its text."""
    assert jsonable(value) == plain


def test_addresses_are_left_out():
    """A memory address would make two runs of the same thing differ."""
    assert jsonable(object()) == "<object object>"


_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.sets(st.integers())
)


@given(
    st.recursive(
        _leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner), max_leaves=10
    )
)
def test_anything_a_job_returns_becomes_json(value):
    """The plain form is strict JSON, and plain already."""
    plain = jsonable(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert jsonable(plain) == plain


class Level(IntEnum):
    """A number of a plugin's own kind."""

    HIGH = 3


class Colour(StrEnum):
    """Text of a plugin's own kind."""

    RED = "red"


class Share(float):
    """A fraction of a plugin's own kind."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Level.HIGH, 3),
        (Colour.RED, "red"),
        (Share(0.5), 0.5),
        (True, True),
        ([Level.HIGH], [3]),
        ({"a": Colour.RED}, {"a": "red"}),
    ],
)
def test_json_values_are_of_the_plain_kinds(value, plain):
    """Nothing of a plugin's own classes is left, so that others can read them."""
    found = jsonable(value)
    assert (found, type(found)) == (plain, type(plain))
    assert pickle.dumps(found) == pickle.dumps(plain)


class Moment:
    """A world that cannot be pickled."""

    world = staticmethod(lambda: None)
    __reduce__ = None


def test_a_run_goes_to_other_processes_without_its_worlds():
    """Pickled, it is equal and knows no world; its value is as JSON has it."""
    run = made(faults=(fault(),), value={"level": Level.HIGH}, before=Moment(), after=Moment())
    again = pickle.loads(pickle.dumps(run))  # noqa: S301  our own
    assert (again, again.before, again.after, again.ok) == (run, None, None, False)
    assert again == copy.deepcopy(run) == run.portable()
    assert type(again.value["level"]) is int
    assert replace(again, value=None) == made(faults=(fault(),))
