"""The kinds of faults in a plan, as values and as lines."""

from __future__ import annotations

import shlex
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.errors import FaultPlanError
from sbh_jobkit.fakes.faults.kinds import (
    KINDS,
    Crash,
    Errors,
    Latency,
    Outage,
    RateLimit,
    SchedulerCrash,
    SchedulerDown,
    Slow,
    StorageFull,
)
from sbh_jobkit.fakes.faults.parse import parse

API = "api.example.com"
START, END = "2026-01-12T02:00", "2026-01-12T05:00"
SPAN = f"start={START} end={END}"

LINES = [
    (Outage(API, START, END), f"outage of={API} {SPAN}"),
    (Outage("API.Example.com", START, END, status=502), f"outage of={API} {SPAN} status=502"),
    (
        Outage("*", date(2026, 1, 12), "2026-01-12 05:00:30"),
        "outage of=* start=2026-01-12T00:00 end=2026-01-12T05:00:30",
    ),
    (
        Outage("localhost", "2026-01-12T02:00+01:00", datetime(2026, 1, 12, 5, tzinfo=UTC)),
        "outage of=localhost start=2026-01-12T02:00+01:00 end=2026-01-12T05:00Z",
    ),
    (Errors("llm", 0.1), "errors of=llm rate=0.1"),
    (Errors(API, 1, 429, end=END), f"errors of={API} rate=1 status=429 end={END}"),
    (Latency("db", "300ms"), "latency of=db median=300ms"),
    (Latency("files", 2, "1m30s", start=START), f"latency of=files median=2s p99=90s start={START}"),
    (Latency("*", 0.0005, timedelta(minutes=2)), "latency of=* median=0.0005 p99=2m"),
    (RateLimit("llm", 60), "rate_limit of=llm per_minute=60"),
    (RateLimit("::1", 1), "rate_limit of=::1 per_minute=1"),
    (StorageFull(START, END), f"storage_full {SPAN}"),
    (SchedulerDown(START, END), f"scheduler_down {SPAN}"),
    (SchedulerCrash(START, END), f"scheduler_crash {SPAN}"),
    (Crash("sync"), "crash job=sync"),
    (Crash('a "big" job', 0.25, call=3), r'crash job="a \"big\" job" rate=0.25 call=3'),
    (Crash("sync", at=START), f"crash job=sync at={START}"),
    (Slow("*", "45m"), "slow job=* by=45m"),
]


@pytest.mark.parametrize(("fault", "line"), LINES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_fault_and_its_line(fault, line):
    """A fault gives its line, and the line gives an equal fault."""
    assert (str(fault), parse(line)) == (line, fault)


def test_every_kind_is_in_the_table():
    """The table of these tests has every kind of fault."""
    assert {type(fault) for fault, _ in LINES} == set(KINDS.values())


times_ = st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2100, 1, 1))  # noqa: DTZ001  naive or aware
instants = st.one_of(times_, times_.map(lambda at: at.replace(tzinfo=UTC)), times_.map(lambda at: at.isoformat(" ")))
spans = st.tuples(times_, st.timedeltas(timedelta(seconds=1), timedelta(days=9))).map(lambda s: (s[0], s[0] + s[1]))
open_spans = st.one_of(st.just((None, None)), instants.map(lambda at: (at, None)), spans)
targets = st.sampled_from([API, "*", "llm", "db", "files", "127.0.0.1", "2001:db8::1", "my-api.eu"])
hosts = st.sampled_from([API, "*", "localhost"])
rates = st.floats(0, 1)
lengths = st.one_of(st.floats(1e-9, 2e6), st.integers(1, 2_000_000).map(lambda n: timedelta(milliseconds=n)))
jobs = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1).filter(
    lambda name: name.strip() and name.isprintable()
)
faults = st.one_of(
    st.builds(lambda of, span, status: Outage(of, *span, status), hosts, spans, st.none() | st.integers(400, 599)),
    st.builds(lambda of, rate, span: Errors(of, rate, 503, *span), targets, rates, open_spans),
    st.builds(
        lambda of, pair, span: Latency(of, *sorted(pair, key=_seconds), *span),
        targets,
        st.tuples(lengths, lengths),
        open_spans,
    ),
    st.builds(Latency, targets, lengths),
    st.builds(RateLimit, st.sampled_from([API, "llm"]), st.integers(1)),
    st.builds(lambda span: StorageFull(*span), spans),
    st.builds(lambda span: SchedulerDown(*span), spans),
    st.builds(lambda span: SchedulerCrash(*span), spans),
    st.builds(Crash, jobs, rates, call=st.integers(1)),
    st.builds(Crash, jobs, at=instants),
    st.builds(Slow, jobs, lengths),
)


def _seconds(length):
    return length.total_seconds() if isinstance(length, timedelta) else length


@given(faults)
def test_a_line_is_read_as_it_was_written(fault):
    """`parse` and `str` are inverse, also through a shell; a line is one line."""
    line = str(fault)
    assert parse(line) == fault
    assert "\n" not in line
    assert parse(*shlex.split(shlex.quote(line))) == fault


def test_values_are_kept_in_one_spelling():
    """Two spellings of a value make equal faults, because the line seeds the random decisions."""
    paris = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)
    spellings = {
        Outage(API.upper(), "2026-10-25T02:30+01:00", "2026-10-25T03:00+01:00"),
        Outage(API, paris, "2026-10-25 03:00:00+01:00"),
    }
    assert len(spellings) == 1
    assert Latency("llm", "2s") == Latency("llm", 2) == Latency("llm", timedelta(seconds=2))


def test_a_window_is_in_the_zone():
    """Naive times are wall-clock times of the zone in force; without one, the fault is always in force."""
    zone = ZoneInfo("Europe/Paris")
    window = Outage(API, "2026-07-01T02:00", "2026-07-01T00:30Z").window(zone)
    assert window.end - window.start == 1800
    assert 0.0 in Errors(API, 0.5).window(zone)


ONE = "a host such as 'api.example.com', '*' for every host, or one of llm, db, files; got"
WRONG = [
    (lambda: Outage("lm", START, END), f"outage: of must be {ONE} 'lm'; did you mean 'llm'?"),
    (lambda: Outage("database", START, END), f"outage: of must be {ONE} 'database'"),
    (lambda: Errors("https://a.eu/x", 0.1), f"errors: of must be {ONE} 'https://a.eu/x', whose host is 'a.eu'"),
    (lambda: Latency(7, "2s"), f"latency: of must be {ONE} 7"),
    (lambda: Outage("", START, END), f"outage: of must be {ONE} ''"),
    (lambda: Outage("db", START, END, 503), "outage: db has no HTTP status; remove status=503"),
    (lambda: Errors("files", 0.1, 500), "errors: files has no HTTP status; remove status=500"),
    (lambda: Outage(API, START, END, 200), "outage: status must be an HTTP error status, 400 to 599, got 200"),
    (lambda: Errors(API, 0.1, "502"), "errors: status must be an HTTP error status, 400 to 599, got '502'"),
    (lambda: Outage(API, END, START), f"outage: the end {START} is not after the start {END}"),
    (lambda: StorageFull(START, START), f"storage_full: the end {START} is not after the start {START}"),
    (
        lambda: SchedulerDown("noon", END),
        "scheduler_down: start: 'noon' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
    ),
    (
        lambda: Outage(API, None, END),
        "outage: start: None is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
    ),
    (lambda: Errors(API, 1.5), "errors: rate must be a number from 0 to 1, got 1.5"),
    (lambda: Errors(API, float("nan")), "errors: rate must be a number from 0 to 1, got nan"),
    (lambda: Errors(API, True), "errors: rate must be a number from 0 to 1, got True"),
    (lambda: Crash("sync", -0.1), "crash: rate must be a number from 0 to 1, got -0.1"),
    (
        lambda: Latency("llm", "soon"),
        "latency: median: 'soon' is not a latency; use a number of seconds from 0, or text such as '300ms' or '2s'",
    ),
    (lambda: Latency("llm", 0), "latency: median must be longer than zero, got 0"),
    (lambda: Latency("llm", "2s", "300ms"), "latency: p99=300ms is less than median=2s"),
    (lambda: Slow("sync", "32d"), "slow: by must be at most 31 days, got '32d'"),
    (lambda: RateLimit("db", 60), "rate_limit: db cannot have one; use a host or llm"),
    (lambda: RateLimit(API, 0.5), "rate_limit: per_minute must be a whole number of at least 1, got 0.5"),
    (lambda: Crash("sync", call=0), "crash: call must be a whole number of at least 1, got 0"),
    (lambda: Crash("sync", 0.1, START), "crash: give a rate or the fire time of one run (at), not both"),
    (lambda: Crash(""), "crash: job must be the name of a job, or '*' for every job, got ''"),
    (lambda: Slow("a\nb", 1), "slow: job must be the name of a job, or '*' for every job, got 'a\\nb'"),
    (lambda: parse(""), "a fault is a line such as 'outage of=api.example.com start=… end=…', got ''"),
    (lambda: parse(None), "a fault is a line such as 'outage of=api.example.com start=… end=…', got None"),
    (lambda: parse("slow job='x"), 'the fault "slow job=\'x" has an unclosed quotation mark, or ends with a backslash'),
    (lambda: parse("outtage of=db"), "unknown fault 'outtage'; did you mean 'outage'?"),
    (
        lambda: parse("earthquake"),
        f"unknown fault 'earthquake'; use one of {', '.join(KINDS)}",
    ),
    (
        lambda: parse(f"outage {API}"),
        f"'{API}' is not a setting of outage; write NAME=VALUE, such as of=api.example.com",
    ),
    (lambda: parse("slow job=a job=b by=2s"), "slow: job is given twice, as 'a' and as 'b'"),
    (lambda: parse("slow jobs=a by=2s"), "slow has no setting 'jobs'; did you mean 'job'?"),
    (
        lambda: parse("outage of=db start=2026-01-01 end=2026-01-02 answer=html"),
        "outage: db has no wrong answer; remove answer='html'",
    ),
    (
        lambda: parse("outage of=llm start=2026-01-01 end=2026-01-02 answer=html"),
        "outage: the answer of llm can be 'text', got 'html'",
    ),
    (
        lambda: parse("outage of=a.example start=2026-01-01 end=2026-01-02 answer=json"),
        "outage: the answer of a.example can be 'html', got 'json'",
    ),
    (
        lambda: parse("outage of=a.example start=2026-01-01 end=2026-01-02 answer=html status=500"),
        "outage: give a status or an answer, not both: a wrong answer has the status 200",
    ),
    (lambda: parse("slow xyz=a"), "slow has no setting 'xyz'; it takes job, by, expect"),
    (lambda: parse("outage of=db"), "outage needs start and end; it takes of, start, end, status, answer, expect"),
    (lambda: parse("errors of=db rate=often"), "errors: rate must be a number from 0 to 1, got 'often'"),
    (lambda: parse("crash job=a call=1.5"), "crash: call must be a whole number of at least 1, got '1.5'"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message[:50] for _, message in WRONG])
def test_what_is_none_is_refused(make, message):
    """A wrong value is an error when the fault is made, in one sentence."""
    with pytest.raises(FaultPlanError) as refused:
        make()
    assert str(refused.value) == message


SKIPPED = "clocks skip it; use 2026-03-29T03:00:00, when jobs due then fire, or add an offset"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            Outage(API, "2026-03-29T02:30", "2026-03-29T04:00"),
            f"outage: 2026-03-29T02:30:00 does not exist in Europe/Paris: {SKIPPED}",
        ),
        (
            SchedulerDown("2026-07-01T02:00", "2026-07-01T00:00Z"),
            "scheduler_down: the end 2026-07-01T00:00Z is not after the start 2026-07-01T02:00",
        ),
    ],
)
def test_what_is_none_in_a_zone_is_refused_there(fault, message):
    """A time that clocks skip, or an end before its start that only the zone reveals."""
    with pytest.raises(FaultPlanError) as refused:
        fault.window(ZoneInfo("Europe/Paris"))
    assert str(refused.value) == message
