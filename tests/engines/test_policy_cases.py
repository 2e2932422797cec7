"""The table of policies holds on the core of the engines as in the simulator: the same rows, the same reasons."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from sbh_jobkit import Plugin, Simulator, World
from sbh_jobkit.cli.parity import find_differences, rehearse
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.rehearsal import Rehearsal, RunEnd
from sbh_jobkit.engines.store import Store
from sbh_jobkit.fakes.faults.plan import FaultPlan, SchedulerCrash, SchedulerDown
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import CATCH_UP, OVERLAP, Policy, Window
from sbh_jobkit.schedule.schedule import Schedule

CASES = json.loads((Path(__file__).parents[1] / "data" / "policy.json").read_text(encoding="utf-8"))
START = "2026-01-01"


def decided(store, case):
    """Let the core decide a case, and return its rows as the table shows them."""
    zone = times.zone(case.get("tz", "UTC"))
    begin = times.instant(case.get("from", START), zone)
    end = times.add(begin, times.duration(case["for"]))
    schedule, policy = Schedule(case["schedule"], zone), Policy.from_settings(case.get("policy", {}))
    planned = PlannedJob(tenant="t", plugin="p", job="work", schedule=schedule, policy=policy)
    takes, outcomes = [*case.get("takes", [0])], [*case.get("ends", ["ok"])]
    down = [[times.instant(at, zone).timestamp() for at in span] for span in sorted(case.get("down", []))]
    rehearsal = Rehearsal(
        store,
        [planned],
        begin.timestamp(),
        end.timestamp(),
        ends=lambda *_: RunEnd(*(each.pop(0) if len(each) > 1 else each[0] for each in (takes, outcomes))),
        down=[Window(start=start, end=back) for start, back in down],
    )
    found = sorted(rehearsal.run(), key=lambda row: (row.started or row.fire, row.fire, row.attempt))
    shown = "%d %H:%M" if zone.key == "UTC" else "%d %H:%M%z"

    def reason(row):
        note = schedule.note(datetime.fromtimestamp(row.fire, zone))  # which the runner adds to a run
        return "; ".join(filter(None, (row.reason, row.started is not None and note))) or None

    def at(epoch, form):
        return epoch and datetime.fromtimestamp(epoch, zone).strftime(form)

    return [[at(row.fire, shown), at(row.started, "%d %H:%M"), row.outcome, reason(row)] for row in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_case(case, store):
    """Each fire time has the outcome and the reason of the table."""
    rows = [row for row in decided(store, case) if case.get("only") in {None, row[2]}]
    assert sorted(rows, key=str) == sorted(case["rows"], key=str)


def failing(schedule, takes, ends):
    """Return a plugin whose runs take these seconds and end like this, one after another; the last ones repeat."""
    lengths, outcomes = iter(takes[:-1]), iter(ends[:-1])

    @job("work", schedule=schedule)
    def work(ctx):
        del ctx
        time.sleep(next(lengths, takes[-1]))
        if not next(outcomes, ends[-1]):
            raise ValueError

    return Plugin.load({"work": work})


minutes = st.integers(-100, 700)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    schedule=st.sampled_from(["*/20 * * * *", "0 * * * *", "7 0,1,2,3 * * *"]),
    takes=st.lists(st.integers(1, 9000), min_size=1, max_size=6),
    ends=st.lists(st.booleans(), min_size=1, max_size=6),
    policy=st.builds(
        Policy,
        max_instances=st.integers(1, 2),
        overlap=st.sampled_from(OVERLAP),
        misfire_grace=st.none() | st.sampled_from(["0s", "10m", "2h"]),
        catch_up=st.sampled_from(CATCH_UP),
        retry=st.integers(0, 3),
        backoff=st.sampled_from(["1s", "20m", "1h"]),
    ),
    spans=st.lists(
        st.tuples(st.sampled_from([SchedulerDown, SchedulerCrash]), minutes, st.integers(1, 300)), max_size=2
    ),
)
@example(  # down again shortly before the range, after a time in which nothing was due
    schedule="0 * * * *",
    takes=[1577],
    ends=[True],
    policy=Policy(catch_up="all"),
    spans=[(SchedulerDown, -1, 89), (SchedulerCrash, -49, 26)],
)
def test_simulator_and_core_decide_alike(schedule, takes, ends, policy, spans):
    """With any policy and downtime, and whatever fails, both have the same rows."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    down = [kind(begin + timedelta(minutes=at), begin + timedelta(minutes=at + length)) for kind, at, length in spans]
    plugin, world = failing(schedule, takes, ends), World(time_limit=10**6)
    simulator = Simulator(plugin, world, start=START, duration="10h", policy=policy, faults=FaultPlan(*down))
    runs = list(simulator.runs())
    store = Store.open("sqlite:///:memory:", in_memory=True)
    try:
        decided = rehearse(store, simulator, runs, None)
    finally:
        store.close()
    assert [each.to_dict() for each in find_differences(runs, decided)] == []
