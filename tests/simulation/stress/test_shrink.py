"""Make a failing scenario smaller: what is left still fails in the same way, and is small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbh_jobkit import Plugin, World
from sbh_jobkit.fakes.faults.plan import Crash, Errors, FaultPlan, Outage, SchedulerDown, Slow, StorageFull
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.run.run import Fault, Outcome, Run, RunError
from sbh_jobkit.run.tally import failure_signature
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.shrink import first_match, is_failure, shrink


def scenario(*faults, start="2026-01-01", end="2026-01-03", tz="UTC", **more):
    """Describe a range and what goes wrong in it."""
    zone = times.zone(tz)
    begin, finish = (times.instant(at, zone) for at in (start, end))
    return Scenario(start=begin, end=finish, zone=zone, plan=FaultPlan(*faults), **more)


def loading(*jobs, setup=lambda world: world):
    """Return what makes a plugin of these jobs, and its world, anew."""

    def load():
        world = World()
        setup(world)
        return Plugin.load({f"job_{number}": each for number, each in enumerate(jobs)}), world

    return load


@job("fetch", schedule="0 * * * *")
def fetch(ctx):
    """Fall over what does not answer."""
    if ctx.http.get("https://api.example.com/data")["status_code"] != 200:
        message = f"no data at {datetime.now(UTC):%H:%M}"  # noqa: TID251  as jobs do
        raise RuntimeError(message)


@job("idle", schedule="*/30 * * * *")
def idle(ctx):
    """Ask another host, whatever it answers."""
    ctx.http.get("https://other.example.com/")


def answering(world):
    """Let both hosts answer."""
    world.http.get("https://api.example.com/data").respond(json=[1])
    world.http.get("https://other.example.com/").respond(json=[1])


LOAD = loading(fetch, idle, setup=answering)
DOWN = Outage("api.example.com", "2026-01-02T03:00Z", "2026-01-02T09:00Z")
BESIDE = (
    Outage("other.example.com", "2026-01-01T00:00Z", "2026-01-03T00:00Z"),
    Slow("idle", by="5s"),
    SchedulerDown("2026-01-02T12:00Z", "2026-01-02T15:00Z"),
    StorageFull("2026-01-01T00:00Z", "2026-01-03T00:00Z"),
)


def first_broken(load, tried):
    """Return the first run of a scenario that breaks."""
    return next(run for run in tried.runs(load) if is_failure(run))


def rows(tried):
    """Write the faults of a scenario as a command line has them."""
    return [str(fault) for fault in tried.plan.faults]


def test_what_does_not_matter_is_dropped():
    """Other jobs, other faults, the time limit, the days before, the time after: none is left; the outage is short."""
    tried = scenario(*BESIDE, DOWN, time_limit=3600)
    found = shrink(LOAD, tried, first_broken(LOAD, tried))
    assert found.scenario == scenario(
        Outage("api.example.com", "2026-01-02T03:00Z", "2026-01-02T03:01Z"),
        start="2026-01-02",
        end="2026-01-02T03:01",
        jobs=("fetch",),
    )
    assert found.run.fire_time.isoformat() == "2026-01-02T03:00:00+00:00"
    assert 0 < found.tries <= 80


def test_what_cannot_be_smaller_stays():
    """A scenario that takes all that it has is returned as it is."""
    tried = scenario(
        Outage("api.example.com", "2026-01-01T00:00Z", "2026-01-01T00:01Z"), end="2026-01-01T00:01", jobs=("fetch",)
    )
    found = shrink(LOAD, tried, first_broken(LOAD, tried))
    assert (found.scenario, found.tries) == (tried, 1)


def test_a_slow_run_is_made_less_slow():
    """Its length is halved as long as it fails, in whole minutes: here it takes more than an hour."""

    @job("work", schedule="0 * * * *")
    def work(ctx):
        last = ctx.files.get("last")
        now = datetime.now(UTC)  # noqa: TID251  as jobs do
        if last and now - datetime.fromisoformat(last["last_modified"]).replace(tzinfo=UTC) > timedelta(minutes=90):
            message = "an hour is missing"
            raise RuntimeError(message)
        ctx.files.upload("last", "x", "text/plain")

    load = loading(work)
    tried = scenario(Slow("work", by="5h"), end="2026-01-02", time_limit=36_000)
    found = shrink(load, tried, first_broken(load, tried))
    assert rows(found.scenario) == ["slow job=work by=75m"]
    assert found.run.error.line.endswith("RuntimeError: an hour is missing")
    assert found.scenario.time_limit == 36_000


def test_a_run_that_starts_late_keeps_what_comes_due_after_it():
    """A range that ends with its due instant has no failure if that takes what other jobs do until it starts."""

    @job("early", schedule="0 1 * * *")
    def early(ctx):
        if ctx.files.get("mark"):
            message = "somebody was here first"
            raise RuntimeError(message)

    @job("later", schedule="30 * * * *")
    def later(ctx):
        ctx.files.upload("mark", "x", "text/plain")

    load = loading(later, early)
    tried = scenario(SchedulerDown("2026-01-01T00:00Z", "2026-01-01T02:30Z"), end="2026-01-01T04:00")
    run = first_broken(load, tried)
    assert run.started_at.isoformat() == "2026-01-01T02:30:00+00:00"
    found = shrink(load, tried, run)
    assert first_match(load, found.scenario, failure_signature(run, cause_only=True)) == found.run
    assert found.scenario.jobs == ()


def test_it_ends_within_its_tries():
    """Many faults that all matter: it stops at eighty tries, with what still fails."""

    @job("picky", schedule="0 0 * * *")
    def picky(ctx):
        hosts = [f"h{number}.example.com" for number in range(100)]
        if all(ctx.http.get(f"https://{host}/")["status_code"] != 200 for host in hosts):
            message = "nobody answers"
            raise RuntimeError(message)

    load = loading(picky, setup=lambda world: world.http.route(host__regex=r"h\d+\.example\.com").respond(json=[]))
    day = ("2026-01-01T00:00Z", "2026-01-01T00:01Z")
    tried = scenario(*(Outage(f"h{number}.example.com", *day) for number in range(100)), end="2026-01-01T00:01")
    tried_often = shrink(load, tried, first_broken(load, tried))
    assert tried_often.tries == 80
    assert len(tried_often.scenario.plan.faults) == 100


def test_where_midnight_does_not_exist():
    """The shortened range begins with the day all the same, and its command repeats it."""

    @job("dawn", schedule="30 1 6 9 *")
    def dawn(ctx):
        del ctx
        message = "too early"
        raise RuntimeError(message)

    load = loading(dawn)
    tried = scenario(start="2026-09-01", end="2026-09-08", tz="America/Santiago")
    found = shrink(load, tried, first_broken(load, tried)).scenario
    assert (found.start.isoformat(), found.end.isoformat()) == (
        "2026-09-06T00:00:00-04:00",
        "2026-09-06T01:31:00-03:00",
    )
    assert found.command("p") == (
        "sbh-jobkit simulate p --from 2026-09-06T00:00-04:00 --for 31m --tz America/Santiago --job dawn"
    )


minutes = st.integers(0, 2 * 24 * 60 - 200)
lengths = st.integers(1, 200)


def at(minute):
    """Return an instant of the two days."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


spans = st.tuples(minutes, lengths).map(lambda span: (at(span[0]), at(sum(span))))
faults = st.one_of(
    st.builds(
        lambda of, span: Outage(of, *span), st.sampled_from(["api.example.com", "*", "other.example.com"]), spans
    ),
    st.builds(lambda span: SchedulerDown(*span), spans),
    st.builds(Slow, st.sampled_from(["fetch", "*"]), st.integers(1, 7200)),
    st.builds(Errors, st.just("api.example.com"), st.sampled_from([0.05, 0.5, 1.0])),
    st.builds(Crash, st.just("idle"), st.just(0.1)),
)


@settings(max_examples=25, deadline=None)
@given(
    plan=st.lists(faults, max_size=4),
    overlap=st.sampled_from(["skip", "queue_one", "allow"]),
    time_limit=st.sampled_from([None, 3600]),
)
def test_what_is_left_fails_in_the_same_way(plan, overlap, time_limit):
    """For any plan: the smaller scenario has the same failure, and is not larger than the first one."""
    tried = scenario(*plan, policy={"*": Policy(overlap=overlap)}, time_limit=time_limit)
    ways = {failure_signature(run, cause_only=True): run for run in reversed(list(tried.runs(LOAD))) if is_failure(run)}
    for how, run in ways.items():
        found = shrink(LOAD, tried, run)
        again = first_match(LOAD, found.scenario, how)
        assert again is not None
        assert (again.fire_time, failure_signature(again, cause_only=True)) == (
            found.run.fire_time,
            failure_signature(found.run, cause_only=True),
        )
        assert failure_signature(found.run, cause_only=True) == how
        assert found.tries <= 80
        assert len(found.scenario.plan.faults) <= len(plan)
        assert tried.start <= found.scenario.start < found.scenario.end <= tried.end


AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def run(outcome="ok", **more):
    """Make a run."""
    given_ = {"started_at": AT, "duration": timedelta(0), **more}
    return Run(tenant="acme", plugin="p", job="work", fire_time=AT, outcome=Outcome(outcome), **given_)


def fault(*, allowed=False):
    """Make a fault."""
    return Fault(kind="secret-missing", member="ctx.secrets.get", message="no secret 'K7'", allowed=allowed)


def error(message):
    """Make an error."""
    return RunError(type="RuntimeError", message=message, place="main.py:7")


MANNERS = [
    (run(), False, ("work", "ok", "")),
    (run("skipped", started_at=None, reason="skipped: …"), False, ("work", "skipped", "skipped: …")),
    (run("failed", reason="3 of 7"), True, ("work", "failed", "# of #")),
    (run("failed", reason="3 of 7", injected_faults=("outage",)), False, ("work", "failed", "# of #")),
    (
        run("failed", reason="x", injected_faults=("outage",), faults=(fault(allowed=True),)),
        False,
        ("work", "failed", "x"),
    ),
    (
        run("failed", reason="x", injected_faults=("outage",), faults=(fault(),)),
        True,
        ("work", "failed", "secret-missing: no secret 'K#'"),
    ),
    (run(faults=(fault(allowed=True), fault())), True, ("work", "ok", "secret-missing: no secret 'K#'")),
    (run(faults=(fault(allowed=True),)), False, ("work", "ok", "")),
    (run("timed_out", reason="the limit is 30 s"), True, ("work", "timed_out", "the limit is # s")),
    (
        run("crashed", error=error("at 02:00"), injected_faults=("outage",)),
        True,
        ("work", "crashed", "RuntimeError: at #:#"),
    ),
    (run("crashed", error=error("x"), expected="known"), False, ("work", "crashed", "RuntimeError: x")),
]


@pytest.mark.parametrize(("done", "broken", "how"), MANNERS)
def test_manners(done, broken, how):
    """What breaks, and how: a run that says so when a fault of the plan has hit it does what it should."""
    assert (is_failure(done), failure_signature(done, cause_only=True)) == (broken, how)
