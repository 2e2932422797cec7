"""Code that ends the process, or pretends that a person did: a crashed run like any other, with every face."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ENDS = {
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "KeyboardInterrupt with a text": ("raise KeyboardInterrupt('stop')", "KeyboardInterrupt: stop"),
    "a kind of its own": (
        "class Stop(KeyboardInterrupt): pass\nraise Stop",
        "Stop",
    ),
    "sys.exit": ("import sys; sys.exit(0)", "SystemExit: exit code 0"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "BaseException": ("raise BaseException('no')", "BaseException: no"),
    "os._exit": ("os._exit(0)", "ProcessExit: os._exit(0) ends the whole process, and with it every other run"),
    "os.abort": ("os.abort()", "ProcessExit: os.abort() ends the whole process, and with it every other run"),
    "its own process": (
        "import signal; os.kill(os.getpid(), signal.SIGKILL)",
        "ProcessExit: os.kill(os.getpid(), SIGKILL) ends the whole process, and with it every other run",
    ),
    "its own process, by a signal": (
        "import signal; signal.raise_signal(signal.SIGINT)",
        "ProcessExit: signal.raise_signal(SIGINT) ends the whole process, and with it every other run",
    ),
    "its group": (
        "import signal; os.killpg(os.getpgrp(), signal.SIGTERM)",
        "ProcessExit",
    ),
    "the module below os": (
        "import posix; posix._exit(0)",
        "ProcessExit: os._exit(0) ends the whole process, and with it every other run",
    ),
    "its main thread": (
        "import _thread; _thread.interrupt_main()",
        "ProcessExit: _thread.interrupt_main() ends the whole process, and with it every other run",
    ),
    "a descriptor of its process": (
        "import signal; signal.pidfd_send_signal(os.pidfd_open(os.getpid()), signal.SIGTERM)",
        "ProcessExit: signal.pidfd_send_signal(SIGTERM) ends the whole process, and with it every other run",
    ),
    "an alarm that nobody handles": (
        "import signal; signal.signal(signal.SIGALRM, signal.SIG_DFL); signal.alarm(1)",
        "ProcessExit: signal.alarm(1) ends the whole process, and with it every other run",
    ),
    "an alarm that nobody handles any more": (
        "import signal; signal.alarm(9); signal.signal(signal.SIGALRM, signal.SIG_DFL)",
        "ProcessExit: signal.signal(SIGALRM, SIG_DFL) ends the whole process, and with it every other run",
    ),
    "a timer that nobody handles": (
        "import signal; signal.setitimer(signal.ITIMER_PROF, 0.1)",
        "ProcessExit: signal.setitimer(SIGPROF) ends the whole process, and with it every other run",
    ),
    "another program": ("os.execv('/bin/true', ['true'])", "ProcessExit: os.exec ends the whole process"),
    "kept at import": ("end(3)", "ProcessExit: os._exit(3) ends the whole process, and with it every other run"),
}


@pytest.mark.parametrize(("body", "error"), ENDS.values(), ids=ENDS)
def test_it_is_a_crashed_run(ran, body, error):
    """The run crashed, at its line, and the next one runs."""
    run = ran(body, top="import os; from os import _exit as end")
    assert (run.outcome, run.error.place) == ("crashed", f"main.py:{4 + len(body.splitlines())}")
    assert run.error.line.startswith(error)
    assert ran("return 1").value == 1


@pytest.mark.parametrize("body", ["os._exit(0)", "os.abort()", "import signal; os.kill(os.getpid(), signal.SIGTERM)"])
def test_it_cannot_be_swallowed(ran, body):
    """`except BaseException` does not make a success of it."""
    run = ran(f"try:\n    {body}\nexcept BaseException:\n    pass\nreturn {{'status': 'success'}}")
    assert (run.outcome, run.value) == ("crashed", None)
    assert run.reason.endswith(" ends the whole process, and with it every other run")


HARMLESS = [
    "import multiprocessing as m\np = m.get_context('fork').Process()\np.start(); p.join(); return p.exitcode",
    "pid = os.fork()\nif not pid: os._exit(0)\nreturn os.waitpid(pid, 0)[1]",
    "import signal; os.kill(os.getpid(), 0); return 0",
    "import signal; signal.signal(signal.SIGUSR1, lambda *_: None); signal.raise_signal(signal.SIGUSR1); return 0",
    "import subprocess; p = subprocess.Popen(['sleep', '9']); p.kill(); p.wait(); return 0",
    "import signal; signal.alarm(9); signal.alarm(0); signal.setitimer(signal.ITIMER_PROF, 0); return 0",
    (
        "import signal, subprocess; p = subprocess.Popen(['sleep', '9']); fd = os.pidfd_open(p.pid)\n"
        "signal.pidfd_send_signal(fd, signal.SIGKILL); p.wait(); os.close(fd); return 0"
    ),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("body", HARMLESS)
def test_other_processes_may_end(ran, body):
    """A child ends as it likes, and a signal that is handled ends nothing."""
    run = ran(body)
    assert (run.value, run.error, run.ok) == (0, None, True)


WAITED = "return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
COPIES = {
    "it returns": (f"pid = os.fork()\nif not pid: return 1\n{WAITED}", 0),
    "it raises": (f"pid = os.fork()\nif not pid: raise KeyError('copy')\n{WAITED}", 1),
    "it raises what ends a process": (f"pid = os.fork()\nif not pid: raise SystemExit(5)\n{WAITED}", 1),
    "it goes on, and forks again": (f"pid = os.fork()\nif not pid: os.fork(); return 1\n{WAITED}", 0),
    "it goes on to the end of the job": ("pid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('done')\nreturn 0", 0),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("what", COPIES)
def test_a_copy_of_the_process_ends_with_the_job(ran, what):
    """A child that comes back from the job's call would simulate the rest of the month a second time."""
    body, code = COPIES[what]
    before = os.getpid()
    run = ran(body)
    assert os.getpid() == before
    assert (run.value, run.outcome) == (code, "ok")


JOB = 'from src.ext.sdk import job\nimport os\n\n@job("work", schedule="@daily")\ndef work(ctx):\n    {}\n'


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "os._exit(0)", "os.kill(os.getpid(), 9)"])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_one_process_or_several_the_command_line_says_the_same(tmp_path, body, processes):
    """Exit code 1, and every run is counted, of this plugin and of the one after it."""
    for name, text in (("first", body), ("second", "pass")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(JOB.format(text))
        (tmp_path / name / "plugin.json").write_text(f'{{"slug": "{name}", "name": "{name}"}}')
    command = [sys.executable, "-m", "sbh_jobkit", "simulate", "first", "second", "--for", "3d", "--jobs", processes]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("\n3 of 6 runs failed\n")


def test_what_is_wanted_at_the_end_of_the_process_is_left_out(tmp_path):
    """A function of `atexit` would print, and reach the network, when no run is there to show it."""
    (tmp_path / "main.py").write_text(
        "import atexit\nfrom src.ext.sdk import job\natexit.register(print, 'first')\n\n"
        "@job('work')\ndef work(ctx):\n    atexit.register(print, 'second')\n"
    )
    path = str(tmp_path / "main.py")
    code = f"from sbh_jobkit import Plugin, run_job; print(run_job(Plugin.load({path!r}).jobs['work']).ok)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
