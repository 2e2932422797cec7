"""Serve `examples/hub_ops` for a minute on real services, with a day's schedules in that minute; print the history."""

import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from accelerated import Accelerated
from services import prepare, start_api

from sbh_jobkit.cli.main import main as command
from sbh_jobkit.cli.serve import modules
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.served import serve_plugins
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.report.terminal.serving import run_line

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


def accelerate(jobs, seconds):
    """Let the schedules of a day, from midnight on, be due within so many seconds from now on."""
    begin = datetime.now(UTC)
    midnight = (begin + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    factor = DAY.total_seconds() / seconds
    # the instant at which both clocks agree, if midnight is to come now
    origin = (midnight.timestamp() - factor * begin.timestamp()) / (1 - factor)
    for job in jobs:
        schedule = Accelerated(job.planned.schedule, origin, factor)
        yield replace(job, planned=replace(job.planned, schedule=schedule))


def serve(folder, seconds):
    """Serve for so many seconds, and return the runs."""
    tenant = Settings.load(prepare(folder, start_api()))
    store = Store.open(f"sqlite:///{folder / 'jobs.db'}")
    runs = []

    def ended(run):
        runs.append(run)
        print(run_line(run), flush=True)

    with Starter.start(modules()) as starter:
        jobs = serve_plugins([describe(str(ROOT / "examples/hub_ops"))], [tenant], store.url)
        engine = LocalEngine(store, accelerate(jobs, seconds), starter, ended=ended)
        engine.start()
        time.sleep(seconds)
        engine.stop(20)
    store.close()
    return runs


def main(seconds=60.0):
    """Print each run as it ends, then the history; return 1 if a run was not ok."""
    folder = ROOT / "build/serve-demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"a day of Hub Ops in {seconds:g} seconds, on the services in {folder.relative_to(ROOT)}", flush=True)
    runs = serve(folder, seconds)
    store = f"sqlite:///{folder / 'jobs.db'}"
    print("\nthe end of the history, as sbh-jobkit history prints it:", flush=True)
    command(["history", "--store", store, "--limit", "5"])
    counts = Counter(run.job for run in runs)
    print("runs: " + ", ".join(f"{job} {number}" for job, number in sorted(counts.items())))
    return 0 if runs and all(run.ok for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
