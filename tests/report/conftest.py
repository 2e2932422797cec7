"""Runs as the tests of the views write them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.report.html.simulation import report
from sbh_jobkit.run.run import Fault, Outcome, Run
from sbh_jobkit.simulation.installed import InstalledJob, InstalledPlugin

PARIS = ZoneInfo("Europe/Paris")
FAULT = Fault(
    kind="secret-missing",
    member="ctx.secrets.get",
    message="no secret 'KEY'",
    place="main.py:7",
    advice='world.secrets["KEY"] = "…"',
)
VERDICTS = {
    "ok": {},
    "failed": {"outcome": "failed"},
    "crashed": {"outcome": "crashed"},
    "timed_out": {"outcome": "timed_out"},
    "out_of_memory": {"outcome": "out_of_memory"},
    "missed": {"outcome": "missed", "started_at": None},
    "skipped": {"outcome": "skipped", "started_at": None, "reason": "max instances: the last run is still going"},
    "coalesced": {"outcome": "coalesced", "started_at": None, "reason": "folded into the run of 09:00"},
    "lost": {"outcome": "lost", "reason": "lost: its worker died"},
    "cancelled": {"outcome": "cancelled", "reason": "cancelled by ann"},
    "faulty": {"faults": (FAULT,)},
    "expected": {"outcome": "crashed", "expected": "the API is under maintenance"},
    "unexpected_ok": {"expected": "the API is under maintenance"},
}


def counted(jobs, runs, **more):
    """Return the jobs of a plugin with the counts of their runs, as a simulation does."""
    listed = tuple(InstalledJob(**{"schedule": None, "english": None, "name": name, **more}) for name in jobs)
    month = {"start": datetime(2026, 1, 1, tzinfo=PARIS), "end": datetime(2026, 1, 31, tzinfo=PARIS), "zone": PARIS}
    plugin = InstalledPlugin(path="p", slug="p", name="P", jobs=listed, **month)
    plugin.add(runs, "acme")
    return plugin.jobs


@pytest.fixture(name="counted")
def counted_fixture():
    """Give tests the function."""
    return counted


@pytest.fixture
def ran():
    """Make a run of a job at an ISO time, two seconds long by default."""

    def make(job, at, outcome="ok", **more):
        fire_time = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        given = {"duration": timedelta(seconds=2), "started_at": fire_time, **more}
        return Run(tenant="acme", plugin="hub_ops", job=job, fire_time=fire_time, outcome=Outcome(outcome), **given)

    return make


@pytest.fixture
def judged(ran):
    """Make a run of a verdict, of a job named as the verdict."""

    def make(verdict, at="2026-01-05T00:00+00:00"):
        return ran(verdict, at, **VERDICTS[verdict])

    return make


@pytest.fixture
def every_verdict(judged):
    """One run of each verdict, an hour apart."""
    return [judged(verdict, f"2026-01-05T{hour:02}:00+00:00") for hour, verdict in enumerate(VERDICTS)]


@pytest.fixture
def written():
    """Write a report of January 2026 in Paris."""

    def write(runs, jobs=(), **more):
        given = {
            "title": "hub_ops, 30 days",
            "plugin": "hub_ops",
            "start": datetime(2026, 1, 1, tzinfo=PARIS),
            "end": datetime(2026, 1, 31, tzinfo=PARIS),
            "zone": "Europe/Paris",
            "jobs": counted(jobs, runs),
            "runs": runs,
            "rerun": lambda run: f"sbh-jobkit run hub_ops {run.job} --at {run.fire_time.isoformat()}",
        }
        return report(**{**given, **more})

    return write
