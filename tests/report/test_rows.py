"""The summary by job."""

from datetime import datetime, timedelta

from sbh_jobkit.run.run import Event, Fault, HttpCall
from sbh_jobkit.simulation.installed import InstalledJob


def test_a_job_is_summed_up(ran, counted):
    """Runs, failures, the first of them, durations, calls, emits and faults are counted by job."""
    at = datetime.fromisoformat("2026-01-05T02:00+00:00")
    call = HttpCall(method="GET", url="https://a", status=200, matched=True, at=at)
    fault = Fault(kind="secret-missing", member="ctx.secrets.get", message="no secret 'K'")
    allowed = Fault(kind="network", member="socket", message="real network", allowed=True)
    runs = [
        ran("sync", "2026-01-05T02:00+00:00", http_calls=(call, call), faults=(allowed,)),
        ran("sync", "2026-01-07T02:00+00:00", "crashed", duration=timedelta(seconds=5)),
        ran("sync", "2026-01-06T02:00+00:00", faults=(fault,), events=(Event(type="a", payload=1, at=at),)),
        ran("sync", "2026-01-08T02:00+00:00", "failed", expected="the API is down"),
    ]
    (job,) = counted(["sync"], runs, schedule="0 2 * * *", english="At 02:00")
    assert job == InstalledJob(name="sync", schedule="0 2 * * *", english="At 02:00", tally=job.tally)
    counts = {
        "runs": 4,
        "ok": 2,
        "failures": 2,
        "expected": 1,
        "first_failure": datetime.fromisoformat("2026-01-06T02:00+00:00"),
        "duration": timedelta(seconds=11),
        "longest": timedelta(seconds=5),
        "http_calls": 2,
        "emits": 1,
        "faults": 1,
    }
    assert {name: getattr(job.tally, name) for name in counts} == counts


def test_jobs_keep_their_order_and_no_run_is_lost(ran, counted):
    """Jobs without runs stay, and a job that only the runs know comes last."""
    runs = [ran("stranger", "2026-01-05T02:00Z"), ran("b", "2026-01-05T02:00Z")]
    jobs = [(job.name, job.tally.runs, job.tally.first_failure) for job in counted(["b", "a"], runs)]
    assert jobs == [("b", 1, None), ("a", 0, None), ("stranger", 1, None)]
