"""Limits on what runs may use: how they are written, and what is said where one is passed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit import Budget, Plugin, Run, Simulator, Usage, World, simulate
from sbh_jobkit.errors import BudgetError, JobkitError
from sbh_jobkit.plugin.sdk import job as decorated
from sbh_jobkit.run.run import HttpCall, LlmCall, Outcome
from sbh_jobkit.run.usage import Minute
from sbh_jobkit.simulation.conditions import Conditions

NAMES = (
    "runs, llm_tokens, llm_calls, http_calls, rows_read, bytes_written, emits, busiest_minute, "
    "or http_calls@HOST for the calls to one host, also with @day behind it or JOB: before it"
)
READ = {
    "llm_tokens=200k": {"llm_tokens": 200_000},
    "llm_tokens=1.5M": {"llm_tokens": 1_500_000},
    "bytes_written=2G": {"bytes_written": 2_000_000_000},
    "rows_read=0.25k": {"rows_read": 250},
    "emits=0": {"emits": 0},
    " runs = 12 ": {"runs": 12},
    "http_calls@api.example.com=500": {"http_calls@api.example.com": 500},
    "http_calls@‹secret:a=b›=1": {"http_calls@‹secret:a=b›": 1},
    "busiest_minute=10": {"busiest_minute": 10},
    "llm_tokens@day=20k": {"llm_tokens@day": 20_000},
    "triage:llm_tokens=1": {"triage:llm_tokens": 1},
    "triage:llm_tokens@day=20k": {"triage:llm_tokens@day": 20_000},
    "sync:http_calls@‹secret:a=b›@day=1": {"sync:http_calls@‹secret:a=b›@day": 1},
}


@pytest.mark.parametrize(("text", "limits"), READ.items())
def test_a_budget_is_read(text, limits):
    """A name, an equals sign, a number with k, M or G; alone or in a list."""
    assert Budget.read(text) == Budget.read([text]) == Budget(limits=limits)


def test_several_limits_are_one_budget():
    """As the command line repeats its option; none at all is a budget, too."""
    assert Budget.read(["runs=1k", "emits=5"]) == Budget(limits={"runs": 1_000, "emits": 5})
    assert Budget.read([]).exceeded(Usage(runs=10**9)) == []


def not_a_budget(shown):
    """Say what is wrong with a text."""
    return f"{shown} is not a budget; write NAME=LIMIT, such as llm_tokens=200k"


def no_limit(shown):
    """Say what is wrong with a number."""
    return f"budget 'llm_tokens': {shown} is not a limit; use a whole number, also with k, M or G, such as 200k or 1.5M"


REFUSED = [
    ("llm_token=5", "unknown budget 'llm_token'; did you mean 'llm_tokens'?"),
    ("LLM_TOKENS=5", "unknown budget 'LLM_TOKENS'; did you mean 'llm_tokens'?"),
    ("tokens of the model=5", f"unknown budget 'tokens of the model'; use one of {NAMES}"),
    (
        "http_calls[api.example.com]=5",
        f"unknown budget 'http_calls[api.example.com]'; use one of {NAMES}",
    ),
    ("http_calls@=5", "unknown budget 'http_calls@'; did you mean 'http_calls'?"),
    ("llm_tokens@dy=5", "unknown budget 'llm_tokens@dy'; did you mean 'llm_tokens@day'?"),
    ("llm_tokens@day@day=5", "unknown budget 'llm_tokens@day@day'; did you mean 'llm_tokens@day'?"),
    ("triage:llm_token@day=5", "unknown budget 'triage:llm_token@day'; did you mean 'triage:llm_tokens@day'?"),
    ("triage:=5", f"unknown budget 'triage:'; use one of {NAMES}"),
    (":emits=5", "unknown budget ':emits'; did you mean 'emits'?"),
    ("@day=5", "unknown budget '@day'; did you mean 'runs@day'?"),
    ("llm_tokens", not_a_budget("'llm_tokens'")),
    ("=5", not_a_budget("'=5'")),
    ("", not_a_budget("''")),
    (5, not_a_budget("5")),
    ([None], not_a_budget("None")),
    ("llm_tokens=", not_a_budget("'llm_tokens='")),
    ("llm_tokens=5x", no_limit("'5x'")),
    ("llm_tokens=5 k", no_limit("'5 k'")),
    ("llm_tokens=5K", no_limit("'5K'")),
    ("llm_tokens=-5", no_limit("'-5'")),
    ("llm_tokens=1.5", no_limit("'1.5'")),
    ("llm_tokens=1.2345k", no_limit("'1.2345k'")),
    ("llm_tokens=200,000", no_limit("'200,000'")),
    ("llm_tokens=1e6", no_limit("'1e6'")),
    ("llm_tokens=\u0665", no_limit("'\u0665'")),  # a digit, elsewhere
    (f"llm_tokens={'9' * 16}", no_limit(f"'{'9' * 16}'")),
    (["emits=1k", "emits=2k"], "the budget 'emits' is given twice: 1,000 and 2,000"),
]


@pytest.mark.parametrize(("texts", "sentence"), REFUSED, ids=lambda given: str(given)[:30])
def test_what_is_no_budget_is_refused(texts, sentence):
    """One sentence says what, which value, and what there is."""
    with pytest.raises(BudgetError) as refused:
        Budget.read(texts)
    assert str(refused.value) == sentence
    assert isinstance(refused.value, JobkitError)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"emit": 5}, "unknown budget 'emit'; did you mean 'emits'?"),
        ({5: 5}, f"unknown budget 5; use one of {NAMES}"),
        ({"emits": -1}, "budget 'emits': -1 is not a limit; use a whole number from 0"),
        ({"emits": True}, "budget 'emits': True is not a limit; use a whole number from 0"),
        ({"emits": "5"}, "budget 'emits': '5' is not a limit; use a whole number from 0"),
        (["emits"], "a budget's limits are numbers by name, such as {'llm_tokens': 200_000}, got ['emits']"),
    ],
)
def test_limits_by_name_are_looked_at_as_well(limits, sentence):
    """A budget that is made in Python is as strict."""
    with pytest.raises(BudgetError) as refused:
        Budget(limits=limits)
    assert str(refused.value) == sentence


USAGE = Usage(
    runs=40,
    llm_tokens=214_300,
    http_calls=9,
    http_calls_by_host={"api.example.com": 8, "‹secret:HOOK›": 1},
    busiest_minute=Minute(at=datetime.fromisoformat("2026-01-05T09:00+00:00"), runs=14),
    jobs={
        "daily_report": Usage(runs=30, llm_tokens=94_300, http_calls=3, http_calls_by_host={"api.example.com": 3}),
        "weekly_digest": Usage(
            runs=10, llm_tokens=120_000, http_calls=6, http_calls_by_host={"api.example.com": 5, "‹secret:HOOK›": 1}
        ),
    },
)
EXCEEDED = {
    "llm_tokens=200k": ["llm_tokens: 214,300 used, the budget is 200,000; weekly_digest used most: 120,000"],
    "runs=39": ["runs: 40 used, the budget is 39; daily_report used most: 30"],
    "runs=40": [],
    "emits=0": [],
    "http_calls@api.example.com=7": [
        "http_calls@api.example.com: 8 used, the budget is 7; weekly_digest used most: 5",
    ],
    "http_calls@‹secret:HOOK›=0": ["http_calls@‹secret:HOOK›: 1 used, the budget is 0; weekly_digest used most: 1"],
    "http_calls@other.example=0": [],
    "busiest_minute=13": ["busiest_minute: 14 runs started in 2026-01-05 09:00 UTC, the budget is 13"],
    "busiest_minute=14": [],
}


@pytest.mark.parametrize(("text", "sentences"), EXCEEDED.items())
def test_what_is_said_of_a_limit_that_was_passed(text, sentences):
    """How much was used, how much was allowed, and by whom most of it; a limit that was just reached is kept."""
    assert Budget.read(text).exceeded(USAGE) == sentences


def made(**values):
    """Make a run that went well."""
    return Run(tenant="acme", plugin="p", duration=timedelta(0), outcome=Outcome.OK, **values)


def asked(job, at, tokens, calls=0):
    """Make a run that asked the model and an API."""
    start = datetime.fromisoformat(at)
    return made(
        job=job,
        fire_time=start,
        started_at=start,
        llm_calls=(LlmCall(prompt="?", model="m", text="!", tokens=tokens, at=start),),
        http_calls=tuple(
            HttpCall(method="GET", url="https://api.example.com/", status=200, matched=True, at=start)
            for _ in range(calls)
        ),
    )


WEEK = [
    asked("triage", "2026-01-05T09:00+00:00", 90, calls=2),
    asked("digest", "2026-01-05T23:30+00:00", 60),
    asked("triage", "2026-01-06T09:00+00:00", 120),
    asked("triage", "2026-01-06T10:00+00:00", 30, calls=1),
    asked("triage", "2026-01-07T09:00+00:00", 10),
]
BY_DAY = {
    "llm_tokens@day=150": (None, []),
    "llm_tokens@day=149": (
        None,
        [
            (
                "llm_tokens@day: 150 used on 2026-01-05, the budget is 149 a day; triage used most: 90; "
                "it was passed on 2 days"
            ),
        ],
    ),
    "llm_tokens@day=100": (
        "Asia/Kolkata",  # where it is the sixth already when the digest runs
        ["llm_tokens@day: 210 used on 2026-01-06, the budget is 100 a day; triage used most: 150"],
    ),
    "triage:llm_tokens=200": (None, ["triage:llm_tokens: 250 used, the budget is 200"]),
    "digest:llm_tokens=60": (None, []),
    "triage:llm_tokens@day=100": (
        None,
        ["triage:llm_tokens@day: 150 used on 2026-01-06, the budget is 100 a day"],
    ),
    "digest:llm_tokens@day=100": (None, []),
    "triage:http_calls@api.example.com@day=1": (
        None,
        ["triage:http_calls@api.example.com@day: 2 used on 2026-01-05, the budget is 1 a day"],
    ),
    "busiest_minute@day=0": (
        None,
        [
            (
                "busiest_minute@day: 1 runs started in 2026-01-05 09:00 UTC, the budget is 0 a day; "
                "it was passed on 3 days"
            ),
        ],
    ),
    "emits@day=0": (None, []),
}


@pytest.mark.parametrize(("text", "case"), BY_DAY.items(), ids=BY_DAY)
def test_limits_of_days_and_of_jobs(text, case):
    """The day on which most was used is named; days are those of the simulation's zone."""
    zone, sentences = case
    usage = Usage.from_runs(WEEK, ZoneInfo(zone) if zone else None)
    assert Budget.read(text).exceeded(usage) == sentences


def test_nothing_ran_so_nothing_was_used():
    """A range without runs has no day."""
    assert Budget.read(["llm_tokens@day=0", "a:emits=0", "a:emits@day=0"]).exceeded(Usage()) == []


def test_a_month_has_days():
    """The simulation adds up by day in its own zone, and the sum of the days is the whole."""

    @decorated("ask", schedule="0 */6 * * *")
    def ask(ctx):
        ctx.emit("asked", {})

    month = simulate(Plugin.load({"ask": ask}), World(), duration="2d", tz="Europe/Madrid")
    assert {f"{day}": usage.emits for day, usage in month.usage.days.items()} == {"2026-01-01": 4, "2026-01-02": 4}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("aks:emits@day=5", "budget 'aks:emits@day': the plugin has no job 'aks'; did you mean 'ask'?"),
        ("greeting:emits=5", "budget 'greeting:emits': the plugin has no job 'greeting'; its jobs are ask"),
    ],
)
def test_a_limit_of_a_job_that_is_not_there(text, sentence):
    """It would never be passed, so it is refused before anything runs."""
    plugin = Plugin.load({"ask": decorated("ask", schedule="0 9 * * *")(lambda ctx: ctx.emit("asked", {}))})
    with pytest.raises(BudgetError) as refused:
        Simulator.under(Conditions(budget=Budget.read(text)), plugin, World())
    assert str(refused.value) == sentence


def test_every_limit_that_was_passed_has_its_sentence():
    """In the order in which they were given."""
    messages = Budget.read(["busiest_minute=1", "emits=3", "llm_tokens=1k"]).exceeded(USAGE)
    assert [sentence.partition(":")[0] for sentence in messages] == ["busiest_minute", "llm_tokens"]


def test_a_usage_without_jobs_will_do():
    """Where nobody knows which job it was, nothing is said of it."""
    assert Budget.read("runs=1").exceeded(Usage(runs=2)) == ["runs: 2 used, the budget is 1"]
