"""A pause over a restart holds: the next scheduler skips what falls in it, with who and when."""

from sbh_jobkit.engines import pauses
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.pauses import Scope


def test_a_pause_over_a_restart_holds(serving, scripted, job, at, store, rows, wait):
    """One scheduler stops in the pause, another begins in it; a third, after it, starts what is due then."""
    schedule = at(0, 3)
    jobs = [job("count", schedule)]
    with serving(jobs, scripted), store.write() as connection:
        pauses.begin(connection, Scope(plugin="counting"), "ann", now())
    with serving(jobs, scripted):
        wait(lambda: rows("outcome") == [("skipped",)])
        with store.write() as connection:
            pauses.end(connection, Scope(plugin="counting"), "bob", now())
    with serving(jobs, scripted):
        wait(lambda: len(rows("outcome")) == 2 and rows("outcome")[1] == ("ok",), 12)
    ((reason,), _) = rows("reason")
    assert reason.startswith("skipped: the plugin is paused, by ann at ")
    assert [run.request.fire for run in scripted.runs] == [schedule.fires[1]]
