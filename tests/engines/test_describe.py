"""What a plugin has, read in a process of its own, whatever the plugin does while it is loaded."""

import json
import os
import sys
import time
from dataclasses import replace

import pytest

from sbh_jobkit.engines import describe as chapter
from sbh_jobkit.engines.describe import JobDescription, describe
from sbh_jobkit.errors import PluginError

pytestmark = pytest.mark.usefixtures("measured")

HEAD = "from src.ext.sdk import job\n"
JOB = "@job('work', schedule='0 9 * * *')\ndef work(ctx):\n    pass\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a plugin and returns its path."""

    def write(source, **manifest):
        (tmp_path / "main.py").write_text(source, encoding="utf-8")
        described = {"slug": "shop", "name": "Shop", "version": "1.2.3"} | manifest
        (tmp_path / "plugin.json").write_text(json.dumps(described), encoding="utf-8")
        return str(tmp_path)

    return write


def test_a_plugin_and_its_jobs(write):
    """Names, schedules and zones, also of jobs that are started by hand."""
    source = HEAD + JOB + "@job('by_hand')\ndef by_hand(ctx):\n    pass\n"
    path = write(source, timezone="Europe/Paris")
    found = describe(path)
    assert (found.path, found.slug, found.name, found.version, found.timezone) == (
        *(path, "shop", "Shop", "1.2.3"),
        "Europe/Paris",
    )
    assert [(each.name, each.expression) for each in found.jobs] == [("work", "0 9 * * *"), ("by_hand", None)]
    assert all(isinstance(each, JobDescription) for each in found.jobs)


def test_nothing_of_the_plugin_is_in_this_process(write):
    """Neither its module nor what it changed."""
    path = write("import os\nos.environ['SBH_CHANGED'] = 'yes'\n" + HEAD + JOB)
    before = {name for name in sys.modules if name.startswith("sbh_plugins")}
    describe(path)
    assert "SBH_CHANGED" not in os.environ
    assert {name for name in sys.modules if name.startswith("sbh_plugins")} == before


NOISY = {
    "print": 'print(\'{"error": "mine"}\')\n',
    "a large print": "print('x' * 200_000)\n",
    "C code": "import os\nos.write(1, b'{\"slug\"')\n",
    "a shell": "import subprocess\nsubprocess.run(['echo', '{}'])\n",
    "replaced output": "import sys\nsys.stdout = None\n",
    "closed output": "import sys\nsys.stdout.close()\n",
    "a thread that goes on": "import threading\nthreading.Thread(target=threading.Event().wait).start()\n",
    "a child that goes on": "import subprocess\nsubprocess.Popen(['sleep', '30'])\n",
    "an exit handler": "import atexit, time\natexit.register(time.sleep, 30)\n",
}


@pytest.mark.parametrize("kind", NOISY)
def test_what_a_plugin_does_beside_does_not_reach_the_answer(write, kind):
    """Whatever it prints or starts, it is described, and nobody waits for what it started."""
    path = write(HEAD + NOISY[kind] + JOB)
    before = time.monotonic()
    assert [each.name for each in describe(path).jobs] == ["work"]
    assert time.monotonic() - before < 15


BROKEN = {
    "import sys\nsys.exit()\n": "main.py:2: SystemExit",
    "import sys\nsys.exit('no licence')\n": "no licence",
    "import os\nos._exit(0)\n": "{path}: its process ended with exit code 0 while it was loaded",
    "import os\nos._exit(7)\n": "{path}: its process ended with exit code 7 while it was loaded",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n": (
        "{path}: its process was ended by SIGKILL while it was loaded"
    ),
    "def broken(:\n": "main.py:1",
    "import no_such_module\n": "No module named 'no_such_module'",
    "raise ValueError('broken')\n": "ValueError: broken",
    "raise KeyboardInterrupt\n": "KeyboardInterrupt",
    "class Odd(BaseException):\n    pass\nraise Odd('strange')\n": "Odd: strange",
    "import os\nos.closerange(3, 256)\n": "{path}: its process ended",
    **dict.fromkeys(
        [
            "import os\nos.fork()\n",
            "from os import fork as copy\ncopy() or copy()\n",
            "import os, time\nos.fork() or time.sleep(0.5)\n",
            "import os\nfor each in range(3, 6):\n    try: os.write(each, b'{}')\n    except OSError: pass\n",
        ],
        "{path}: its process did not give one answer while it was loaded; a module must not call os.fork(), or write to"
        " what it has not opened, when it is imported",
    ),
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_plugin_that_cannot_be_loaded_is_an_error_of_the_plugin(write, source, capfd):
    """It names the plugin and says why, in one error, without a traceback of ours."""
    path = write(source)
    with pytest.raises(PluginError) as refused:
        describe(path)
    message = f"{refused.value}"
    assert path in message
    assert BROKEN[source].format(path=path) in message
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("path", ["no/such/folder", "", "plugin.zip"])
def test_a_path_without_a_plugin(path, tmp_path, monkeypatch):
    """As when it is simulated."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError) as refused:
        describe(path)
    assert path in f"{refused.value}"


def test_loading_without_end(write, monkeypatch):
    """It is ended after a while."""
    monkeypatch.setattr(chapter, "LOADING_SECONDS", 1.5)
    path = write("while True:\n    pass\n")
    with pytest.raises(PluginError) as refused:
        describe(path)
    assert f"{refused.value}" == f"{path}: loading the plugin takes longer than 1.5 s"


def test_five_thousand_jobs(write):
    """An answer that no pipe holds at once."""
    source = HEAD + "for n in range(5_000):\n    job(f'job{n}', schedule='0 9 * * *')(lambda ctx: None)\n"
    assert [each.name for each in describe(write(source)).jobs] == [f"job{n}" for n in range(5_000)]


def test_warnings_come_with_it(write):
    """What the person who serves it should know."""
    path = write(HEAD + JOB, jobs=[{"name": "other", "schedule": "0 9 * * *"}])
    assert any("other" in warning for warning in describe(path).warnings)


def test_a_description_is_kept_as_text(write, monkeypatch):
    """Another process has it without loading the plugin; one of another version of the kit looks for itself."""
    source = HEAD + "from src.ext.sdk import route\n" + JOB + "@route('/status')\ndef status(ctx):\n    return {}\n"
    found = describe(write(source, secrets=["KEY"], timezone="Europe/Paris"))
    kept = chapter.to_text(found)
    there = chapter.from_text("/elsewhere", kept)
    assert (there.path, replace(there, path=found.path)) == ("/elsewhere", found)
    assert chapter.from_text("/elsewhere", None) is None
    monkeypatch.setattr(chapter, "__version__", "99.0")
    assert chapter.from_text("/elsewhere", kept) is None


def test_a_file_of_the_working_folder_is_no_module_of_python(write, tmp_path, monkeypatch):
    """A plugin's folder may hold a file with any name, also when a server is started in it."""
    write(HEAD + JOB)
    (tmp_path / "secrets.py").write_text("raise SystemExit('mine')")
    (tmp_path / "json.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    assert describe(".").slug == "shop"
