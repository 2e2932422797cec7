"""Runs that fail are tried again by a scheduler: after their wait, over restarts, and each attempt once."""

from sbh_jobkit.engines.history import Wanted, read_ended
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.run.run import Outcome

RETRY = {"retry": 2, "backoff": "1s"}


def attempts(store):
    """Return attempt, outcome and reason of what has ended, the first attempt first."""
    with store.read() as connection:
        found = [each.run for each in read_ended(connection, Wanted())]
    return sorted((run.attempt, run.outcome.value, run.reason) for run in found)


def test_a_run_that_fails_is_tried_again(serving, scripted, job, at, store, wait):
    """Until it is ok; each attempt is a row of its own, and what hears of ended runs hears of each."""
    heard = []
    scripted.hold = True
    with serving([job("count", at(0), **RETRY)], scripted, ended=heard.append):
        (first,) = wait(scripted.going)
        first.outcome = Outcome.CRASHED
        first.end()
        second = wait(lambda: [run for run in scripted.going() if run is not first])[0]
        second.end()
        wait(lambda: len(heard) == 2)
    assert attempts(store) == [(1, "crashed", None), (2, "ok", "attempt 2 of 3")]
    assert [run.attempt for run in heard] == [1, 2]
    assert len({run.request.fire for run in scripted.runs}) == 1


def test_an_attempt_survives_its_scheduler(serving, scripted, job, at, store, wait):
    """One that waits when a scheduler stops is started by the next."""
    jobs = [job("count", at(0), retry=1, backoff="3s")]
    scripted.hold = True
    with serving(jobs, scripted):
        (first,) = wait(scripted.going)
        first.outcome = Outcome.FAILED
        first.end()
        wait(lambda: attempts(store))
    with store.read() as connection:
        assert [row.state for row in connection.execute(job_run.select().order_by(job_run.c.attempt))] == [
            State.ENDED,
            State.RETRY,
        ]
    scripted.hold = False
    with serving(jobs, scripted):
        wait(lambda: len(attempts(store)) == 2, 12)
    (_, failed, _), (number, outcome, reason) = attempts(store)
    assert (failed, number, outcome) == ("failed", 2, "ok")
    assert reason.startswith("attempt 2 of 2")


def test_a_run_that_its_scheduler_ended_is_not_tried_again(serving, scripted, job, at, store, wait):
    """A stop cancels it, and so does a person."""
    scripted.hold = True
    with serving([job("count", at(0), **RETRY)], scripted, grace=0):
        wait(scripted.going)
    assert [found[:2] for found in attempts(store)] == [(1, "cancelled")]
    with store.read() as connection:
        assert len(connection.execute(job_run.select()).all()) == 1


def test_an_attempt_is_cancelled_by_its_fire_time(serving, scripted, job, at, store, wait):
    """The one that goes on ends at once."""
    scripted.hold = True
    served = job("count", at(0), **RETRY)
    with serving([served], scripted) as engine:
        (first,) = wait(scripted.going)
        first.outcome = Outcome.TIMED_OUT
        first.end()
        second = wait(lambda: [run for run in scripted.going() if run is not first])[0]
        assert engine.cancel(served.planned.key, first.request.fire, "bob") is State.RUNNING
        wait(lambda: second.by == "bob")
        wait(lambda: len(attempts(store)) == 2)
    assert [found[:2] for found in attempts(store)] == [(1, "timed_out"), (2, "cancelled")]
