"""Fault plans: values, files, and the errors for wrong ones."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit import Crash, Errors, FaultPlan, Latency, Outage, RateLimit, SchedulerDown, Slow, StorageFull
from sbh_jobkit.errors import FaultPlanError
from sbh_jobkit.fakes.faults import plan as faultplan
from sbh_jobkit.schedule.policy import Window

PLAN = """
seed = 7

[[outage]]
of = "api.example.com"
start = 2026-01-12T02:00:00
end = "2026-01-12T05:00"

[[outage]]
of = "db"
start = 2026-01-12
end = 2026-01-13T00:00:00Z

[[errors]]
of = "*"
rate = 0.1
status = 500

[[latency]]
of = "llm"
median = "2s"
p99 = 30

[[rate_limit]]
of = "llm"
per_minute = 60

[[storage_full]]
start = 2026-01-12T02:00:00
end = 2026-01-12T05:00:00

[[scheduler_down]]
start = 2026-01-12T02:00:00
end = 2026-01-12T05:00:00

[[crash]]
job = "sync"
rate = 0.01
call = 3

[[slow]]
job = "*"
by = "45m"
"""
SPAN = ("2026-01-12T02:00", "2026-01-12T05:00")
FAULTS = (
    Outage("api.example.com", *SPAN),
    Outage("db", "2026-01-12", "2026-01-13T00:00Z"),
    Errors("*", 0.1, 500),
    Latency("llm", 2, 30),
    RateLimit("llm", 60),
    StorageFull(*SPAN),
    SchedulerDown(*SPAN),
    Crash("sync", 0.01, call=3),
    Slow("*", "45m"),
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a plan file where the test stands."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "plan.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return "plan.toml"

    return write


def test_a_byte_order_mark_is_left_out(file):
    """As some editors of Windows write it."""
    assert FaultPlan.load(file(PLAN.encode("utf-8-sig"))) == FaultPlan(*FAULTS, seed=7)


def test_a_file_is_a_plan(file):
    """Tables with the settings of each fault, times as TOML's own or as text."""
    assert FaultPlan.load(file(PLAN)) == FaultPlan(*FAULTS, seed=7)


def test_a_file_may_be_empty(file):
    """An empty file is a plan without faults."""
    assert FaultPlan.load(file("")) == FaultPlan()


def test_a_plan_is_a_value():
    """Plans with equal faults and seeds are equal, and a plan's repr makes an equal plan."""
    plan = FaultPlan(Slow("sync", "45m"), seed=7)
    assert len({plan, FaultPlan(faultplan.parse("slow job=sync by=2700"), seed=7)}) == 1
    assert plan not in {FaultPlan(*plan.faults), FaultPlan(seed=7), "plan"}
    assert repr(plan) == "FaultPlan(Slow(job='sync', by=2700.0), seed=7)"
    assert repr(FaultPlan()) == "FaultPlan(seed=0)"


def test_downtime_is_of_the_scheduler_alone():
    """Downtimes are sorted, and overlapping ones are merged."""
    hour = [f"2026-01-12T0{number}:00Z" for number in range(10)]
    spans = [(6, 7), (1, 3), (2, 4), (4, 5), (8, 9)]
    plan = FaultPlan(*FAULTS[:3], *(SchedulerDown(hour[start], hour[end]) for start, end in spans))
    midnight = 1_768_176_000
    windows = [Window(start=midnight + 3600 * a, end=midnight + 3600 * b) for a, b in [(1, 5), (6, 7), (8, 9)]]
    assert plan.downtime(ZoneInfo("Europe/Paris")) == windows


KNOWN = "outage, errors, latency, rate_limit, storage_full, scheduler_down, scheduler_crash, crash, slow"
TWO = '[[errors]]\nof = "db"\nrate = 0.1\n\n[[errors]]\nof = "db"\n'
WRONG = {
    "YAML": (
        "outage:\n  - of: db\n",
        (
            "plan.toml: the fault plan is not valid TOML: "
            "Expected '=' after a key in a key/value pair (at line 1, column 7); write tables such as [[outage]]"
        ),
    ),
    "JSON": (
        '{"seed": 7}',
        (
            "plan.toml: the fault plan is not valid TOML: Invalid statement (at line 1, column 1); "
            "write tables such as [[outage]]"
        ),
    ),
    "another encoding": (
        "# été".encode("latin-1"),
        "cannot read the fault plan 'plan.toml': byte 2 is not UTF-8; save the file as UTF-8",
    ),
    "UTF-16": (
        "seed = 7".encode("utf-16"),
        "cannot read the fault plan 'plan.toml': byte 0 is not UTF-8; save the file as UTF-8",
    ),
    "a misspelt kind": (
        '[[outtage]]\nof = "db"\n',
        "plan.toml: unknown name 'outtage' in a fault plan; did you mean 'outage'?",
    ),
    "a misspelt seed": ("sead = 7", "plan.toml: unknown name 'sead' in a fault plan; did you mean 'seed'?"),
    "an unknown kind": (
        "earthquake = 7",
        f"plan.toml: unknown name 'earthquake' in a fault plan; use one of seed, {KNOWN}",
    ),
    "single brackets": (
        '[slow]\njob = "a"',
        "plan.toml: slow must be a table in double brackets, [[slow]], with its settings below; got {'job': 'a'}",
    ),
    "a line": (
        'slow = ["slow job=a by=2s"]',
        (
            "plan.toml: slow must be a table in double brackets, [[slow]], with its settings below; "
            "got ['slow job=a by=2s']"
        ),
    ),
    "a seed that is text": ('seed = "7"', "plan.toml: seed must be a whole number, got '7'"),
    "a missing setting": (
        TWO,
        "plan.toml: [[errors]] number 2: errors needs rate; it takes of, rate, status, start, end, expect",
    ),
    "a misspelt setting": (
        f"{TWO}rates = 0.1",
        "plan.toml: [[errors]] number 2: errors has no setting 'rates'; did you mean 'rate'?",
    ),
    "a number that is text": (
        f'{TWO}rate = "0.1"',
        "plan.toml: [[errors]] number 2: errors: rate must be a number from 0 to 1, got '0.1'",
    ),
    "a time of day": (
        '[[outage]]\nof = "db"\nstart = 02:00:00\nend = 05:00:00',
        (
            "plan.toml: [[outage]] number 1: outage: start: datetime.time(2, 0) is not a time; "
            "use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
        ),
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_plan(file, text, message):
    """The sentence names the file, the entry, and what is accepted."""
    with pytest.raises(FaultPlanError) as refused:
        FaultPlan.load(file(text))
    assert str(refused.value) == message


@pytest.mark.parametrize(("path", "why"), [("plans.toml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(file, path, why):
    """The message has the operating system's reason."""
    file(PLAN)
    with pytest.raises(FaultPlanError) as refused:
        FaultPlan.load(path)
    assert str(refused.value) == f"cannot read the fault plan {path!r}: {why}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FaultPlan("outage of=db"),
            (
                "a fault plan is made of Outage, Errors, Latency, RateLimit, StorageFull, SchedulerDown, "
                "SchedulerCrash, Crash, Slow; "
                "got 'outage of=db'"
            ),
        ),
        (lambda: FaultPlan(seed=None), "seed must be a whole number, got None"),
        (lambda: FaultPlan(seed=True), "seed must be a whole number, got True"),
    ],
)
def test_what_makes_no_plan(make, message):
    """Faults are values, and a seed is a number."""
    with pytest.raises(FaultPlanError) as refused:
        make()
    assert str(refused.value) == message
