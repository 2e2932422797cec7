"""A scheduler inside the test's process: its jobs, due at chosen instants, and runs that end when the test says so."""

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.times import zone

DATA = Path(__file__).parents[2] / "data"


class At:
    """Due at some instants, so many whole seconds after one that is soon."""

    tz = zone("UTC")
    numbers = count()

    def __init__(self, *after):
        """Keep the instants."""
        self.first = int(now() + 0.7) + 1  # a job is due only after its scheduler has begun
        self.fires = [self.first + each for each in after]
        self.expression = f"@at {next(self.numbers)}"

    def epochs(self, start, end):
        """Yield the fire times in [start, end)."""
        yield from (fire for fire in self.fires if start <= fire < end)

    def next(self, after):
        """Return the first fire time later than `after`."""
        for fire in self.fires:
            if fire > after.timestamp():
                return datetime.fromtimestamp(fire, UTC)
        msg = "never again"
        raise ScheduleError(msg)


class ScriptedRun:
    """A run without processes, which ends when the test says so."""

    def __init__(self, request, how):
        """Be ready, unless a test wants it otherwise."""
        self.request, self.how = request, how
        self.ended = threading.Event()
        self.outcome, self.reason, self.by = Outcome.OK, None, None
        self.gone = False

    def __enter__(self):
        """Return itself."""
        return self

    def __exit__(self, *_):
        """Do nothing."""

    def wait_ready(self):
        """Begin as the script says."""
        if self.how is not None:
            self.outcome, self.reason = self.how
            self.ended.set()
        return self.how is None and not self.by

    def go(self, reason):
        """Let it go."""
        self.gone, self.reason = True, reason

    def end(self):
        """End it."""
        self.ended.set()

    def cancel(self, who):
        """End it, as cancelled."""
        self.outcome, self.reason, self.by = Outcome.CANCELLED, f"cancelled by {who}", who
        self.ended.set()

    def result(self):
        """Wait for its end."""
        assert self.ended.wait(20)
        request, at = self.request, datetime.fromtimestamp(now(), UTC)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Run(
            tenant=request.tenant,
            plugin=request.slug,
            job=request.job,
            fire_time=datetime.fromtimestamp(request.fire, UTC),
            started_at=at if self.gone else None,
            duration=timedelta(0),
            outcome=self.outcome,
            reason=self.reason,
        )


class ScriptedStarter:
    """Starts runs that the test ends; `hold` lets them go on until then."""

    def __init__(self):
        """Let every run end at once."""
        self.hold = False
        self.begins = []
        """How the next runs begin: None, or an outcome and a reason for one that cannot."""
        self.runs = []

    def check(self):
        """Be there."""

    def request(self, request):
        """Return the next run."""
        run = ScriptedRun(request, self.begins.pop(0) if self.begins else None)
        self.runs.append(run)
        if not self.hold:
            run.end()
        return run

    def going(self):
        """Return the runs that go on."""
        return [run for run in self.runs if run.gone and not run.ended.is_set()]


@pytest.fixture
def scripted():
    """Return a starter whose runs end when the test says so."""
    return ScriptedStarter()


@pytest.fixture(scope="module")
def starter():
    """Start real children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(DATA / "tenants"), prepend=os.pathsep)
        with Starter.start(["dict_tenant"]) as started:
            yield started


@pytest.fixture
def counts(tmp_path):
    """Return a file in which the jobs of the plugin count, and a function that reads it."""
    path = tmp_path / "counts"

    def read():
        return [line.split()[:2] for line in path.read_text().splitlines()] if path.exists() else []

    return SimpleNamespace(path=path, read=read)


@pytest.fixture
def job(counts):
    """Return a function that makes a job to be served."""

    def make(name, schedule, path=DATA / "counting", **policy):
        given = {"plugin": str(path), "slug": "counting", "tenant": "acme", "factory": "dict_tenant:make"}
        settings = {"secrets": {"COUNT_FILE": str(counts.path)}}
        names = {"tenant": "acme", "plugin": "counting", "job": name}
        planned = PlannedJob(**names, schedule=schedule, policy=Policy(**policy))
        return ServedJob(planned=planned, template=RunRequest(job=name, fire=0.0, settings=settings, **given))

    return make


@pytest.fixture
def store(sqlite_url):
    """Open a store."""
    opened = Store.open(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def serving(store):
    """Return a function that serves jobs, and stops when the block ends, if it has not been stopped before."""

    @contextmanager
    def serve(jobs, starter, *, begin_now=False, grace=2, in_store=store, **options):
        engine = LocalEngine(in_store, jobs, starter, **options)
        engine.start(begin_now=begin_now)
        stopped = []
        stop = engine.stop
        engine.stop = lambda *given: stopped.append(stop(*given))
        try:
            yield engine
        finally:
            if not stopped:
                stop(grace)

    return serve


@pytest.fixture
def rows(store):
    """Return a function that reads columns of all rows, by fire time and job."""

    def read(*names):
        with store.read() as connection:
            found = connection.execute(job_run.select().order_by(job_run.c.fire_time, job_run.c.job)).all()
        return [tuple(getattr(row, name) for name in names) for row in found]

    return read


@pytest.fixture
def wait():
    """Return a function that waits until something holds."""

    def until(holds, seconds=8.0):
        last = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < last, "it did not happen"
            time.sleep(0.01)
        return found

    return until


@pytest.fixture
def at():
    """Return the schedule that is due so many seconds after the next whole one."""
    return At
