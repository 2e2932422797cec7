"""Large simulations: a year of minutes, a million runs, a thousand plugins."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from measure import row

from sbh_jobkit import Plugin, Simulator, World
from sbh_jobkit.plugin.sdk import job

YEAR = 525_600
SIZES = (10_000, 100_000, 1_000_000)
PLUGINS, JOBS = 1_000, 5
MAIN = """\
from src.ext.sdk import job

def note(ctx):
    ctx.emit("noted", {"rows": len(ctx.db.query("users"))})
    return {"status": "success"}

"""


@job("noop", schedule="* * * * *")
def noop(ctx) -> None:
    """Do nothing."""
    del ctx


def warm() -> None:
    """Import everything that a first run imports, so that start-up time is not measured here."""
    Simulator(Plugin.load({"function": noop}), World(), duration="1h").each(lambda _: None)


def stream(runs: int) -> float:
    """Take runs one after another; return runs per second."""
    warm()
    simulator = Simulator(Plugin.load({"function": noop}), World(), duration=f"{runs}m")
    before = perf_counter()
    taken = sum(1 for _ in simulator.runs())
    if taken != runs:
        msg = f"{taken} of {runs} runs"
        raise AssertionError(msg)
    return runs / (perf_counter() - before)


def callback(runs: int) -> float:
    """Do the same with a function that is called for each run."""
    warm()
    simulator = Simulator(Plugin.load({"function": noop}), World(), duration=f"{runs}m")
    before, seen = perf_counter(), []
    simulator.each(lambda run: seen.append(None) if run.duration else None)
    return runs / (perf_counter() - before)


def in_process(way: str, runs: int) -> tuple[float, float]:
    """Measure in a separate process; return runs per second and its peak memory in MB."""
    command = [sys.executable, __file__, way, str(runs)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  our own script
    rate, memory = output.split()
    return float(rate), float(memory)


def year() -> None:
    """Stream a year of minutes, and compare the speed of ten thousand runs with that of a million."""
    for way in WAYS:
        rate, memory = in_process(way, YEAR)
        row(f"a year of minutes, {way}", f"{YEAR / rate:.0f} s", f"{memory:.0f} MB; at most 40 s in under 300 MB")
        rates = [in_process(way, size)[0] for size in SIZES]
        speeds = ", ".join(f"{rate:,.0f}" for rate in rates)
        slowest = min(rates) / max(rates) - 1
        row(f"from {SIZES[0]:,} runs to {SIZES[-1]:,}, {way}", f"{slowest:+.0%}", f"{speeds} runs/s; within 20 %")


def platform() -> None:
    """Simulate a day of a whole platform, with a report."""
    with TemporaryDirectory() as folder:
        for number in range(PLUGINS):
            plugin = Path(folder, "plugins", f"plugin{number:03}")
            plugin.mkdir(parents=True)
            minutes = [(number * 7 + each * 11) % 60 for each in range(JOBS)]
            jobs = (
                f'@job("job{each}", schedule="{minute} * * * *")\ndef job{each}(ctx): return note(ctx)\n'
                for each, minute in enumerate(minutes)
            )
            (plugin / "main.py").write_text(MAIN + "\n".join(jobs))
            manifest = {"slug": plugin.name, "name": plugin.name, "permissions": ["db.read", "emit_webhook"]}
            (plugin / "plugin.json").write_text(json.dumps(manifest))
            (plugin / "world.py").write_text("def setup(world): world.db.insert('users', [{'name': 'a'}])\n")
        report = Path(folder, "report.html")
        for processes in (1, 2):
            command = [sys.executable, "-m", "sbh_jobkit", "simulate", str(Path(folder, "plugins")), "--for", "1d"]
            before = perf_counter()
            words = [*command, "--jobs", str(processes), "--html", str(report)]
            output = subprocess.run(words, check=True, capture_output=True, text=True).stdout  # noqa: S603  as above
            took = perf_counter() - before
            size = report.stat().st_size / 1e6
            row(
                f"a day of {PLUGINS:,} plugins with {JOBS} jobs, --jobs {processes}",
                f"{took:.0f} s",
                f"{output.splitlines()[-2].strip()}; a report of {size:.1f} MB",
            )


WAYS = {"runs()": stream, "each()": callback}

if __name__ == "__main__":
    rate = WAYS[sys.argv[1]](int(sys.argv[2]))
    print(rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
