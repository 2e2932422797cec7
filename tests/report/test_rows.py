"""The summary by job."""

from datetime import datetime, timedelta

from sbh_jobkit.report.rows import JobLine, JobSummary, summarise
from sbh_jobkit.run.run import Event, Fault, HttpCall


def test_a_job_is_summed_up(ran):
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
    assert summarise([JobLine(name="sync", schedule="0 2 * * *", english="At 02:00")], runs) == [
        JobSummary(
            name="sync",
            schedule="0 2 * * *",
            english="At 02:00",
            runs=4,
            ok=2,
            failures=2,
            expected=1,
            first_failure=datetime.fromisoformat("2026-01-06T02:00+00:00"),
            duration=timedelta(seconds=11),
            longest=timedelta(seconds=5),
            http_calls=2,
            emits=1,
            faults=1,
        )
    ]


def test_jobs_keep_their_order_and_no_run_is_lost(ran):
    """Jobs without runs stay, and a job that only the runs know comes last."""
    runs = [ran("stranger", "2026-01-05T02:00Z"), ran("b", "2026-01-05T02:00Z")]
    told = [(job.name, job.runs, job.first_failure) for job in summarise([JobLine(name="b"), JobLine(name="a")], runs)]
    assert told == [("b", 1, None), ("a", 0, None), ("stranger", 1, None)]
