"""One run, one child, beside a fresh interpreter with the same imports: time, memory and runs a second.

Then processes that have many runs, beside a process for each run: processor time.

Each figure is measured for both in turn, in one process, so that what else the machine does meets both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep

from measure import cpu

from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.machine.processes import children, descendants

ROOT = Path(__file__).parents[1]
TENANTS = ROOT / "tests/data/tenants"
PLUGIN = """
import os, sys, time
from src.ext.sdk import job


@job("first")
def first(ctx):
    return time.perf_counter()


@job("memory")
def memory(ctx):
    print("here", flush=True)
    time.sleep(0.3)


@job("nothing")
def nothing(ctx):
    pass
"""
FRESH = """
import sys, time
for name in {names!r}:
    __import__(name)
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.schedule.times import zone
request = RunRequest.from_json(sys.argv[1])
job = Plugin.load(request.plugin).jobs[request.job]
run = Runner(request.make_tenant(), DirectSandbox()).run(job, request.fire, zone("UTC"))
print(run.value, flush=True)
"""
LIBRARIES = ("dict_tenant", "sqlalchemy", "httpx2")
"""What live services need; both load it, the starter once."""
HEAVY = """
import pandas
from src.ext.sdk import job


@job("nothing")
def nothing(ctx):
    return len(pandas.DataFrame({"a": [1, 2]}))
"""
REUSE = 10_000
ROUNDS = 15
RUNS = 40
AT_ONCE = 4


def request(folder, job):
    """Return a request for one of the plugin's jobs."""
    given = {"slug": "p", "fire": 1_767_585_600.0, "tenant": "acme", "factory": "dict_tenant:make"}
    return RunRequest(plugin=str(folder), job=job, **given)


def forked(starter, folder, job):
    """Ask for a run and let it go."""
    handle = starter.request(request(folder, job))
    if not handle.wait_ready(30):
        sys.exit(handle.result().summary)
    handle.go()
    return handle


def fresh(folder, job):
    """Start an interpreter that runs the same job."""
    line = [
        sys.executable,
        "-c",
        FRESH.format(names=("sbh_jobkit.engines.supervisor", "croniter", "tzdata", *LIBRARIES)),
        request(folder, job).to_json(),
    ]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True)  # noqa: S603  this interpreter


def private(pid):
    """Return the MB that only this process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def first_line(starter, folder):
    """Return the milliseconds from the request to the first line of the job, of both."""
    begin = perf_counter()
    child = forked(starter, folder, "first").result(30).value - begin
    begin = perf_counter()
    with fresh(folder, "first") as process:
        other = float(process.stdout.read()) - begin
    return child * 1000, other * 1000


def memory(starter, folder):
    """Return the private MB of a job that does nothing, and of a fresh interpreter."""
    handle = forked(starter, folder, "memory")
    while not handle.has_begun:
        handle.poll()
    sleep(0.1)
    (supervisor,) = children(starter.pid)
    child = sum(map(private, children(supervisor)))
    print(f"the supervisor's private memory: {private(supervisor):.1f} MB, its child's: {child:.1f} MB")
    handle.result(30)
    with fresh(folder, "memory") as process:
        process.stdout.readline()
        other = private(process.pid)
        process.wait(30)
    return child, other


def rate(start, runs):
    """Return how many runs a second end, four at once."""
    begin, going, begun, ended = perf_counter(), [], 0, 0
    while ended < runs:
        while begun < runs and len(going) < AT_ONCE:
            going.append(start())
            begun += 1
        for over in [each for each in going if each()]:
            going.remove(over)
            ended += 1
        sleep(0.0005)
    return runs / (perf_counter() - begin)


def rates(starter, folder):
    """Return the no-op runs a second of both."""

    def start_child():
        handle, gone = starter.request(request(folder, "nothing")), []

        def is_over():
            if not gone and handle.is_ready:
                handle.go()
                gone.append(True)
            return handle.poll()

        return is_over

    def start_fresh():
        process = fresh(folder, "nothing")

        def is_over():
            if process.poll() is None:
                return False
            process.stdout.close()
            return True

        return is_over

    return rate(start_child, RUNS), rate(start_fresh, AT_ONCE * 2)


def computed(starter, folder, runs):
    """Return the milliseconds that this process and those of a run compute for one run, once it is warm."""
    forked(starter, folder, "nothing").result(60)
    sleep(0.2)
    before, own = cpu(starter.pid, *descendants(starter.pid)), process_time()
    for _ in range(runs):
        forked(starter, folder, "nothing").result(60)
    sleep(0.2)
    return (cpu(starter.pid, *descendants(starter.pid)) - before + process_time() - own) / runs * 1000


def used_again(folder, text, runs):
    """Return the processor time of a run in a process that has many, and in one of its own."""
    Path(folder, "main.py").write_text(text, encoding="utf-8")
    with Starter.start(LIBRARIES, runs_per_process=REUSE, waiting=1) as again, Starter.start(LIBRARIES) as new:
        return computed(again, folder, 10 * runs), computed(new, folder, runs)


def show(name, pairs, wanted):
    """Print one line of the table, and return its figures."""
    child, other = (median(side) for side in zip(*pairs, strict=True))
    print(f"{name:48} {child:8.1f} {other:8.1f} {child / other:8.3f} {wanted:8.3f}")
    return {"child": child, "fresh": other, "ratio": child / other, "wanted": wanted}


def main():
    """Print a table, and the figures as JSON."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TENANTS), str(ROOT)])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plugin.json").write_text('{"slug": "p", "name": "P"}', encoding="utf-8")
        Path(folder, "main.py").write_text(PLUGIN, encoding="utf-8")
        with Starter.start(LIBRARIES) as starter:
            rows = {
                "ms from the request to the first line": ([first_line(starter, folder) for _ in range(ROUNDS)], 1 / 8),
                "MB of private memory": ([memory(starter, folder) for _ in range(3)], 1 / 5),
                "no-op runs a second, four at once": ([rates(starter, folder) for _ in range(3)], 15),
            }
        reuse = {
            "ms of processor a run that does nothing": ([used_again(folder, PLUGIN, RUNS) for _ in range(3)], 1 / 4),
            "ms of processor a run with pandas": ([used_again(folder, HEAVY, RUNS // 8) for _ in range(3)], 1 / 100),
        }
    print(f"{'':48} {'child':>8} {'fresh':>8} {'ratio':>8} {'wanted':>8}")
    figures = {name: show(name, *row) for name, row in rows.items()}
    print(f"\n{'':48} {'again':>8} {'new':>8} {'ratio':>8} {'wanted':>8}")
    figures |= {name: show(name, *row) for name, row in reuse.items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
