"""The table of policies holds on the core of the engines as in the simulator: the same rows, the same reasons."""

import json
from datetime import UTC, datetime
from heapq import heappop, heappush
from pathlib import Path

import pytest

from sbh_jobkit.engines import claims, heartbeat
from sbh_jobkit.engines.dispatcher import dispatch
from sbh_jobkit.engines.instants import from_store
from sbh_jobkit.engines.planner import PlannedJob, plan
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Action, Policy, Window, decide_still_down
from sbh_jobkit.schedule.schedule import Schedule

CASES = json.loads((Path(__file__).parents[1] / "data" / "policy.json").read_text(encoding="utf-8"))
START = "2026-01-01"
WORKER = "w"


class Day:
    """A scheduler whose clock stands where the next thing happens."""

    def __init__(self, store, case):
        """Read a case."""
        zone = times.zone(case.get("tz", "UTC"))
        self.begin = times.instant(case.get("from", START), zone)
        self.end = times.add(self.begin, times.duration(case["for"]))
        schedule, policy = Schedule(case["schedule"], zone), Policy.from_settings(case.get("policy", {}))
        self.store, self.zone, self.takes = store, zone, [*case.get("takes", [0])]
        self.job = PlannedJob(tenant="t", plugin="p", job="work", schedule=schedule, policy=policy)
        self.down = sorted(tuple(times.instant(at, zone).timestamp() for at in span) for span in case.get("down", []))
        self.events = []
        self.going = {}

    def is_down(self, now):
        """Whether the scheduler is down."""
        return any(start <= now < end for start, end in self.down)

    def live(self):
        """Go from one event to the next: a fire time, the end of a run, the scheduler's return."""
        begin, end = self.begin.timestamp(), self.end.timestamp()
        first = min([begin, *(start for start, _ in self.down)])
        heartbeat.beat(self.store, "s0", first)  # it was alive before the range, where it is down at its start
        with self.store.write() as connection:  # a job that is seen for the first time begins now: here, just before
            mark = {**self.job.key, "schedule": f"{self.job.schedule.expression} {self.zone.key}"}
            connection.execute(self.store.insert(job_mark).values(**mark, planned_to=round((begin - 1) * 1e6)))
        for fire in self.job.schedule.epochs(begin, end):
            heappush(self.events, (fire, "fire"))
        for start, back in self.down:
            heappush(self.events, (start, "down"))
            heappush(self.events, (back, "back"))
        while (self.events and self.events[0][0] < end) or self.going:
            now = self.events[0][0]
            happened = set()
            while self.events and self.events[0][0] == now:
                happened.add(heappop(self.events)[1])
            self.step(now, happened, end)

        self.close(end)

    def close(self, end):
        """End the fire times of a scheduler that comes back only after the range, as the simulator does."""
        plan(self.store, self.job, end - 1, 0)
        for start, back in self.down:
            if back >= end:
                for row in [row for row in self.everything() if row.state == State.DUE]:
                    fire = from_store(row.fire_time)
                    missed = decide_still_down(fire, Window(start=start, end=back), self.zone)
                    ended = {"state": State.ENDED, "outcome": Outcome.MISSED, "reason": missed.reason}
                    with self.store.write() as connection:
                        update = job_run.update().where(self.claim(fire).row)
                        connection.execute(update.values(**ended, finished_at=round(back * 1e6)))

    def everything(self):
        """Read all rows."""
        with self.store.read() as connection:
            return connection.execute(job_run.select()).all()

    def step(self, now, happened, end):
        """Let everything happen that happens at one instant."""
        for fire in [fire for fire, until in self.going.items() if until <= now]:
            self.finish(fire, now)
        if "down" in happened:
            heartbeat.beat(self.store, f"s{self.generation(now)}", now)
        if self.is_down(now):
            return
        heartbeat.beat(self.store, f"s{self.generation(now)}", now)
        plan(self.store, self.job, min(now, end - 1), 0)
        while starts := [
            each for each in dispatch(self.store, self.job, now, WORKER, slots=99) if each.action is Action.START
        ]:
            for each in starts:
                claims.start(self.store, self.claim(each.fire), now)
                takes = self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]
                self.going[each.fire] = now + takes
                if takes:
                    heappush(self.events, (now + takes, "end"))
                else:
                    self.finish(each.fire, now)

    def generation(self, now):
        """Return the number of the scheduler that is alive: each return is another one."""
        return sum(back <= now for _, back in self.down)

    def claim(self, fire):
        """Return the claim of a row."""
        return claims.Claim(tenant="t", plugin="p", job="work", fire=fire, worker=WORKER)

    def finish(self, fire, now):
        """End a run."""
        del self.going[fire]
        at = datetime.fromtimestamp(fire, UTC)
        note = self.job.schedule.note(datetime.fromtimestamp(fire, self.zone))  # which the runner adds to a run
        reason = "; ".join(filter(None, (self.row(fire).reason, note))) or None
        done = {"outcome": Outcome.OK, "reason": reason, "duration": at - at}
        run = Run(tenant="t", plugin="p", job="work", fire_time=at, started_at=at, **done)
        assert claims.finish(self.store, self.claim(fire), run, now)

    def row(self, fire):
        """Read a row."""
        with self.store.read() as connection:
            return connection.execute(job_run.select().where(self.claim(fire).row)).one()

    def rows(self):
        """Return all rows as the table of cases shows them."""
        found = [*self.everything()]
        assert {row.state for row in found} == {State.ENDED}
        found.sort(key=lambda row: (row.started_at or row.finished_at, row.fire_time))
        shown = "%d %H:%M" if self.zone.key == "UTC" else "%d %H:%M%z"

        def at(microseconds, form):
            return microseconds and datetime.fromtimestamp(from_store(microseconds), self.zone).strftime(form)

        return [[at(row.fire_time, shown), at(row.started_at, "%d %H:%M"), row.outcome, row.reason] for row in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_case(case, store):
    """Each fire time has the outcome and the reason of the table."""
    day = Day(store, case)
    day.live()
    assert [row for row in day.rows() if case.get("only") in {None, row[2]}] == case["rows"]
