"""The table plugin_jobs as a scheduler keeps it: every served job is in it, also those that are manual only."""

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.jobs import job_rows
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone


def test_manual_jobs_are_in_it(serving, scripted, job, store, wait):
    """Before they ever ran, without a schedule and a next run; and after a run by hand, with it."""
    jobs = [job("count", Schedule("0 0 1 1 *")), job("slow", ManualOnly(zone("Europe/Paris")))]

    def rows():
        with store.read() as connection:
            found = job_rows(connection, "acme", now())
        return {
            row["name"]: [row[name] for name in ("schedule_cron", "status", "next_run_at", "runs")] for row in found
        }

    with serving(jobs, scripted) as engine:
        wait(lambda: "slow" in rows())
        assert rows()["slow"] == [None, "idle", None, 0]
        engine.run_now(jobs[1].planned.key, "ann")
        wait(lambda: rows()["slow"][1] == "completed")
    assert rows()["slow"] == [None, "completed", None, 1]
