"""The table of policies holds on the core of the engines as in the simulator: the same rows, the same reasons."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.rehearsal import Rehearsal
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Policy, Window
from sbh_jobkit.schedule.schedule import Schedule

CASES = json.loads((Path(__file__).parents[1] / "data" / "policy.json").read_text(encoding="utf-8"))
START = "2026-01-01"


def decided(store, case):
    """Let the core decide a case, and return its rows as the table shows them."""
    zone = times.zone(case.get("tz", "UTC"))
    begin = times.instant(case.get("from", START), zone)
    end = times.add(begin, times.duration(case["for"]))
    schedule, policy = Schedule(case["schedule"], zone), Policy.from_settings(case.get("policy", {}))
    job = PlannedJob(tenant="t", plugin="p", job="work", schedule=schedule, policy=policy)
    takes = [*case.get("takes", [0])]
    down = [[times.instant(at, zone).timestamp() for at in span] for span in sorted(case.get("down", []))]
    rehearsal = Rehearsal(
        store,
        [job],
        begin.timestamp(),
        end.timestamp(),
        takes=lambda *_: takes.pop(0) if len(takes) > 1 else takes[0],
        down=[Window(start=start, end=back) for start, back in down],
    )
    found = sorted(rehearsal.run(), key=lambda row: (row.started or row.fire, row.fire))
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
    assert sorted(rows) == sorted(case["rows"])
