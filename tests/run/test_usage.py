"""What runs used, added up run by run."""

import gc
import json
import time
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit import Plugin, Policy, Simulator, Usage, World, simulate
from sbh_jobkit.plugin.sdk import job as decorated
from sbh_jobkit.run.run import Event, FileChange, HttpCall, LlmCall, Outcome, Run
from sbh_jobkit.run.usage import Meter, Minute

AT = datetime.fromisoformat("2026-01-05T09:00:00+00:00")


def called(url, method="GET"):
    """Make a request."""
    return HttpCall(method=method, url=url, status=200, matched=True, at=AT)


def asked(tokens):
    """Make a prompt."""
    return LlmCall(prompt="p", model="m", text="t", tokens=tokens, at=AT)


def written(action, size):
    """Make a change of a file."""
    return FileChange(action=action, key="k", size=size)


def made(job="work", at=AT, outcome="ok", **more):
    """Make a run that was due and started at an ISO time."""
    fire_time = datetime.fromisoformat(at) if isinstance(at, str) else at
    given = {"started_at": fire_time, "duration": timedelta(0), **more}
    return Run(tenant="acme", plugin="shop", job=job, fire_time=fire_time, outcome=Outcome(outcome), **given)


RICH = made(
    "rich",
    http_calls=(called("https://a.example/1"), called("https://b.example/", "POST"), called("https://a.example/2")),
    llm_calls=(asked(100), asked(20)),
    files=(written("uploaded", 1_000), written("deleted", 500), written("uploaded", 24)),
    events=(Event(type="e", payload={}, at=AT),) * 2,
    rows_read=7,
)
RICH_USED = {
    "runs": 1,
    "llm_tokens": 120,
    "llm_calls": 2,
    "http_calls": 3,
    "rows_read": 7,
    "bytes_written": 1_024,
    "emits": 2,
    "http_calls_by_host": {"a.example": 2, "b.example": 1},
    "busiest_minute": Minute(at=AT, runs=1),
}


def test_everything_is_added_up_in_all_and_by_job():
    """Amounts add up; what was deleted was not written; each job has the same of its own."""
    poor = made("poor", AT + timedelta(minutes=1), llm_calls=(asked(5),), http_calls=(called("https://b.example"),) * 2)
    assert Usage.from_runs([RICH, poor]) == Usage(
        runs=2,
        llm_tokens=125,
        llm_calls=3,
        http_calls=5,
        rows_read=7,
        bytes_written=1_024,
        emits=2,
        http_calls_by_host={"b.example": 3, "a.example": 2},
        busiest_minute=Minute(at=AT, runs=1),
        jobs={
            "rich": Usage(**RICH_USED),
            "poor": Usage(
                runs=1,
                llm_tokens=5,
                llm_calls=1,
                http_calls=2,
                http_calls_by_host={"b.example": 2},
                busiest_minute=Minute(at=AT + timedelta(minutes=1), runs=1),
            ),
        },
    )
    assert list(Usage.from_runs([RICH, poor]).http_calls_by_host) == ["b.example", "a.example"]


@pytest.mark.parametrize("outcome", ["failed", "crashed", "timed_out", "out_of_memory", "lost", "cancelled"])
def test_what_a_failing_run_used_counts(outcome):
    """A model is paid for the tokens of a run that crashed, too."""
    assert Usage.from_runs([replace(RICH, outcome=Outcome(outcome))]).llm_tokens == 120


@pytest.mark.parametrize("outcome", ["skipped", "coalesced", "missed"])
def test_what_did_not_start_used_nothing(outcome):
    """A due instant without a run used nothing."""
    assert Usage.from_runs([made(outcome=outcome, started_at=None)]) == Usage()


HOSTS = {
    "https://api.example.com": "api.example.com",
    "https://api.example.com/v1?at=https://b.example": "api.example.com",
    "https://API.Example.com:8443/v1": "api.example.com",
    "https://api.example.com?q=a@b": "api.example.com",
    "https://ann:pass@api.example.com/": "api.example.com",
    "https://‹secret:USER›:‹secret:a/b@c›@api.example.com/": "api.example.com",
    "https://‹secret:TENANT›.example.com/x": "‹secret:TENANT›.example.com",
    "https://‹secret:HOST›:8443/x": "‹secret:HOST›",
    "‹secret:FLEET_API_URL›/runners": "‹secret:FLEET_API_URL›",
    "‹secret:url: a/b?c›?x=1": "‹secret:url: a/b?c›",
    "http://127.0.0.1:8000/x": "127.0.0.1",
    "http://[::1]:8000/x": "[::1]",
    "/data": "no host",
    "https://": "no host",
    "mailto:ann@example.com": "no host",
    "a value of type int": "no host",
    "": "no host",
}


@pytest.mark.parametrize(("url", "host"), HOSTS.items())
def test_the_host_of_a_call(url, host):
    """Without user, port and path; a host that is kept as a secret is called by the secret's name."""
    usage = Usage.from_runs([made(http_calls=(called(url),))])
    assert (usage.http_calls_by_host, usage.amount(f"http_calls@{host}")) == ({host: 1}, 1)


def test_amounts_go_by_the_names_of_a_budget():
    """Each by its own name, the calls to a host by `http_calls@`, in whatever letters, the minute by its runs."""
    usage = Usage.from_runs([RICH])
    names = ["runs", "llm_tokens", "rows_read", "http_calls@A.example", "http_calls@c.example", "busiest_minute"]
    assert [usage.amount(name) for name in names] == [1, 120, 7, 2, 0, 1]
    assert [Usage().amount(name) for name in names] == [0] * 6


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("llm_tokens", ("rich", 120)),
        ("http_calls@b.example", ("poor", 2)),
        ("runs", ("rich", 1)),
        ("http_calls@c.example", None),
    ],
)
def test_the_job_that_used_most_is_known(name, most):
    """Of several that used as much it is the first; of what nobody used it is none."""
    poor = made("poor", http_calls=(called("https://b.example"),) * 2)
    assert Usage.from_runs([RICH, poor]).most(name) == most


MINUTES = {
    "none": ([], None),
    "one": (["2026-01-05T09:00:59+00:00"], ("2026-01-05T09:00:00+00:00", 1)),
    "two in a minute, not two within sixty seconds": (
        ["2026-01-05T09:00:59", "2026-01-05T09:01:00", "2026-01-05T09:01:59"],
        ("2026-01-05T09:01:00", 2),
    ),
    "the first of equals": (["2026-01-05T09:00", "2026-01-05T10:00"], ("2026-01-05T09:00:00", 1)),
    "zones do not matter, the first one tells the time": (
        ["2026-01-05T09:00+01:00", "2026-01-05T08:00:30+00:00"],
        ("2026-01-05T09:00:00+01:00", 2),
    ),
    "the hour that occurs twice": (
        ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00", "2026-10-25T02:30:10+01:00"],
        ("2026-10-25T02:30:00+01:00", 2),
    ),
}


@pytest.mark.parametrize(("starts", "busiest"), MINUTES.values(), ids=MINUTES)
def test_the_busiest_minute(starts, busiest):
    """The minute of the clock in which most runs started, and how many."""
    zone = ZoneInfo("Europe/Paris")
    times = [datetime.fromisoformat(start) for start in starts]
    found = Usage.from_runs(made(at=at if at.tzinfo else at.replace(tzinfo=zone)) for at in times).busiest_minute
    if busiest is not None:
        at = datetime.fromisoformat(busiest[0])
        busiest = Minute(at=at if at.tzinfo else at.replace(tzinfo=zone), runs=busiest[1])
    assert found == busiest


def test_a_run_that_started_late_counts_when_it_started():
    """Two fire times that were caught up at one instant are busy then."""
    late = made(at="2026-01-05T08:00+00:00", started_at=AT)
    assert Usage.from_runs([late, made()]).busiest_minute == Minute(at=AT, runs=2)


def working(ctx):
    """Use a bit of everything."""
    ctx.db.query("users", limit=2)
    ctx.db.get_by_id("users", 3)
    ctx.db.count("users")
    ctx.http.post("https://api.example.com/x")
    ctx.llm.run("one two three")
    ctx.files.upload("a.txt", "12345")
    ctx.emit("e", {})


def ready():
    """Make a world in which that works."""
    world = World()
    world.db.insert("users", [{"name": "Ann"}, {"name": "Bob"}, {"name": "Cyd"}])
    world.http.post("https://api.example.com/x").respond(201)
    world.llm.reply("four five")
    return world


DAILY = Plugin.load({"daily": decorated("daily", schedule="0 9 * * *")(working)})
DAY = {
    "runs": 1,
    "llm_tokens": 5,
    "llm_calls": 1,
    "http_calls": 1,
    "rows_read": 3,
    "bytes_written": 5,
    "emits": 1,
    "http_calls_by_host": {"api.example.com": 1},
}


def test_a_simulation_knows_its_usage():
    """`simulation.usage` adds up its runs, as a stream of the same runs does, and is plain JSON."""
    month = simulate(DAILY, ready(), duration="3d")
    plain = {
        **{name: number * 3 for name, number in DAY.items() if name != "http_calls_by_host"},
        "http_calls_by_host": {"api.example.com": 3},
        "busiest_minute": {"at": "2026-01-01T09:00:00+00:00", "runs": 1},
    }
    assert month.usage.to_dict() == {**plain, "jobs": {"daily": plain}}
    assert json.loads(json.dumps(month.usage.to_dict())) == month.usage.to_dict()
    assert Usage.from_runs(Simulator(DAILY, ready(), duration="3d").runs()) == month.usage


def test_a_meter_is_read_on_the_way():
    """The usage of a stream can be read after each run."""
    meter, seen = Meter(), []
    for run in Simulator(DAILY, ready(), duration="3d").runs():
        meter.add(run)
        seen.append(meter.usage().rows_read)
    assert seen == [3, 6, 9]


def test_skipped_runs_use_nothing():
    """Runs that overlap are skipped, and two at once start in one minute."""
    slow = decorated("slow", schedule="* * * * *")(lambda ctx: ctx and time.sleep(90))
    quick = decorated("quick", schedule="* * * * *")(lambda ctx: ctx and None)
    plugin = Plugin.load({"slow": slow, "quick": quick})
    usage = simulate(plugin, World(time_limit=100), duration="4m", policy=Policy()).usage
    assert (usage.runs, usage.jobs["slow"].runs, usage.jobs["quick"].runs) == (6, 2, 4)
    assert usage.busiest_minute == Minute(at=datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")), runs=2)


def test_a_stream_costs_no_memory():
    """Five thousand runs are added up in less than fifty kilobytes."""
    runs = (replace(RICH, started_at=AT + timedelta(minutes=number // 3)) for number in range(5_000))
    gc.collect()
    tracemalloc.start()
    try:
        usage = Usage.from_runs(runs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (usage.runs, usage.llm_tokens, usage.busiest_minute) == (5_000, 600_000, Minute(at=AT, runs=3))
    assert peak < 50_000


def test_a_usage_fits_a_line():
    """In a notebook it shows its amounts; those of each job are asked for."""
    assert repr(Usage.from_runs([made()])) == (
        "Usage(runs=1, llm_tokens=0, llm_calls=0, http_calls=0, rows_read=0, bytes_written=0, emits=0, "
        "http_calls_by_host={}, busiest_minute=Minute(at=datetime.datetime(2026, 1, 5, 9, 0, "
        "tzinfo=datetime.timezone.utc), runs=1))"
    )


def test_the_old_name_still_works():
    """`Usage.of` is `Usage.from_runs`."""
    assert Usage.of([RICH]) == Usage.from_runs([RICH])
