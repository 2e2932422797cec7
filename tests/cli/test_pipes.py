"""Where the output goes changes no exit code: a reader that has gone is none of the work's business, a full disk is."""

import json
import shlex
import subprocess
import sys

import pytest

JOBS = """
from src.ext.sdk import job

@job("good", schedule="0 * * * *")
def good(ctx):
    return {"status": "success"}
"""
BAD = '\n@job("bad", schedule="0 * * * *")\ndef bad(ctx):\n    raise ValueError("no")\n'
FULL = "sbh-jobkit: error: cannot write standard output: No space left on device\n"
CLOSED = "sbh-jobkit: error: standard output is closed; send it to a file, or to /dev/null\n"


@pytest.fixture
def typed(tmp_path):
    """Type a line into bash, with `kit` for the command and plugins `good` and `bad`; return exit codes and errors."""
    for name, text in (("good", JOBS), ("bad", JOBS + BAD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(text, encoding="utf-8")
        (tmp_path / name / "plugin.json").write_text(json.dumps({"slug": name, "name": name}), encoding="utf-8")
    kit = f'kit() {{ {shlex.quote(sys.executable)} -m sbh_jobkit "$@"; }}'

    def type_(line):
        script = f"{kit}\n{line}\necho ${{PIPESTATUS[0]}} >code"
        done = subprocess.run(
            ["bash", "-c", script],  # noqa: S607  where it is differs from machine to machine
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return int((tmp_path / "code").read_text(encoding="utf-8")), done.stderr

    return type_


@pytest.mark.parametrize("reader", ["true", "head -1", "head -c1", "cat"])
@pytest.mark.parametrize("setting", ["", "PYTHONUNBUFFERED=1 "], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("simulate good --for 2d", 0),
        ("simulate bad --for 2d", 1),
        ("simulate bad --for 2d --json", 1),
        ("run bad bad --at 2026-01-01", 1),
    ],
)
def test_the_exit_code_is_that_of_the_work(typed, command, code, setting, reader):
    """Whether anybody reads on or not."""
    assert typed(f"{setting}kit {command} | {reader}") == (code, "")


@pytest.mark.parametrize(
    "command",
    ["simulate good --for 1d", "check good", "preview '0 0 * * *'", "run good good --at 2026-01-01", "--help"],
)
@pytest.mark.parametrize(("where", "said"), [(">/dev/full", FULL), (">&-", CLOSED)], ids=["full", "closed"])
def test_output_that_goes_nowhere_is_one_sentence(typed, command, where, said):
    """A full disk and a closed output end with exit code 2."""
    assert typed(f"kit {command} {where}") == (2, said)


def test_errors_may_go_nowhere(typed):
    """Without standard error the work is the same."""
    assert typed("kit simulate bad --for 1d 2>&- >/dev/null") == (1, "")
    assert typed("kit simulate nothing 2>&- >/dev/null") == (2, "")
    assert typed("kit simulate bad --for 1d 2>&- >&-") == (2, "")
    assert typed("kit simulate bad --for 1d >/dev/null 2>/dev/full") == (1, "")
