"""A process that ends before its work does: its runs are missing, and the fleet says so; all others are there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sbh_jobkit import Fleet
from sbh_jobkit.cli.main import main

JOB = """
    import os
    from src.ext.sdk import job

    @job("sync", schedule="0 */6 * * *")
    def sync(ctx):
        {}
"""
ENDS = {
    "by a fault of memory": "import ctypes; ctypes.string_at(0)",
    "past the kit": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "by another process": "import subprocess; subprocess.run(['kill', '-9', str(os.getpid())])",
    "at one tenant, at its last run": (
        "from datetime import datetime\n"
        "        if ctx.tenant_id == 'tenant-2' and datetime.now().hour == 18: import ctypes; ctypes.string_at(0)"
    ),
}
WHY = (
    "its process ended before its work did, so its runs are missing: a job ended it, or never let go of it, or the "
    "machine ran out of memory"
)
IMPATIENT = "from sbh_jobkit.machine import watchdog\nwatchdog._GRACE = 0.5\n"


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_what_is_missing_is_named(write, body):
    """Every installation but those that end their process has all of its runs, in the order of the fleet."""
    write("plugins/calm", JOB.format("return 1"))
    write("plugins/fatal", JOB.format(body))
    write("plugins/quiet", JOB.format("return 2"))
    simulation = Fleet("plugins", 2, duration="1d").simulate(2)
    fatal = ["tenant-2"] if "tenant-2" in body else ["tenant-1", "tenant-2"]
    assert [(one.path, one.tenant, one.why, one.missing) for one in simulation.not_simulated] == [
        ("plugins/fatal", tenant, WHY, True) for tenant in fatal
    ]
    assert (simulation.ok, simulation.done, simulation.asked) == (False, 6 - len(fatal), 6)
    assert (simulation.runs, simulation.failures, simulation.missing_runs) == (4 * (6 - len(fatal)), 0, 0)


def test_the_command_says_it(write, capsys):
    """With exit code 1: the input was right, and not everything is as expected."""
    write("calm", JOB.format("return 1"))
    write("fatal", JOB.format(ENDS["past the kit"]))
    assert main(["simulate", "calm", "fatal", "--for", "1d", "--jobs", "2"]) == 1
    seen = capsys.readouterr()
    assert seen.out.splitlines()[-1] == "4 runs, all as expected, 1 installation could not be simulated"
    assert seen.err.splitlines() == [
        f"sbh-jobkit: error: fatal: {WHY}",
        "sbh-jobkit: error: 1 of 2 installations has not come to its end",
    ]


def test_a_call_that_never_lets_go_ends_its_process_alone(write, tmp_path):
    """The others of the fleet are there; the line is on the standard error."""
    write("a", JOB.format("any(iter(int, 1))"))
    write("calm", JOB.format("return 1"))
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT)
    words = [sys.executable, "-m", "sbh_jobkit", "simulate", "a", "calm", "--jobs", "2", "--for", "1d"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])}
    given = {"cwd": Path.cwd(), "env": env, "capture_output": True, "text": True, "timeout": 100}
    done = subprocess.run([*words, "--time-limit", "0.5"], check=False, **given)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        1,
        "4 runs, all as expected, 1 installation could not be simulated",
    )
    assert f"sbh-jobkit: error: a: {WHY}" in done.stderr
    assert "a/main.py" in done.stderr


def test_one_that_could_not_begin_is_bad_input(write, capsys):
    """With exit code 2, as for one plugin."""
    write("calm", JOB.format("return 1"))
    write("wrong", "import nowhere")
    assert main(["simulate", "calm", "wrong", "--for", "1d", "--jobs", "2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "sbh-jobkit: error: 1 of 2 installations could not be simulated"


def test_a_worker_that_is_killed_once_is_replaced(write, tmp_path):
    """What another process killed is simulated again; nothing is missing then."""
    mark = tmp_path / "killed"
    kill = ENDS["by another process"]
    once = f"import pathlib; mark = pathlib.Path({str(mark)!r})\n        if not mark.exists(): mark.touch(); {kill}"
    write("calm", JOB.format("return 1"))
    write("unlucky", JOB.format(once))
    simulation = Fleet(["calm", "unlucky"], duration="1d").simulate(2)
    assert (simulation.done, simulation.not_simulated, simulation.runs) == (2, [], 8)


def test_a_job_that_kills_its_process_in_one_process_alone_is_a_crash(write):
    """What the kit refuses ends only its run, with one process and with several."""
    write("p", JOB.format("os.kill(os.getpid(), 9)"))
    counts = [(one.runs, one.failures) for n in (1, 2) for one in Fleet("p", 2, duration="1d").results(n)]
    assert counts == [(4, 4)] * 4


def test_a_script_without_a_main_block_is_told(write, tmp_path):
    """Processes of a fleet import the script, which then starts a fleet again."""
    write("calm", JOB.format("return 1"))
    script = tmp_path / "fleet.py"
    script.write_text("from sbh_jobkit import Fleet\nFleet('calm', 2, duration='1d').simulate(2)\n")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr.splitlines()[-1] == (
        "sbh_jobkit.errors.FleetError: no process of the fleet could begin: a script that starts a fleet does so below "
        "`if __name__ == '__main__':`, and not at its top level"
    )
