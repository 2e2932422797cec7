"""Processes that wait for another run: nothing goes on in them, they are few, and none is left."""

import os
import signal
import socket
import time
from dataclasses import replace

import pytest
from used_again import gone, pid_of

from sbh_jobkit.engines.pool import Pool, Process
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.machine.processes import is_stopped, status

pytestmark = pytest.mark.usefixtures("measured")
RUNS_PER_PROCESS = 4


def stopped(pid):
    """Wait until a process was stopped."""
    until = time.monotonic() + 10
    while not is_stopped(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return is_stopped(pid)


def test_while_it_waits_it_is_stopped(run):
    """Nothing of a plugin goes on there: no limit would end it."""
    pid = pid_of(run("pid"))
    assert stopped(pid)
    assert pid_of(run("pid")) == pid


def test_what_a_job_hides_is_stopped_too(run, tmp_path):
    """A thread that the kit does not find, since the job has seen to that, does nothing until the next run."""
    secrets = {"FILE": str(tmp_path / "counted")}
    first = pid_of(run("hide_a_thread", secrets=secrets))
    assert stopped(first)
    before = (tmp_path / "counted").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "counted").stat().st_size == before
    assert pid_of(run("pid", secrets=secrets)) == first


VICTIMS = {
    "its child": lambda pid, _: pid,
    "its supervisor": lambda pid, _: int(status(pid)[1]),
    "its starter": lambda _, starter: starter.pid,
}


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_process_dies_while_it_waits(victim, number, when, run, starter):
    """The next run has another one, also where the end is not seen yet, and nothing is left of the first."""
    first = pid_of(run("pid"))
    died = VICTIMS[victim](first, starter)
    os.kill(died, number)
    if victim == "its starter":  # whose end is seen when the next run is asked for
        assert gone(died)
    elif (when, number) == ("later", signal.SIGKILL):
        assert gone(first)
        time.sleep(0.1)
    second = run("pid")
    assert pid_of(second) != first
    assert gone(first)


def test_a_process_in_which_a_run_cannot_begin(run):
    """It is replaced by a new one: nothing has begun."""
    first, second = pid_of(run("pid", once=True)), pid_of(run("pid", once=True))
    assert first != second
    assert gone(first)


def test_few_processes_wait(run):
    """The one that was used least recently ends when there are too many."""
    pids = [pid_of(run("pid", number=number)) for number in range(3)]
    assert gone(pids[0])
    assert [pid_of(run("pid", number=number)) for number in (1, 2)] == pids[1:]


def test_none_waits_for_long(run, monkeypatch):
    """One that had no run for a minute, which is none here, ends when the next run is asked for."""
    first = pid_of(run("pid"))
    monkeypatch.setattr("sbh_jobkit.engines.pool._LONGEST", 0.0)
    assert pid_of(run("pid", number=2)) != first
    assert gone(first)


@pytest.mark.parametrize(("seconds", "ended"), [(59, False), (61, True)])
def test_a_minute_is_long(seconds, ended):
    """What has waited for longer ends when a run is asked for, and what has not goes on waiting."""
    request = RunRequest(plugin="p", slug="shop", job="work", fire=0.0, tenant="acme", factory="a:b")
    pool = Pool(runs=2, most=2)
    channel, far = socket.socketpair()
    with channel, far:
        waiting = Process(channel=channel, request=request.shared, starter=None)
        pool.give(waiting)
        waiting.since -= seconds
        assert pool.take(replace(request, tenant="globex")) is None
        assert (channel.fileno() == -1) is ended
        assert (pool.take(request) is None) is ended


def test_the_server_stops(run, starter):
    """No process is left, whether it waits or not."""
    for number in range(3):
        run("pid", number=number)
    assert starter.left(0) != []
    starter.close()
    assert starter.left(10) == []
