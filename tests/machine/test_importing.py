"""What a plugin's module or a `world.py` does when it is imported: reported with its line, and never done for real."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from sbh_jobkit import Plugin, World
from sbh_jobkit.errors import PluginError, WorldError

JOB = '\nfrom src.ext.sdk import job\n\n@job("work", schedule="@daily")\ndef work(ctx):\n    return NOW\n'

ASK = "ask through ctx.http, which world.http answers; World(loopback=True) lets servers of this machine be reached"

REFUSED = {
    "a loop": ("while True: pass", "main.py:1: the import takes longer than 5 s; do in a job what takes time"),
    "a loop in C": (
        "import re; re.match('(a*)*b', 'a' * 40)",
        "main.py:1: the import takes longer than 5 s; do in a job what takes time",
    ),
    "a long sleep": (
        "import time; time.sleep(60)",
        "main.py:1: the import takes longer than 5 s; do in a job what takes time",
    ),
    "a lock": (
        "import threading; threading.Event().wait()",
        "main.py:1: the import takes longer than 5 s; do in a job what takes time",
    ),
    "a loop without an alarm": (
        "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        "main.py:2: the import takes longer than 5 s; do in a job what takes time",
    ),
    "a class that is never made": (
        "class Kind(type):\n    def __init__(self, *_): sys.exit(0)\nimport sys\nclass A(metaclass=Kind): pass",
        "main.py:2: SystemExit: 0",
    ),
    "an error whose text is an error": (
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        "main.py:3: E: its text cannot be shown: its __str__ raised E",
    ),
    "an error whose text ends the process": (
        "class E(BaseException):\n    def __str__(self): raise SystemExit(0)\nraise E",
        "main.py:3: E: its text cannot be shown: its __str__ raised SystemExit",
    ),
    "an error whose text never comes": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        "main.py:3: the import takes longer than 5 s; do in a job what takes time",
    ),
    "an error of several lines": (
        "raise ValueError('a\\r\\nb\\u2028c')",
        r"main.py:1: ValueError: a\r\nb\u2028c",
    ),
    "a group of errors of several lines": (
        "raise ExceptionGroup('a\\nb', [OSError()])",
        r"main.py:1: ExceptionGroup: a\nb (1 sub-exception)",
    ),
    "sys.exit": ("import sys; sys.exit(0)", "main.py:1: SystemExit: 0"),
    "os._exit": (
        "import os; os._exit(0)",
        "main.py:1: ProcessExit: os._exit(0) ends the whole process, and with it every other run",
    ),
    "its process": (
        "import os; os.kill(os.getpid(), 9)",
        "main.py:1: ProcessExit: os.kill(os.getpid(), SIGKILL) ends the whole process, and with it every other run",
    ),
    "an exit that is swallowed": (
        "import os\ntry: os._exit(0)\nexcept BaseException: pass",
        "main.py: SystemExit: os._exit(0) ends the whole process, and with it every other run",
    ),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "main.py:1: KeyboardInterrupt"),
    "a generator's end": ("raise GeneratorExit('x')", "main.py:1: GeneratorExit: x"),
    "the network": (
        "import socket; socket.create_connection(('192.0.2.7', 80))",
        f"main.py:1: RealNetworkError: 192.0.2.7:80: a simulated job has no real network; {ASK}",
    ),
}


def write(folder, source):
    """Write a plugin of one module."""
    (folder / "main.py").write_text(f"{source}\n{JOB}")
    (folder / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    return folder


@pytest.mark.parametrize(("source", "message"), REFUSED.values(), ids=REFUSED)
def test_a_module_that_cannot_be_loaded_says_why(tmp_path, monkeypatch, source, message):
    """Its line and the reason, within the limit, and the process goes on."""
    if "longer than" in message:
        monkeypatch.setattr("sbh_jobkit.machine.importing.SECONDS", 0.4)
    began = time.perf_counter()
    with pytest.raises(PluginError) as caught:
        Plugin.load(write(tmp_path, source))
    assert str(caught.value) == message
    assert time.perf_counter() - began < 4


NOTED = {
    "print": ("print('hello')", "main.py:1: prints when it is imported"),
    "standard error": ("import sys; sys.stderr.write('hello')", "main.py:1: prints when it is imported"),
    "a bare write": ("import sys; sys.stdout.write('hello')", "main.py:1: prints when it is imported"),
    "a descriptor": ("import os; os.write(1, b'hello')", "prints when it is imported"),
    "another process": ("import subprocess; subprocess.run(['echo', 'hello'])", "prints when it is imported"),
    "a kept stream": ("import sys; sys.__stdout__.write('hello')", "prints when it is imported"),
    "a short sleep": ("import time; time.sleep(2)", "main.py:1: sleeps when it is imported"),
    "a swallowed connection": (
        "import socket\ntry: socket.getaddrinfo('example.com', 80)\nexcept OSError: pass",
        "main.py:2: tried to reach the real network: example.com:80 when it is imported",
    ),
}


@pytest.mark.parametrize(("source", "note"), NOTED.values(), ids=NOTED)
def test_what_it_does_besides_is_a_warning(tmp_path, capfd, source, note):
    """The plugin is loaded, its warnings name the line, and nothing reaches the terminal."""
    plugin = Plugin.load(write(tmp_path, source))
    assert (plugin.warnings, [*plugin.jobs]) == ((note,), ["work"])
    assert capfd.readouterr() == ("", "")


def test_a_real_file_is_a_warning(outside):
    """It is written, and reported."""
    plugin = Plugin.load(write(outside, "import pathlib; pathlib.Path(__file__).with_name('new.txt').write_text('x')"))
    assert plugin.warnings == (f"main.py:1: wrote a real file: {outside}/new.txt when it is imported",)


def test_the_path_of_modules_is_given_back(tmp_path):
    """What a module takes away, the next import would miss."""
    before = list(sys.path)
    Plugin.load(write(tmp_path, "import sys; sys.path[:] = ['/nowhere']"))
    assert ("/nowhere" in sys.path, set(before) - set(sys.path)) == (True, set())
    sys.path[:] = before


def test_it_sees_virtual_time(tmp_path):
    """A constant that a module takes from the clock is the same each time."""
    plugin = Plugin.load(write(tmp_path, "from datetime import datetime\nNOW = datetime.now()"))
    assert f"{plugin.jobs['work'].function(None)}" == "2026-01-01 00:00:00"


def test_a_handler_that_was_made_at_import_writes_into_the_run(loaded, capfd):
    """A logger of the plugin with a handler of its own prints into the run, and a secret is hidden there."""
    from sbh_jobkit import run_job

    world = World()
    world.secrets["TOKEN"] = "t-1234567890"  # noqa: S105  what the test looks for
    top = "import logging; log = logging.getLogger('own'); log.addHandler(logging.StreamHandler())"
    run = run_job(loaded("log.warning(ctx.secrets.get('TOKEN'))", top=top).jobs["work"], world)
    assert (run.stderr, [fault.kind for fault in run.faults][:1]) == ("‹secret:TOKEN›\n", ["secret-leaked"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("command", [["simulate", ".", "--for", "1d", "--json"], ["run", ".", "work", "--json"]])
def test_json_stays_json(tmp_path, command):
    """What modules and worlds print is not on standard output."""
    write(tmp_path, "print('hello')\nNOW = 1")
    (tmp_path / "world.py").write_text("print('world')\ndef setup(world): print('setup')\n")
    done = subprocess.run(
        [sys.executable, "-m", "sbh_jobkit", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)
    assert done.stderr.splitlines() == [
        "sbh-jobkit: warning: main.py:1: prints when it is imported",
        "sbh-jobkit: warning: world.py:1: prints when it is imported",
        "setup",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os; os._exit(0)", "world.py:1: ProcessExit: os._exit(0) ends the whole process"),
        ("raise KeyboardInterrupt", "world.py:1: KeyboardInterrupt"),
        ("def setup(world): raise KeyboardInterrupt", "world.py failed: world.py:1: KeyboardInterrupt"),
        ("def setup(world): import sys; sys.exit(0)", "world.py failed: world.py:1: SystemExit: 0"),
        (
            "def setup(world):\n    world.secrets['K'] = 'p-1234567'\n    raise ValueError('p-1234567')",
            "world.py failed: world.py:3: ValueError: ‹secret:K›",
        ),
    ],
)
def test_a_world_says_why(tmp_path, source, message):
    """The same holds for `world.py`, and its errors hide secrets."""
    (tmp_path / "world.py").write_text(source)
    with pytest.raises(WorldError) as caught:
        World.load(tmp_path / "world.py").begin("2026-01-01")
    assert str(caught.value).startswith(message)
