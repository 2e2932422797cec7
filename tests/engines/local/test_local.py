"""The scheduler of one machine in this process: what is due starts, as the policy says, and nothing gets lost."""

import logging
import os
import re
import signal
import sqlite3
import threading
import time

import pytest
from every_second import EverySeconds
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from sbh_jobkit.engines import heartbeat, local, planner, worker
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.schema import job_mark, job_run, life
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import ClockError
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.machine.processes import children
from sbh_jobkit.run.run import Outcome

HOUR = 3600.0


def test_jobs_run_when_they_are_due(serving, starter, job, counts, rows, wait):
    """Each second once, in a child, soon after its time; the row, the job's own count and the report agree."""
    ended = []
    with serving([job("count", EverySeconds(1), overlap="allow")], starter, slots=1, ended=ended.append):
        wait(lambda: len(ended) >= 2)
    fires = [run.fire_time.timestamp() for run in ended]
    assert fires == [fires[0] + number for number in range(len(fires))]
    assert {run.outcome for run in ended} == {"ok"}
    assert all((run.started_at - run.fire_time).total_seconds() < 1 for run in ended if run.reason is None)
    assert counts.read() == [["count", f"{fire:.0f}"] for fire in fires]
    assert rows("state", "outcome", "fire_time") == [("ended", "ok", round(fire * 1e6)) for fire in fires]


OVERLAPS = {
    "skip": [("ok", None), ("skipped", "skipped: the run of {0} was still running (max_instances=1)")],
    "queue_one": [("ok", None), ("ok", "started 1s late: the run of {0} was still running")],
    "allow": [("ok", None), ("ok", None)],
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_overlap_rules_hold(serving, scripted, job, rows, wait, at, overlap):
    """A fire time that meets a run of its job is skipped, waits for its end, or starts beside it."""
    scripted.hold, schedule, ended = True, at(0, 1), []
    with serving([job("work", schedule, overlap=overlap)], scripted, ended=ended.append):
        wait(lambda: rows("state")[-1:] in ([("waiting",)], [("ended",)]) or len(scripted.going()) == 2)
        going = len(scripted.going())
        scripted.hold = False
        for run in scripted.runs[:]:
            run.end()
        wait(lambda: len(ended) == 2)
    assert going == (2 if overlap == "allow" else 1)
    first = time.strftime("%H:%M:%S", time.gmtime(schedule.first)).removesuffix(":00")
    found = sorted((run.fire_time, run.outcome, run.reason) for run in ended)
    wanted = [(outcome, reason and reason.format(first)) for outcome, reason in OVERLAPS[overlap]]
    late = re.compile(r"started (\d+s )?late")
    assert [(outcome, reason and late.sub("started 1s late", reason)) for _, outcome, reason in found] == wanted


def test_slots_bound_how_many_runs_go_on(serving, scripted, job, wait, at):
    """What waits for a slot starts in turn, and says why it is late."""
    scripted.hold, same, ended = True, at(0), []
    jobs = [job(f"job{number}", same) for number in range(5)]
    with serving(jobs, scripted, slots=2, ended=ended.append) as engine:
        wait(lambda: len(scripted.going()) == 2)
        time.sleep(1.2)
        assert (len(scripted.runs), engine.going) == (2, 2)
        most = 0
        while len(ended) < 5:
            most = max(most, len(scripted.going()))
            for run in scripted.going()[:1]:
                run.end()
            time.sleep(0.01)
    assert most == 2
    on_time = [run for run in ended if run.reason is None]
    assert len(on_time) == 2
    late = {run.reason for run in ended} - {None}
    assert late <= {f"started {seconds}s late: no slot was free" for seconds in range(1, 9)}
    started = [run.request.job for run in scripted.runs]
    assert (set(started[:2]), set(started)) == ({"job0", "job1"}, {f"job{number}" for number in range(5)})


def test_what_waits_for_a_slot_goes_ahead_of_what_is_due_later(serving, scripted, job, wait, at):
    """Or it would wait for ever on a busy machine."""
    scripted.hold, ended = True, []
    jobs = [job("first", at(0)), job("waits", at(0)), *(job(f"later{n}", at(1)) for n in range(3))]
    with serving(jobs, scripted, slots=1, ended=ended.append):
        wait(scripted.going)
        time.sleep(1.1)
        while len(ended) < 5:
            for run in scripted.going():
                run.end()
            time.sleep(0.01)
    assert {run.job for run in ended[:2]} == {"first", "waits"}


def test_jobs_that_share_something_wait_for_each_other(serving, scripted, job, rows, wait, at):
    """One starts as soon as the other has ended; a job that shares nothing with them does not wait."""
    scripted.hold, ended = True, []
    jobs = [job("first", at(0), concurrency="api:1"), job("second", at(0), concurrency="api:1"), job("other", at(1))]
    with serving(jobs, scripted, ended=ended.append):
        wait(lambda: len(scripted.going()) == 2)
        (held,) = {"first", "second"} - {run.request.job for run in scripted.going()}
        time.sleep(0.5)
        assert len(scripted.going()) == 2
        next(run for run in scripted.going() if run.request.job != "other").end()
        wait(lambda: {run.request.job for run in scripted.going()} == {held, "other"})
        for run in scripted.going():
            run.end()
        wait(lambda: len(ended) == 3)
    (reason,) = (reason for job, reason in rows("job", "reason") if job == held)
    assert reason is None or reason.endswith("late: 1 run was using api (concurrency=api:1)")


def test_stop_lets_runs_finish(serving, scripted, job, rows, wait, at):
    """Nothing new starts, and what goes on has its time."""
    scripted.hold = True
    with serving([job("work", at(0)), job("later", EverySeconds(1))], scripted, slots=1) as engine:
        wait(scripted.going)
        threading.Timer(0.3, scripted.runs[0].end).start()
        engine.stop(10)
        count = len(scripted.runs)
    assert count == 1
    assert [state for state in rows("outcome", "reason") if state[0]] == [("ok", None)]


def test_after_the_grace_runs_are_cancelled(serving, scripted, job, rows, wait, at):
    """As by the one who has stopped it."""
    scripted.hold, ended = True, []
    with serving([job("work", at(0))], scripted, ended=ended.append) as engine:
        wait(scripted.going)
        before = time.monotonic()
        engine.stop(0.3, "Ctrl-C")
        assert 0.25 < time.monotonic() - before < 5
    assert rows("outcome", "reason") == [("cancelled", "cancelled by Ctrl-C")]
    assert [run.outcome for run in ended] == ["cancelled"]


def test_the_grace_can_be_cut_short(serving, scripted, job, rows, wait, at):
    """By a second Ctrl-C."""
    scripted.hold = True
    with serving([job("work", at(0))], scripted) as engine:
        wait(scripted.going)
        threading.Timer(0.2, engine.hurry).start()
        before = time.monotonic()
        engine.stop(60)
        assert time.monotonic() - before < 10
    assert rows("outcome") == [("cancelled",)]


def test_a_full_disk_does_not_keep_it_from_stopping(serving, scripted, job, store, rows, wait, at, monkeypatch, caplog):
    """The run whose end cannot be written is settled by the next scheduler; the log says so."""
    monkeypatch.setattr(worker, "_PATIENCE", 0.5)
    scripted.hold = True

    def fill(connection, *_):
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are: none can be added

    with serving([job("work", at(0))], scripted) as engine:
        wait(scripted.going)
        event.listen(store.engine, "checkout", fill)
        before = time.monotonic()
        engine.stop(0.1, "x" * 1_000_000)
        assert time.monotonic() - before < 8
    event.remove(store.engine, "checkout", fill)
    assert rows("state", "outcome") == [("running", None)]
    said = [record.getMessage() for record in caplog.records]
    assert "counting/work: how the run ended could not be written; it will count as lost" in said


def test_a_real_run_is_ended_at_stop(serving, starter, job, counts, rows, wait, at):
    """Its processes too, so the job never comes to its end."""
    with serving([job("slow", at(0))], starter) as engine:
        wait(counts.read)
        engine.stop(0.05)
    assert rows("outcome", "reason") == [("cancelled", "cancelled by the scheduler, which was stopped")]
    assert [what for what, _ in counts.read()] == ["slow"]
    wait(lambda: children(starter.pid) == [])


def test_a_run_that_has_not_begun_at_stop_is_due_again(serving, scripted, job, rows, wait, at):
    """It has started nothing; the next scheduler starts it, late."""
    scripted.begins, scripted.hold = [], True
    gate, request = threading.Event(), scripted.request

    def slow_request(given):
        run = request(given)
        gate.wait(10)
        return run

    scripted.request = slow_request
    with serving([job("work", at(0))], scripted) as engine:
        wait(lambda: scripted.runs)
        threading.Timer(0.2, gate.set).start()
        engine.stop(0)
    assert rows("state", "worker", "started_at") == [("due", None, None)]
    scripted.request, scripted.hold, ended = request, False, []
    with serving([job("work", at())], scripted, ended=ended.append):
        wait(lambda: ended)
    assert rows("state", "outcome") == [("ended", "ok")]


def test_what_waited_at_stop_starts_with_the_next_scheduler(serving, scripted, job, rows, wait, at):
    """A row that waits outlives the process."""
    scripted.hold = True
    with serving([job("work", at(0, 1), overlap="queue_one")], scripted, grace=0):
        wait(lambda: ("waiting",) in rows("state"))
    ended = []
    scripted.hold = False
    with serving([job("work", at(), overlap="queue_one")], scripted, ended=ended.append):
        wait(lambda: ended)
    assert rows("outcome") == [("cancelled",), ("ok",)]


def test_two_schedulers_start_each_run_once(serving, sqlite_url, scripted, job, rows, wait):
    """Both know the jobs, and the claim decides."""
    jobs = [job(f"job{number}", EverySeconds(1)) for number in range(4)]
    other = Store.open(sqlite_url)
    with serving(jobs, scripted, slots=2), serving(jobs, scripted, slots=2, in_store=other):
        wait(lambda: len(scripted.runs) >= 8)
    other.close()
    started = [(run.request.job, run.request.fire) for run in scripted.runs if run.gone]
    assert len(started) == len(set(started)) >= 8
    assert {row for row in rows("state", "outcome") if row[1]} == {("ended", "ok")}


def test_a_starter_that_was_killed_is_started_again(serving, starter, job, counts, wait):
    """The next run starts as if nothing had happened."""
    ended = []
    with serving([job("count", EverySeconds(1), overlap="allow")], starter, ended=ended.append):
        wait(lambda: ended)
        os.kill(starter.pid, signal.SIGKILL)
        known = len(ended)
        wait(lambda: sum(run.started_at is not None for run in ended[known:]) >= 2)
    started = [run for run in ended if run.started_at is not None]  # on a busy machine one was skipped meanwhile
    assert {run.outcome for run in started} == {Outcome.OK}
    assert len(counts.read()) == len({tuple(line) for line in counts.read()}) == len(started)


BROKEN = {
    "raise ValueError('broken')\n": "ValueError: broken",
    "def broken(:\n": "main.py:1",
    "import os\nos._exit(3)\n": "the process ended with exit code 3 before the job returned",
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_plugin_that_cannot_be_loaded_ends_as_crashed(serving, starter, job, rows, wait, at, tmp_path, source):
    """As when somebody broke it while it is served; the row says why, and is not tried again."""
    (tmp_path / "main.py").write_text(source, encoding="utf-8")
    (tmp_path / "plugin.json").write_text('{"slug": "counting", "name": "Counting"}', encoding="utf-8")
    ended = []
    with serving([job("count", at(0), path=tmp_path)], starter, ended=ended.append):
        wait(lambda: ended)
    (run,) = ended
    assert BROKEN[source] in run.error.message
    assert (run.outcome, run.started_at) == ("crashed", None)
    assert rows("state", "outcome") == [("ended", "crashed")]


DIED = (Outcome.LOST, "lost: its supervisor died before it began")


@pytest.mark.parametrize(("deaths", "outcome"), [(1, "ok"), (2, "ok"), (3, "lost"), (9, "lost")])
def test_a_run_whose_processes_die_before_it_begins_is_tried_three_times(
    serving, scripted, job, rows, wait, at, deaths, outcome
):
    """After that something is wrong with it, and it is lost."""
    scripted.begins, ended = [DIED] * deaths, []
    with serving([job("work", at(0))], scripted, ended=ended.append):
        wait(lambda: ended)
        time.sleep(0.2)
    assert [run.outcome for run in ended] == [outcome]
    assert len(scripted.runs) == min(deaths + 1, 3)
    assert rows("state", "outcome", "reason") == [("ended", outcome, DIED[1] if outcome == "lost" else None)]


def test_a_run_that_cannot_be_followed_is_lost(serving, scripted, job, rows, wait, at, caplog):
    """Its thread has failed after its start, so nobody knows its end; and its job runs again."""
    scripted.hold, ended = True, []
    with serving([job("work", at(0, 2))], scripted, ended=ended.append):
        wait(scripted.going)
        scripted.hold = False
        scripted.runs[0].outcome = ValueError("not a message")
        scripted.runs[0].end()
        wait(lambda: ended)
    assert "counting/work: the run could not be carried out" in caplog.text
    lost = ("ended", "lost", "lost: its worker could not follow it")
    assert rows("state", "outcome", "reason") == [lost, ("ended", "ok", None)]


def test_a_store_that_is_locked_for_seconds_loses_nothing(serving, sqlite_url, scripted, job, rows, wait):
    """Another process holds its write lock; afterwards every due instant has its row."""
    ended = []
    with serving([job("work", EverySeconds(1), overlap="allow", catch_up="all")], scripted, ended=ended.append):
        wait(lambda: ended)
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2.5)
        known = len(ended)
        other.execute("COMMIT")
        other.close()
        wait(lambda: len(ended) >= known + 3)
    fires = [fire // 1_000_000 for (fire,) in rows("fire_time")]
    assert fires == list(range(fires[0], fires[0] + len(fires)))
    assert {row for row in rows("state", "outcome") if row[1]} == {("ended", "ok")}


class Forgetful(Store):
    """A store that commits, and then fails to say so."""

    failures = 0

    def write(self):
        """Open a transaction as ever; the next answers get lost where the test says so."""
        return _Lost(self, super().write())


class _Lost:
    def __init__(self, store, transaction):
        self.store, self.transaction = store, transaction

    def __enter__(self):
        self.connection = self.transaction.__enter__()
        self.has_claimed = False
        return self.connection

    def __exit__(self, *error):
        claimed = self.connection.execute(job_run.select().where(job_run.c.state == "claimed")).all()
        self.transaction.__exit__(*error)
        if claimed and self.store.failures:
            self.store.failures -= 1
            closed = Exception("the connection was closed")
            raise OperationalError(statement="COMMIT", params={}, orig=closed)


def test_a_claim_whose_answer_got_lost_is_claimed_again(serving, sqlite_url, scripted, job, rows, wait, at, caplog):
    """Else the row would stay claimed for as long as its scheduler lives, and its job would never run again."""
    store, ended = Forgetful.open(sqlite_url), []
    store.failures = 1
    with serving([job("work", at(0))], scripted, in_store=store, ended=ended.append):
        wait(lambda: ended)
    store.close()
    assert rows("state", "outcome") == [("ended", "ok")]
    assert "the store cannot be used: the connection was closed" in caplog.text


def test_a_report_that_raises_does_not_stop_the_scheduler(serving, scripted, job, rows, wait, caplog):
    """What an extension does with an ended run is its own affair."""

    def ended(_):
        msg = "an extension"
        raise RuntimeError(msg)

    with serving([job("work", EverySeconds(1))], scripted, ended=ended):
        wait(lambda: rows("outcome").count(("ok",)) >= 2)
    assert "what was to be done at the end of a run has failed" in caplog.text


def test_the_clock_is_checked_at_the_start(serving, store, scripted, job, rows):
    """One that is far from the last sign of life plans nothing."""
    with store.write() as connection:
        heartbeat.beat(connection, "other", now() - heartbeat.MAX_GAP - HOUR)
    with (
        pytest.raises(ClockError, match="the clock is 40d 1h after the last sign of life"),
        serving([job("work", EverySeconds(1))], scripted),
    ):
        pass
    assert rows("state") == []
    assert [thread for thread in threading.enumerate() if thread.name == "sbh-writer"] == []


@pytest.mark.parametrize("ahead", [-90 * 24 * HOUR, 90 * 24 * HOUR])
def test_begin_now_takes_the_clock_as_it_is(serving, store, scripted, job, rows, wait, ahead):
    """What was due since then is forgotten, also what has a row, and jobs run from now on."""
    work = job("work", EverySeconds(1))
    with store.write() as connection:
        planner.plan(connection, [work.planned], now() - 100)
        planner.plan(connection, [work.planned], now() - 90)
        connection.execute(job_mark.delete())
        heartbeat.beat(connection, "other", now() + ahead)
        names = {"tenant": "acme", "plugin": "counting", "job": "work"}
        mark = {"schedule": work.planned.shown, "planned_to": round((now() + ahead) * 1e6)}
        connection.execute(job_mark.insert().values(**names, **mark))
    ended = []
    with serving([work], scripted, begin_now=True, ended=ended.append):
        wait(lambda: len(ended) >= 2)
    assert {run.outcome for run in ended} == {"ok"}
    forgotten = ("missed", "missed: forgotten, since the scheduler was started with --begin-now")
    assert rows("outcome", "reason")[:10] == [forgotten] * 10
    assert len(rows("state")) <= 10 + len(ended) + 1


def test_a_machine_that_slept_coalesces_what_was_due(serving, scripted, job, wait, monkeypatch):
    """Ten minutes pass at once: only the latest runs, and the rest is accounted for by the downtime."""
    ended = []
    with serving([job("work", EverySeconds(60)), job("tick", EverySeconds(1))], scripted, ended=ended.append):
        wait(lambda: ended)
        monkeypatch.setattr(local, "now", lambda: now() + HOUR / 6)
        wait(lambda: {run.job for run in ended if run.reason and run.outcome == "ok"} == {"work", "tick"})
    late = [run for run in ended if run.reason]
    assert {run.outcome for run in late} == {"coalesced", "ok"}
    assert [(run.job, run.outcome) for run in late].count(("work", "ok")) == 1
    assert {"the scheduler was down" in run.reason for run in late} == {True}
    assert len(late) >= 600 + 9


def test_a_clock_that_jumps_while_it_runs_is_refused_until_it_is_right(
    serving, store, scripted, job, rows, wait, monkeypatch, caplog
):
    """Nothing of the decades between is planned, and no sign of life is given."""
    ended = []
    with serving([job("work", EverySeconds(1))], scripted, ended=ended.append):
        wait(lambda: ended)
        monkeypatch.setattr(local, "now", lambda: now() + 20 * 365 * 24 * HOUR)
        wait(lambda: "so nothing is planned" in caplog.text)
        seen = len(rows("state"))
        with store.read() as connection:
            assert max(row.alive_at for row in connection.execute(life.select())) < (now() + HOUR) * 1e6
        monkeypatch.setattr(local, "now", now)
        wait(lambda: len(rows("state")) > seen)
    assert len(rows("state")) < 60
    assert caplog.text.count("so nothing is planned") == 1


def test_old_runs_are_removed_while_it_serves(serving, store, scripted, job, rows, wait, at):
    """Of one job after the other, and nothing waits for it."""
    old = [(now() - (100 + day) * 86_400) * 1e6 for day in range(5)]
    jobs = [job(f"job{number}", at()) for number in range(2)]
    with store.write() as connection:
        for each in jobs:
            names = {"tenant": "acme", "plugin": "counting", "job": each.planned.job, "state": "ended"}
            rows_ = [{**names, "fire_time": round(fire), "started_at": round(fire), "planned_at": 0} for fire in old]
            connection.execute(job_run.insert(), [{**row, "finished_at": 0, "outcome": "ok"} for row in rows_])
    kept = {each.planned.key: HistorySettings() for each in jobs}
    with serving(jobs, scripted, history=kept):
        wait(lambda: len(rows("state")) == 2)
    assert rows("fire_time") == [(round(old[0]),)] * 2


def test_rows_of_jobs_that_are_gone_end_at_the_start(serving, store, scripted, job, rows, at):
    """Nobody would ever decide on them."""
    with store.write() as connection:
        names = {"tenant": "acme", "plugin": "counting", "job": "gone", "state": "due"}
        connection.execute(job_run.insert().values(**names, fire_time=1, planned_at=1))
    with serving([job("work", at())], scripted):
        pass
    assert rows("outcome", "reason") == [("missed", "missed: the plugin does not have this job any more")]


def test_its_log_names_no_ticks(serving, scripted, job, wait, caplog):
    """APScheduler writes a line for each, which would bury everything else."""
    ended = []
    with caplog.at_level(logging.INFO), serving([job("work", EverySeconds(1))], scripted, ended=ended.append):
        wait(lambda: ended)
    assert caplog.text == ""
