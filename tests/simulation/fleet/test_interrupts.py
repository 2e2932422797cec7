"""Ctrl-C, as a terminal sends it: what was done so far is reported, and no process is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from sbh_jobkit.cli.main import INTERRUPTED

ENDLESS = """
    from pathlib import Path
    from src.ext.sdk import job

    @job("tick", schedule="* * * * *")
    def tick(ctx):
        Path({marks!r}, ctx.tenant_id).touch()
"""
HOW_FAR = re.compile(r"interrupted at \d{4}-\d\d-\d\d \d\d:\d\d virtual time, (\d[\d,]*) of 1,440,000 due instants\n")


@pytest.fixture
def endless(write, here):
    """Start a simulation that would take long, and wait until its jobs run at so many tenants."""
    marks = here / "marks"
    marks.mkdir()
    write("p", ENDLESS.format(marks=str(marks)))
    works = []

    def begin(*words, tenants=1):
        command = [sys.executable, "-m", "sbh_jobkit", "simulate", "p", "--for", "1000d", *words]
        work = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        works.append(work)
        deadline = time.monotonic() + 120
        while len(list(marks.iterdir())) < tenants:
            assert work.poll() is None, work.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)  # so that the first run has ended, too
        return work

    yield begin
    for work in works:
        if work.poll() is None:
            os.killpg(work.pid, signal.SIGKILL)
        work.communicate()


def is_gone(group):
    """Whether no process of a group is left, after a while."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_simulation(endless, here):
    """The table and the report have the runs until then, and show how far it came."""
    work = endless("--html", "r.html")
    work.send_signal(signal.SIGINT)
    out, err = work.communicate(timeout=60)
    assert (work.returncode, err) == (INTERRUPTED, "sbh-jobkit: interrupted\n")
    runs = HOW_FAR.search(out)[1]
    assert re.search(rf"\n{runs} runs?, (all )?as expected\nreport: r.html\n$", out)
    report = (here / "r.html").read_text()
    assert f"<h1>Interrupted: {runs} run" in report
    assert HOW_FAR.search(f"interrupted {re.search('Interrupted</dt><dd>(.*?)</dd>', report)[1]}\n")[1] == runs


def test_a_simulation_for_machines(endless):
    """The JSON is whole, and has when it was interrupted."""
    work = endless("--json")
    work.send_signal(signal.SIGINT)
    out, err = work.communicate(timeout=60)
    found = json.loads(out)
    assert (work.returncode, err, found["ok"]) == (INTERRUPTED, "sbh-jobkit: interrupted\n", True)
    assert found["interrupted"] >= found["runs"][-1]["fire_time"]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("to", ["parent", "all"])
def test_a_fleet(endless, here, jobs, to):
    """Each process returns what it has done, whether Ctrl-C reaches all processes or only the first."""
    work = endless("--tenants", "a,b,c", "--jobs", jobs, "--html", "r.html", tenants=int(jobs))
    (os.killpg if to == "all" else os.kill)(work.pid, signal.SIGINT)
    out, err = work.communicate(timeout=60)
    assert (work.returncode, err) == (INTERRUPTED, "sbh-jobkit: interrupted\n")
    parts = "".join(rf", p at {tenant} up to \d{{4}}-\d\d-\d\d \d\d:\d\d" for tenant in "ab"[: int(jobs)])
    assert re.search(rf"\ninterrupted: 0 of 3 installations done{parts}\n", out)
    assert "<h1>Interrupted: " in (here / "r.html").read_text()
    assert is_gone(work.pid)


def test_workers_end_with_their_parent(endless):
    """Also if it is killed and cannot tidy up."""
    work = endless("--tenants", "2", "--jobs", "2", tenants=2)
    work.kill()
    work.wait()
    assert is_gone(work.pid)


def test_before_anything_is_done(endless, here):
    """There is nothing to report, and that is said."""
    (here / "p" / "main.py").write_text(
        f"import pathlib, time\npathlib.Path({str(here)!r}, 'marks', 'x').touch()\nwhile True: pass\n"
    )
    work = endless("--tenants", "2")
    work.send_signal(signal.SIGINT)
    out, err = work.communicate(timeout=60)
    assert (work.returncode, out) == (INTERRUPTED, "interrupted before anything was done\n")
    assert err == "sbh-jobkit: interrupted\n"
