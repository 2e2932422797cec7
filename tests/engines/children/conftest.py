"""A starter process for a module of tests, and a look at which processes are left."""

import os
import signal
import time
import uuid
from pathlib import Path

import pytest
from used_again import LASTING

from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.starter import Starter

DATA = Path(__file__).parents[2] / "data"
FIRE = 1_767_585_600.0  # 2026-01-05 04:00 UTC
MARK = "SBH_TEST_PROCESSES"


def marked(mark):
    """Return the processes whose environment has a mark: the starter, and all that comes from it."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class WatchedStarter(Starter):
    """A starter whose processes can be found."""

    mark = ""

    def left(self, seconds=3.0):
        """Return what is still there of its runs, after so many seconds at most."""
        until = time.monotonic() + seconds
        while (left := sorted({*marked(self.mark)} - {self.pid, os.getpid()})) and time.monotonic() < until:
            time.sleep(0.01)
        return left


@pytest.fixture(scope="module")
def starter(request):
    """Start one; whatever it leaves is killed when the tests have ended, also if they failed.

    A module of tests says by `RUNS_PER_PROCESS` how many runs its processes may have.
    """
    mark = uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        patch.setenv("PYTHONPATH", str(DATA / "tenants"), prepend=os.pathsep)
        started = WatchedStarter(
            ["dict_tenant", "sbh_jobkit.engines.tenant"],
            runs_per_process=getattr(request.module, "RUNS_PER_PROCESS", 1),
            waiting=2,
        )
        started.mark = mark
        started.check()
        yield started
        started.close()
    for pid in {*marked(mark)} - {os.getpid()}:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def ask(starter):
    """Return a function that asks for a run of a hostile job, which ends with the test at the latest."""
    handles = []

    def ask(job, plugin="hostile", on_message=None, path=None, loading_seconds=60.0, **settings):
        request = RunRequest(
            plugin=str(path or DATA / plugin),
            slug=plugin,
            job=job,
            fire=FIRE,
            tenant="acme",
            factory="dict_tenant:make",
            settings=settings,
            timezone="Europe/Berlin",
            loading_seconds=loading_seconds,
        )
        handles.append(starter.request(request, on_message))
        return handles[-1]

    yield ask
    for handle in handles:
        handle.close()


@pytest.fixture
def case():
    """Return a name that no other test has, so that its processes have no other test's runs."""
    return uuid.uuid4().hex


@pytest.fixture
def run(ask, case):
    """Return a function that runs a job to its end; with the same settings, in the same process where that may be."""

    def run(job, seen=None, path=LASTING, **settings):
        handle = ask(job, plugin="lasting", path=path, on_message=seen, case=case, **settings)
        assert handle.wait_ready(20), handle.result().summary
        handle.go()
        return handle.result(20)

    return run
