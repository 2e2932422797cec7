"""`sbh-jobkit simulate` of several plugins, or at several tenants."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main
from sbh_jobkit.machine.lines import is_cheap

SUMMARY = """\
2 plugins at 2 tenants: Thu 2026-01-01 00:00 UTC to Sat 2026-01-03 00:00 UTC

plugin  tenants  jobs  runs  failed  expected    busiest minute
loud          2     1    16       8         0  2 at 01-01 00:00
quiet         2     2   196       0         0  4 at 01-01 06:00

busiest minutes:
  Thu 2026-01-01 06:00 UTC, and 1 other like it: 6 runs, loud.bill ×2,
    quiet.sync ×2, quiet.report ×2
  Thu 2026-01-01 00:00 UTC, and 5 others like it: 4 runs, loud.bill ×2,
    quiet.sync ×2
  Thu 2026-01-01 00:30 UTC, and 87 others like it: 2 runs, quiet.sync ×2

Thu 2026-01-01 00:00 UTC  loud.bill at globex  crashed
    main.py:7: KeyError: 'tea'
    … and 7 more like it, the last on Fri 2026-01-02 18:00 UTC

rerun the first: sbh-jobkit run plugins/loud bill --from 2026-01-01T00:00Z --at 2026-01-01T00:00Z --tenant globex

8 of 212 runs failed
"""


ONE_ONLY = (
    "--stress, --against, --budget and --twice work with one plugin at one tenant; simulate the plugins one by one"
)


def said(capsys, *arguments):
    """Run a command; return its exit code and what it printed."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_platform(platform, capsys):
    """A row a plugin, the busiest minutes, each way of failing once, and the command that repeats the first."""
    assert said(capsys, "simulate", platform, "--tenants", "acme,globex", "--for", "2d") == (FAILED, SUMMARY, "")


def test_the_command_that_repeats_a_run(platform, capsys):
    """It finds the world of the tenant whose run it was."""
    out = said(capsys, "simulate", platform, "--tenants", "acme,globex", "--for", "2d")[1]
    words = out.partition("rerun the first: sbh-jobkit ")[2].splitlines()[0].split()
    code, out, _ = said(capsys, *words)
    assert (code, out.splitlines()[1]) == (FAILED, "  main.py:7: KeyError: 'tea'")
    assert said(capsys, *words[:-2])[0] == OK


def test_one_plugin_at_one_tenant_is_a_simulation(platform, capsys):
    """As ever; also where a folder has one plugin below it, and the tenant has a name."""
    plain = said(capsys, "simulate", "plugins/quiet", "--for", "1d")
    assert plain[1].startswith("Quiet: Thu 2026-01-01 00:00 UTC")
    assert said(capsys, "simulate", "plugins/quiet", "--for", "1d", "--tenants", "1", "--jobs", "2") == plain
    code, out, _ = said(capsys, "simulate", "plugins/loud", "--for", "1d", "--tenants", "globex")
    assert code == FAILED
    assert "--at 2026-01-01T00:00Z --tenant globex\n" in out
    assert platform == "plugins"


def test_json(platform, capsys):
    """Everything for machines: plugins, tenants, jobs, failing kinds with the command, and the busiest minutes."""
    code, out, err = said(capsys, "simulate", platform, "--tenants", "acme,globex", "--for", "1d", "--json")
    found = json.loads(out)
    plugins, busiest = found.pop("plugins"), found.pop("busiest")
    assert (code, err) == (FAILED, "")
    assert found == {"installations": 4, "done": 4, "interrupted": False, "ok": False, "not_replayed": []}
    loud = plugins[0]
    (bill,) = loud.pop("jobs")
    assert loud == {
        "path": "plugins/loud",
        "plugin": "loud",
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2026-01-02T00:00:00+00:00",
        "tz": "UTC",
        "by_hand": ["audit"],
        "unreached": [] if is_cheap() else None,
        "tenants": {"acme": {"runs": 4, "failures": 0}, "globex": {"runs": 4, "failures": 4}},
    }
    (kind,) = bill.pop("failing")
    assert bill == {
        "name": "bill",
        "schedule": "0 */6 * * *",
        "runs": 8,
        "failures": 4,
        "verdicts": {"crashed": 4, "ok": 4},
        "first_failure": "2026-01-01T00:00:00+00:00",
        "duration": 0.0,
        "longest": 0.0,
        "http_calls": 0,
        "emits": 0,
        "faults": 0,
        "late": 0,
        "recovered": 0,
    }
    assert (kind["runs"], kind["tenants"], kind["last"], kind["first"]["tenant"]) == (
        4,
        1,
        "2026-01-01T18:00:00+00:00",
        "globex",
    )
    assert kind["rerun"].endswith("--at 2026-01-01T00:00Z --tenant globex")
    assert busiest[0] == {
        "at": "2026-01-01T06:00:00+00:00",
        "runs": 6,
        "who": [
            {"plugin": "loud", "job": "bill", "runs": 2},
            {"plugin": "quiet", "job": "sync", "runs": 2},
            {"plugin": "quiet", "job": "report", "runs": 2},
        ],
        "minutes": 1,
        "last": "2026-01-01T06:00:00+00:00",
    }


def test_what_cannot_be_simulated(platform, write, capsys):
    """The rest is simulated, the reason is printed once, and the exit code is that of wrong use."""
    write("plugins/broken", "import nothing_of_the_kind")
    code, out, err = said(capsys, "simulate", platform, "--tenants", "2", "--for", "1d")
    assert (code, out.splitlines()[-1]) == (
        WRONG_USE,
        "106 runs, all as expected, 2 installations could not be simulated",
    )
    assert err == (
        "sbh-jobkit: error: plugins/broken: main.py:1: ModuleNotFoundError: No module named 'nothing_of_the_kind'; "
        "install it, or put nothing_of_the_kind.py beside the plugin's entry (at 2 tenants)\n"
        "sbh-jobkit: error: 2 of 6 installations could not be simulated\n"
    )


def test_warnings_are_told_once(write, capsys):
    """However many tenants a plugin has."""
    write("p", "", jobs=[{"name": "gone", "schedule": "@daily"}])
    assert said(capsys, "simulate", "p", "--tenants", "3") == (
        OK,
        (
            "P at 3 tenants: Thu 2026-01-01 00:00 UTC to Sat 2026-01-31 00:00 UTC\n\n"
            "plugin  tenants  jobs  runs  failed  expected  busiest minute\n"
            "p             3     0     0       0         0            none\n\n"
            "No run was due\n"
        ),
        "sbh-jobkit: warning: p: job 'gone' of the manifest has no function in main.py, so it never runs\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--jobs", "0"], "--jobs '0' is neither a number of processes from 1 to 1,000 nor auto"),
        (["--jobs", "many"], "--jobs 'many' is neither a number of processes from 1 to 1,000 nor auto"),
        (["--tenants", "0"], "--tenants 0 is not a number of tenants: use 1 to 100,000, or names: a,b,c"),
        (["--tenants", "a,,b"], "tenants are a number from 1, or names such as 'acme', got ['a', '', 'b']"),
        (["--job", "bil"], "none of the plugins has a job 'bil' with a schedule"),
        (["--job", "bil", "--job", "x"], "none of the plugins has a job 'bil' or 'x' with a schedule"),
        (["--twice"], ONE_ONLY),
        (["--budget", "runs=1"], ONE_ONLY),
        (["--stress", "dst"], ONE_ONLY),
        (["--html", "/proc/none/r.html"], "cannot write the report to '/proc/none/r.html': No such file or directory"),
    ],
)
def test_wrong_use(platform, capsys, words, message):
    """One sentence, exit code 2."""
    code, _, err = said(capsys, "simulate", platform, "--for", "1h", *words)
    assert (code, err) == (WRONG_USE, f"sbh-jobkit: error: {message}\n")


def test_as_many_processes_as_processors(platform, capsys):
    """`auto` changes nothing but the time it takes."""
    words = ["simulate", platform, "--tenants", "acme,globex", "--for", "2d", "--jobs"]
    assert said(capsys, *words, "auto") == (FAILED, SUMMARY, "")


def test_many_plugins_in_a_terminal(write, capsys):
    """Those with failures come first, and the table does not fill the screen."""
    job = "from src.ext.sdk import job\n@job('j', schedule='@daily')\ndef j(ctx): {}\n"
    for number in range(33):
        write(f"all/p{number:02}", job.format("1 / 0" if number > 31 else "pass"))
    out = said(capsys, "simulate", "all", "--for", "1d")[1].splitlines()
    assert out[3] == "p32           1     1     1       1         0  1 at 01-01 00:00"
    assert out[33] == "… and 3 more plugins, none with failures"
    assert out[-1] == "1 of 33 runs failed"


def test_progress(write):
    """A terminal sees how many installations are done, while there are some to wait for."""
    write(
        "p",
        "from src.ext.sdk import job\nsum(range(30_000_000))\n@job('j', schedule='@daily')\ndef j(ctx): pass\n",
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sbh_jobkit", "simulate", "p", "--tenants", "4", "--for", "1d"]
    work = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 1024):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert work.wait(60) == OK
    assert b"installations" in seen
