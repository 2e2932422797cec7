"""What a plugin's objects print when the runs are over: nothing of it is on the terminal, and the rest is as before."""

from __future__ import annotations

import subprocess
import sys

import pytest

TOKEN = "Zx81kqQuintessence7Ab"  # noqa: S105  what the tests look for
WORLD = f"def setup(world):\n    world.secrets['TOKEN'] = {TOKEN!r}\n"
KEPT = "KEPT = []"
FUTURE = "future = loop.create_future(); future.set_exception(ValueError(token)); KEPT.append(future); loop.close()"
TASK = """async def fail(): raise ValueError(token)
    async def main(): KEPT.append(asyncio.ensure_future(fail())); await asyncio.sleep(0)
    asyncio.run(main())"""
OBJECT = """import os
class Kept:
    def __del__(self): {}
KEPT = Kept()"""
FLUSHED = """import logging
class Last(logging.Handler):
    def flush(self): print(self.token)
KEPT = Last()"""
PRINTS = {
    "a failed task": (KEPT, TASK),
    "a failed future of a loop of its own": (KEPT, f"loop = asyncio.new_event_loop(); {FUTURE}"),
    "a handler of the loop": (
        KEPT,
        f"loop = asyncio.new_event_loop(); loop.set_exception_handler(lambda *_: print(token)); {FUTURE}",
    ),
    "weakref.finalize": ("import weakref\nclass Kept: pass\nKEPT = Kept()", "weakref.finalize(KEPT, print, token)"),
    "__del__": (OBJECT.format("print(self.token)"), "KEPT.token = token"),
    "__del__ past Python": (OBJECT.format("os.write(2, self.token.encode())"), "KEPT.token = token"),
    "an error in __del__": (OBJECT.format("raise ValueError(self.token)"), "KEPT.token = token"),
    "a handler that logging flushes": (FLUSHED, "KEPT.token = token"),
}
COMMANDS = {
    "simulate": ("simulate", ".", "--for", "1d"),
    "a fleet": ("simulate", ".", "--for", "1d", "--tenants", "2", "--jobs", "2"),
    "run": ("run", ".", "work", "--at", "2026-01-01T06:00"),
}


def command(folder, *arguments):
    """Run the command line in a process of its own; return its exit code and all its output."""
    ended = subprocess.run(
        [sys.executable, "-m", "sbh_jobkit", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.returncode, ended.stdout


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes a plugin of one job."""

    def write(top, body):
        (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
        (tmp_path / "world.py").write_text(WORLD)
        (tmp_path / "main.py").write_text(
            f"import asyncio\nfrom src.ext.sdk import job\n\n{top}\n\n\n@job('work', schedule='0 6 * * *')\n"
            f"def work(ctx):\n    token = ctx.secrets.get('TOKEN')\n    {body}\n"
        )
        return tmp_path

    return write


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(("top", "body"), PRINTS.values(), ids=PRINTS)
def test_what_is_printed_after_the_runs_is_not_shown(plugin, arguments, top, body):
    """No secret is there in plain text, and the report is whole."""
    code, text = command(plugin(top, body), *arguments)
    assert (code, TOKEN in text) == (0, False)
    assert text.count("\n") > 1 or "ok" in text


@pytest.mark.parametrize(
    ("body", "code", "shown"),
    [("pass", 0, "1 run, as expected"), ("raise KeyError('x')", 1, "KeyError: 'x'"), ("1/0", 1, "ZeroDivisionError")],
)
def test_exit_code_and_report_stay(plugin, body, code, shown):
    """Whatever is dropped at the end."""
    ended, text = command(plugin("", body), "simulate", ".", "--for", "1d")
    assert (ended, shown in text) == (code, True)
