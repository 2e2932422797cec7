"""`%debug` and `%pdb` after a job that crashed."""

from __future__ import annotations

import os
import sys

import pexpect
import pytest

JOB = "from src.ext.sdk import job\n@job('bill')\ndef bill(ctx):\n    amount = 41\n    return int('x')"


@pytest.fixture
def terminal(tmp_path):
    """Start IPython in a terminal, with the kit loaded and a job that crashes."""
    own = {**os.environ, "TERM": "dumb", "IPYTHONDIR": str(tmp_path), "COLUMNS": "200"}
    command = ["-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--no-confirm-exit"]
    child = pexpect.spawn(sys.executable, command, env=own, encoding="utf-8", timeout=60, echo=False)
    child.expect_exact("In [1]: ")
    for number, line in enumerate(("%load_ext sbh_jobkit", f"exec({JOB!r})"), start=2):
        child.sendline(line)
        child.expect_exact(f"In [{number}]: ")
    yield child
    child.close(force=True)


@pytest.mark.parametrize("before", ["", "%pdb on"])
def test_the_debugger_stops_where_the_job_raised(terminal, before):
    """In its frame, with its names: by `%debug` afterwards, or at once after `%pdb on`."""
    if before:
        terminal.sendline(before)
        terminal.expect_exact("In [4]: ")
    terminal.sendline("r = %run_job bill --at 2026-01-01")
    if not before:
        terminal.expect_exact("In [4]: ")
        terminal.sendline("%debug")
    terminal.expect_exact("ipdb> ")
    terminal.sendline("p amount")
    terminal.expect_exact("41")
    terminal.expect_exact("ipdb> ")
    terminal.sendline("q")
    terminal.expect_exact("In [5]: ")


def test_a_job_that_ends_well_changes_nothing(notebook):
    """The last error of the notebook stays the last one."""
    assert not notebook.shell.run_cell("{}['mine']", store_history=True).success
    notebook.run("from src.ext.sdk import job\n@job('calm')\ndef calm(ctx):\n    return 1")
    notebook.run("%run_job calm --at 2026-01-01")
    assert type(sys.last_value) is KeyError
