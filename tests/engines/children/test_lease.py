"""A run that goes on under a lease: it ends with it, also where the worker itself cannot act."""

import os
import signal
import time

from sbh_jobkit.engines.lease import Lease, elapsed
from sbh_jobkit.machine.processes import children
from sbh_jobkit.run.run import Outcome

WHY = "lost: its worker could not renew its lease, and so it was ended"


def test_a_run_ends_with_the_lease(ask, starter):
    """It is lost, with the reason, and leaves no process."""
    handle = ask("wait")
    assert handle.wait_ready(10)
    handle.renew(0.4)
    handle.go()
    run = handle.result(10)
    assert (run.outcome, run.reason) == (Outcome.LOST, WHY)
    assert starter.left() == []


def test_a_lease_that_is_renewed(ask):
    """The run goes on for as long as that is done."""
    handle = ask("wait")
    assert handle.wait_ready(10)
    handle.renew(0.5)
    handle.go()
    for _ in range(8):
        time.sleep(0.2)
        handle.renew(0.5)
        assert not handle.poll()
    handle.cancel("ann")
    assert handle.result(10).outcome is Outcome.CANCELLED


def test_a_worker_that_was_stopped(ask, starter):
    """The supervisor of the run ends it without the worker, which is this process and reads nothing meanwhile."""
    handle = ask("wait")
    assert handle.wait_ready(10)
    handle.renew(0.4)
    handle.go()
    time.sleep(1.5)
    assert starter.left() == []
    assert handle.result(10).outcome is Outcome.LOST


def test_a_supervisor_that_was_stopped(ask, starter):
    """When it goes on after the lease is over, the run goes on no more."""
    handle = ask("wait")
    assert handle.wait_ready(10)
    handle.renew(0.5)
    handle.go()
    time.sleep(0.2)
    (supervisor,) = [pid for pid in children(starter.pid) if os.getsid(pid) == pid]
    os.kill(supervisor, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(supervisor, signal.SIGCONT)
    assert handle.result(10).outcome in {Outcome.LOST, Outcome.CRASHED}
    assert starter.left() == []


def test_what_is_left_of_a_lease():
    """It is over at first, and counts from when the store was asked."""
    lease = Lease(10.0)
    assert lease.left == 0.0
    lease.renew(elapsed() - 4)
    assert 5.5 < lease.left <= 6.0
    lease.renew(elapsed() - 60)
    assert lease.left == 0.0
    assert lease.age >= 60
