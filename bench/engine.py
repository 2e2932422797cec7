"""The scheduler of one machine: how late runs start, and what ten thousand schedules cost."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from statistics import quantiles
from time import process_time, sleep, time  # noqa: TID251  real time, of real runs
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from measure import ROOT, row

from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TENANTS = ROOT / "tests/data/tenants"
PLUGIN = "from src.ext.sdk import job\n\n\n@job('nothing', schedule='* * * * *')\ndef nothing(ctx):\n    pass\n"
SECONDS = 10
PER_SECOND = 20
MANY = 10_000
IDLE = 20
SLOTS = 16
"""Of the scheduler that decides on ten thousand rows; each is claimed, started and ended on the disk."""


class Every:
    """Due every so many seconds, `offset` seconds after each multiple."""

    tz = ZoneInfo("UTC")

    def __init__(self, seconds: float, offset: float) -> None:
        """Keep both."""
        self.seconds, self.offset = seconds, offset
        self.expression = f"@every {seconds:g}s+{offset:g}s"

    def epochs(self, start: float, end: float) -> Iterator[float]:
        """Yield the fire times in [start, end)."""
        number = ceil((start - self.offset) / self.seconds)
        while (fire := number * self.seconds + self.offset) < end:
            yield fire
            number += 1

    def next(self, after: datetime) -> datetime:
        """Return the first fire time later than `after`."""
        number = int((after.timestamp() - self.offset) // self.seconds) + 1
        return datetime.fromtimestamp(number * self.seconds + self.offset, UTC)


class _Handle:
    """A run that is over at once."""

    is_over = True

    def __init__(self, request: RunRequest) -> None:
        self.request = request

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait_ready(self) -> bool:
        return True

    def go(self, _: str | None) -> None:
        pass

    def cancel(self, _: str) -> None:
        pass

    def result(self) -> Run:
        request, at = self.request, datetime.fromtimestamp(time(), UTC)
        return Run(
            tenant=request.tenant,
            plugin=request.slug,
            job=request.job,
            fire_time=datetime.fromtimestamp(request.fire, UTC),
            started_at=at,
            duration=timedelta(0),
            outcome=Outcome.OK,
        )


class _NoProcess:
    """A starter whose runs are over at once, so that only deciding is measured."""

    def check(self) -> None:
        pass

    def request(self, request: RunRequest) -> _Handle:
        return _Handle(request)


def _job(plugin: str, name: str, schedule: object) -> ServedJob:
    planned = PlannedJob(tenant="t", plugin="p", job=name, schedule=schedule)  # type: ignore[arg-type]
    given = {"plugin": plugin, "slug": "p", "tenant": "t", "factory": "dict_tenant:make"}
    return ServedJob(planned=planned, template=RunRequest(job="nothing", fire=0.0, **given))


@contextmanager
def _engine(jobs: Iterable[ServedJob], starter: object, **options: object) -> Iterator[LocalEngine]:
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        store = Store.open(f"sqlite:///{folder}/jobs.db")
        yield LocalEngine(store, jobs, starter, **options)  # type: ignore[arg-type]
        store.close()


def _lateness(name: str, offsets: Iterable[float], plugin: str, starter: Starter, promise: str) -> None:
    late: list[float] = []

    def ended(run: Run) -> None:
        if run.started_at is not None:
            late.append((run.started_at - run.fire_time).total_seconds())

    jobs = [_job(plugin, f"j{number}", Every(1, offset)) for number, offset in enumerate(offsets)]
    with _engine(jobs, starter, slots=4, ended=ended) as engine:
        engine.start()
        sleep(1)
        late.clear()
        cpu = process_time()
        sleep(SECONDS)
        cpu = process_time() - cpu
        engine.stop(5)
    cuts = quantiles(late, n=100)
    row(f"{PER_SECOND} runs/s, {name}: p50 of lateness", f"{cuts[49] * 1e3:.0f} ms", "")
    row(f"{PER_SECOND} runs/s, {name}: p99 of lateness", f"{cuts[98] * 1e3:.0f} ms", promise)
    row(f"{PER_SECOND} runs/s, {name}: runs in {SECONDS} s", f"{len(late)}", f"about {PER_SECOND * SECONDS}")
    row(f"{PER_SECOND} runs/s, {name}: the scheduler's CPU", f"{cpu / SECONDS:.0%}", "of one core")


def lateness() -> None:
    """Let twenty jobs a second run in children, four at once."""
    sys.path.insert(0, str(TENANTS))
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    with tempfile.TemporaryDirectory() as folder, Starter.start(["dict_tenant"]) as starter:
        plugin = Path(folder) / "main.py"
        plugin.write_text(PLUGIN)
        spread = [number / PER_SECOND for number in range(PER_SECOND)]
        _lateness("spread over it", spread, str(plugin), starter, "below 250 ms")
        _lateness("all at one instant", [0.0] * PER_SECOND, str(plugin), starter, "five rounds of four slots")


def ten_thousand() -> None:
    """Start with ten thousand schedules that are known, one of which is soon due, and then do nothing for a while."""
    month = (datetime.fromtimestamp(time(), UTC).month + 5) % 12 + 1
    jobs = [
        _job("", f"j{number}", Schedule(f"{number % 60} {number // 60 % 24} {number // 1440 + 1} {month} *"))
        for number in range(MANY - 1)
    ]
    first: list[float] = []
    seen = threading.Event()

    def ended(_: Run) -> None:
        first.append(time())
        seen.set()

    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        store = Store.open(f"sqlite:///{folder}/jobs.db")
        soon = Every(MANY, (time() + 60) % MANY)
        jobs.append(_job("", "soon", soon))
        known = LocalEngine(store, jobs, _NoProcess())  # type: ignore[arg-type]
        known.start()
        sleep(8)
        known.stop(1)
        begun = time()
        soon.offset = (begun + 1) % MANY
        engine = LocalEngine(store, jobs, _NoProcess(), ended=ended)  # type: ignore[arg-type]
        cpu = process_time()
        engine.start()
        seen.wait(60)
        row(f"{MANY:,} schedules: from start to the first run", f"{first[0] - begun:.2f} s", "below 3 s; due after 1 s")
        sleep(2)
        row(f"{MANY:,} schedules: CPU of the start", f"{process_time() - cpu:.2f} s", "")
        cpu = process_time()
        sleep(IDLE)
        row(f"{MANY:,} schedules: CPU while idle", f"{(process_time() - cpu) / IDLE:.2%}", "below 2 % of one core")
        engine.stop(1)
        store.close()


def all_in_one_minute() -> None:
    """Decide on ten thousand rows that are due at one instant."""
    fire = int(time()) + 8
    schedule = Every(86_400, fire % 86_400)
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        store = Store.open(f"sqlite:///{folder}/jobs.db")
        ended = Counter[str]()
        done = threading.Event()

        def count(run: Run) -> None:
            ended[run.outcome] += 1
            if ended.total() == MANY:
                done.set()

        jobs = [_job("", f"j{number}", schedule) for number in range(MANY)]
        engine = LocalEngine(store, jobs, _NoProcess(), slots=SLOTS, ended=count)  # type: ignore[arg-type]
        engine.start()
        cpu = process_time()
        done.wait(fire - time() + 90)
        row(f"{MANY:,} due at once: all decided and over after", f"{time() - fire:.1f} s", "below 60 s")
        row(f"{MANY:,} due at once: CPU for it", f"{process_time() - cpu:.1f} s", "")
        engine.stop(5)
        with store.read() as connection:
            states = Counter(each.state for each in connection.execute(job_run.select()))
        row(f"{MANY:,} due at once: rows", f"{dict(states)}", "")
        store.close()


if __name__ == "__main__":
    for part in (lateness, ten_thousand, all_in_one_minute):
        part()
