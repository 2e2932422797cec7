"""Several machines: what one PostgreSQL carries. `python bench/workers.py` measures it on a server of its own.

With `--store postgresql://…`, an empty database of yours, it measures that, and leaves its rows there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING

from measure import ROOT, cpu, own_cpu, row, server_cpu
from sqlalchemy import text, update

from sbh_jobkit.engines import catalogue, installations, offering, packages, planner
from sbh_jobkit.engines.describe import describe, to_text
from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.queue import POLLING, ProcrastinateEngine
from sbh_jobkit.engines.instants import now_in
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.schema import package
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.machine.processes import children
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS, JOBS = 1_000, 5
RUNS, DUE_JOBS = 1_000, 100
"""So many runs are due at once, of so many jobs."""
NAP = 0.05
"""Seconds for which a run waits, of those that wait."""
REUSE = 100
IDLE = 30
MINUTES = 4
TENANT = 'id = "acme"\n[policy."*"]\noverlap = "allow"\nmax_instances = 1000\n'
HEAD = "from src.ext.sdk import job\n"
JOB = "\n\n@job('job{number}', schedule='{schedule}')\ndef job{number}(ctx):\n    {body}\n"
YEARLY, MINUTELY = "0 0 1 1 *", "* * * * *"
_DUE = text("""
    INSERT INTO sbh_job_run (tenant, plugin, job, fire_time, attempt, state, planned_at, is_cut)
    SELECT 'acme', :plugin, 'job' || mod(number, :jobs),
           CAST(extract(epoch FROM now()) * 1000000 AS bigint) + :first + number * :apart, 1, 'due', 0, false
    FROM generate_series(1, :rows) AS number
""")
_LEFT = text("SELECT count(*) FROM sbh_job_run WHERE state <> 'ended'")
_DELAYS = text("SELECT (started_at - fire_time) / 1000000.0 FROM sbh_job_run WHERE started_at IS NOT NULL")
_DONE = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
_EMPTY = """
import asyncio, sys, procrastinate
kwargs = {"options": "-c search_path=sbh_queue"}
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], kwargs=kwargs))
@app.task(name="nothing", queue="nothing")
def nothing(): pass
async def main():
    async with app.open_async():
        if sys.argv[2] == "defer":
            await app.configure_task("nothing", queue="nothing").batch_defer_async(*[{}] * int(sys.argv[3]))
        else:
            await app.run_worker_async(queues=["nothing"], concurrency=4, wait=False, delete_jobs="always")
asyncio.run(main())
"""
"""What the queue does alone, with tasks that do nothing."""


@contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL that writes to the disk, and return its URL."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = tempfile.mkdtemp(prefix="sbh-bench-")
    user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--pdeathsig", "INT", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]
    made = [binaries[-1] / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*user, *made, "-D", f"{folder}/data"], check=True, **quiet)  # noqa: S603  Debian's own program
    command = [*user, binaries[-1] / "postgres", "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses="]
    server = subprocess.Popen(command, **quiet)  # noqa: S603  as above
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


class Processes:
    """Servers and workers, in a folder of their own."""

    def __init__(self, folder: Path, url: str) -> None:
        """Start nothing yet."""
        self.folder, self.url = folder, url
        self.going: list[subprocess.Popen] = []
        (folder / "tenant.toml").write_text(TENANT)

    def start(self, *words: str) -> subprocess.Popen:
        """Start a command, and wait until it serves."""
        command = [sys.executable, "-m", "sbh_jobkit", *words, "--store", self.url, "--key-file", "key"]
        log = self.folder / f"log{len(self.going)}"
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=self.folder, stdout=out)  # noqa: S603  our own interpreter
        self.going.append(process)
        while not log.read_text():
            sleep(0.1)
        return process

    def stop(self, *processes: subprocess.Popen) -> None:
        """Stop some of them, or all."""
        for process in processes or reversed(self.going):
            if process.poll() is None:
                process.terminate()
                process.wait(60)

    def cpu(self) -> float:
        """Return the seconds that those which go on have computed, with their children."""
        return cpu(*(process.pid for process in self.going if process.poll() is None))


def install(  # noqa: PLR0917  what load is
    store: Store, folder: Path, plugins: int, jobs: int, schedule: str, name: str = "load", body: str = "pass"
) -> None:
    """Keep plugins in the store, as uploads do."""
    path = folder / "plugin"
    path.mkdir(exist_ok=True)
    made = (JOB.format(number=n, schedule=schedule, body=body) for n in range(jobs))
    (path / "main.py").write_text(HEAD + "".join(made))
    (path / "plugin.json").write_text('{"slug": "load", "name": "Load"}')
    known = describe(str(path))
    with store.write() as connection:
        catalogue.write_tenant(connection, Settings.from_text(folder / "tenant.toml", TENANT))
        for number in range(plugins):
            slug = f"{name}{number}"
            (path / "plugin.json").write_text(json.dumps({"slug": slug, "name": slug}))
            installations.install(connection, "acme", slug, str(path), now_in(connection))
            digest, data = packages.pack(path)
            catalogue.write_package(connection, "acme", slug, digest, data)
            described = to_text(
                replace(known, slug=slug, name=slug)
            )  # as the first process leaves it that has loaded it
            connection.execute(update(package).where(package.c.digest == digest).values(described=described))


def throughput(store: Store, processes: Processes) -> None:
    """Measure runs that do nothing: with one worker, with two, with processes that are used again; the queue alone.

    Two cores are too few for two workers that have all of them to do; so runs that mostly wait are measured, too.
    """
    rates, waiting, spent = {}, {}, {}
    for number, per_process in ((1, 1), (1, REUSE), (2, 1), (2, REUSE)):
        words = ("worker", "--runs", "4", "--runs-per-process", f"{per_process}")
        workers = [processes.start(*words) for _ in range(number)]
        sleep(1)  # what was due while no worker was there would be one run
        before = _computed(store, workers)
        rates[number, per_process] = _rate(store)
        after = _computed(store, workers)
        spent[number, per_process] = [(b - a) * 1e3 / RUNS for a, b in zip(before, after, strict=True)]
        if per_process == REUSE:
            waiting[number] = _rate(store, "nap0")
        processes.stop(*workers)
    alone = _rate_of_queue(store)
    row("no-op runs a second, one worker", f"{rates[1, 1]:.0f}", "")
    row("no-op runs a second, two workers", f"{rates[2, 1]:.0f}", f"{rates[2, 1] / rates[1, 1]:.1f} times those of one")
    for number, name in ((1, "one worker"), (2, "two workers")):
        times = rates[number, REUSE] / rates[number, 1]
        compared = f"{times:.1f} times those of a process for each run"
        row(f"the same with --runs-per-process {REUSE}, {name}", f"{rates[number, REUSE]:.0f}", compared)
    for per_process in (1, REUSE):
        worker, runs, database = (f"{each:.1f} ms" for each in spent[1, per_process])
        name = f"processor time of such a run, {per_process} a process: its worker"
        row(name, worker, f"PostgreSQL {database}; its own processes {runs}")
    share = f"with --runs-per-process {REUSE}, two workers do {rates[2, REUSE] / alone:.2f} times that"
    row("empty tasks of the queue a second, two workers", f"{alone:.0f}", share)
    times = f"{waiting[2] / waiting[1]:.1f} times those of one, {waiting[1]:.0f}"
    row(f"runs a second that wait {NAP * 1e3:.0f} ms, two workers", f"{waiting[2]:.0f}", times)


def _computed(store: Store, workers: list[subprocess.Popen]) -> tuple[float, float, float]:
    """Return the seconds that workers themselves, the processes of their runs, and PostgreSQL have computed."""
    runs = sum(cpu(*children(worker.pid)) for worker in workers)
    return (
        sum(own_cpu(worker.pid) for worker in workers),
        runs,
        server_cpu(_read(store, text("SELECT pg_backend_pid()"))),
    )


def _rate(store: Store, plugin: str = "load0") -> float:
    with store.write() as connection:
        connection.execute(text("DELETE FROM sbh_job_run"))
        due = {"plugin": plugin, "first": -RUNS * 1000, "apart": 1000, "rows": RUNS, "jobs": DUE_JOBS}
        connection.execute(_DUE, due)
        connection.execute(text("ANALYZE sbh_job_run"))  # as PostgreSQL does itself a little later
    left = RUNS
    while left == RUNS:
        sleep(0.02)
        left = _read(store, _LEFT)
    began, first = perf_counter(), left
    while left:
        sleep(0.1)
        left = _read(store, _LEFT)
    return first / (perf_counter() - began)


def _rate_of_queue(store: Store) -> float:
    dsn = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [sys.executable, "-W", "ignore", "-c", _EMPTY, dsn]
    quiet = {"stderr": subprocess.DEVNULL}
    subprocess.run([*command, "defer", str(10 * RUNS)], check=True, **quiet)  # noqa: S603  our own interpreter
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE sbh_queue.procrastinate_jobs"))  # as that of the runs
    began = perf_counter()
    workers = [subprocess.Popen([*command, "work"], **quiet) for _ in range(2)]  # noqa: S603  as above
    for worker in workers:
        worker.wait()
    return 10 * RUNS / (perf_counter() - began)


def lateness(store: Store, processes: Processes) -> None:
    """Measure how late runs start: of two workers, and of one process with the local engine on the same jobs."""
    plugin = processes.folder / "plugin"
    with store.write() as connection:
        connection.execute(text("DELETE FROM sbh_job_run"))
    install(store, processes.folder, 1, 4, MINUTELY)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tenant.toml").write_text(TENANT)
        local = Processes(Path(folder), f"sqlite:///{folder}/jobs.db")
        going = [processes.start("worker", "--runs", "4") for _ in range(2)]
        local.start("serve", str(plugin), "--port", "0", "--token-file", "token")
        sleep(60 * MINUTES + 5)
        local.stop()
        processes.stop(*going)
        other = Store.open(local.url)
        ours, theirs = _delays(store), _delays(other)
        other.close()
    most = 2 * median(theirs) + POLLING
    row("start delay of 4 jobs a minute, two workers", f"{median(ours) * 1e3:.0f} ms", f"most {max(ours) * 1e3:.0f} ms")
    allowed = f"so workers may take {most * 1e3:.0f} ms: twice it, and {POLLING:g} s between two looks at the queue"
    row("start delay of the same jobs, local engine", f"{median(theirs) * 1e3:.0f} ms", allowed)


def _delays(store: Store) -> list[float]:
    with store.read() as connection:
        return [float(each) for each in connection.execute(_DELAYS).scalars()]


def idle(store: Store, processes: Processes) -> None:
    """Measure what a server and two workers cost that have nothing to do."""
    workers = [processes.start("worker", "--runs", "4") for _ in range(2)]
    sleep(15)
    pid = _read(store, text("SELECT pg_backend_pid()"))
    before, ours, theirs, began = _read(store, _DONE), processes.cpu(), server_cpu(pid), monotonic()
    sleep(IDLE)
    seconds = monotonic() - began
    database = (server_cpu(pid) - theirs) / seconds
    done, share = (_read(store, _DONE) - before) / seconds, (processes.cpu() - ours) / seconds
    processes.stop(*workers)
    jobs = f"{PLUGINS * JOBS:,} jobs"
    row(f"idle: a server, two workers, {jobs}", f"{done:.0f} tx/s", f"{share:.1%} of a core (under 5%)")
    row("idle: PostgreSQL itself", f"{database:.1%}", "of a core")


def planning(store: Store) -> None:
    """Measure how long the rows of a minute of all jobs take to plan and to offer."""
    schedule, names = Schedule(MINUTELY), [(f"load{n}", f"job{job}") for n in range(PLUGINS) for job in range(JOBS)]
    served = [PlannedJob(tenant="acme", plugin=plugin, job=job, schedule=schedule) for plugin, job in names]
    engine = ProcrastinateEngine(store.engine.url)
    with store.write() as connection:
        planner.plan(connection, served, now_in(connection))
    spent = []
    for minute in (1, 2, 3):
        began = perf_counter()
        with store.write() as connection:
            at = now_in(connection)
            planned = planner.plan(connection, served, at, 60.0 * minute)
            while offering.offer_new(connection, engine, at, 60.0 * minute):
                pass
        spent.append(perf_counter() - began)
    row(f"plan and offer {planned:,} rows of a minute", f"{median(spent):.1f} s", "60 s ahead needs under 60 s")


def _read(store: Store, query) -> int:
    with store.read() as connection:
        return int(connection.execute(query).scalar_one())


def workers(url: str | None = None) -> None:
    """Measure everything, on one store."""
    with ExitStack() as closing:
        url = url or closing.enter_context(postgres())
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        store = opened(url)
        closing.callback(store.close)
        queue_schema.migrate(store)
        install(store, folder, 1, DUE_JOBS, YEARLY, "nap", f"__import__('time').sleep({NAP})")
        install(store, folder, 1, DUE_JOBS, YEARLY)
        processes = Processes(folder, url)
        closing.callback(processes.stop)
        server = processes.start("serve", "--engine", "distributed", "--port", "0", "--token-file", "token")
        throughput(store, processes)
        lateness(store, processes)
        processes.stop(server)
        with store.write() as connection:
            connection.execute(text("DELETE FROM sbh_job_run"))
        install(store, folder, PLUGINS, JOBS, YEARLY)
        began = perf_counter()
        processes.start("serve", "--engine", "distributed", "--port", "0", "--token-file", "token")
        first = perf_counter() - began
        row(f"start of a server of {PLUGINS:,} plugins", f"{first:.0f} s", "once somebody has loaded each")
        idle(store, processes)
        processes.stop()
        planning(store)


def opened(url: str) -> Store:
    """Wait for a database that is just starting."""
    from sbh_jobkit.errors import StoreError

    until = monotonic() + 30
    while True:
        try:
            return Store.open(url)
        except StoreError:
            if monotonic() > until:
                raise
            sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", metavar="URL", help="an empty PostgreSQL database (default: a server of its own)")
    sys.path.insert(0, str(ROOT))
    workers(parser.parse_args().store)
