"""What `world.py` raises, prints, warns and names shows no secret: neither on the command line, nor elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

VALUE = "hunter2-very-secret-9f8e7d"
SETUP = {
    "an error": "raise ValueError(key)",
    "a dict in an error": "raise ValueError(dict(world.secrets))",
    "a key that is missing": "{}[key]",
    "a text in base64": "import base64; raise ValueError(base64.b64encode(key.encode()))",
    "a cause": "\n    try: raise ValueError(key)\n    except ValueError as error: raise RuntimeError('no') from error",
    "a context": "\n    try: raise ValueError(key)\n    except ValueError: raise RuntimeError('no')",
    "a group": "raise ExceptionGroup('all', [ValueError(key)])",
    "a note": "error = ValueError('no'); error.add_note(key); raise error",
    "the name of a class": "raise type(key, (Exception,), {})('no')",
    "an exit": "raise SystemExit(key)",
    "a file": "open('/nowhere/' + key)",
    "a zone": "world.tz = key",
    "a limit": "world.time_limit = key",
    "a kind": "world.allow = [key]",
    "a route": "world.http.get(key)",
    "a route that nobody asks": "world.http.get(f'https://api.example.com/?key={key}').respond(json=1)",
    "an answer": "world.http.get('https://api.example.com/' + key).respond(json=object())",
    "a row": "world.db.insert('users', {key: object()})",
    "a print": "print(key)",
    "a print on standard error": "import sys; print(key, file=sys.stderr)",
    "a log": "import logging; logging.getLogger('world').warning(key)",
    "a warning": "import warnings; warnings.warn(key, stacklevel=1)",
}
TESTS = """
def test_a_run(sbh_run):
    sbh_run("greet")

def test_a_month(sbh_simulate):
    sbh_simulate("2d")
"""
COMMANDS = """
import sys
from sbh_jobkit.cli.main import main
for folder in sys.argv[1:]:
    main(["simulate", folder, "--for", "1d"])
    main(["run", folder, "greet", "--from", "2026-01-01", "--at", "2026-01-02", "--json"])
"""
CELLS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext sbh_jobkit")
for folder in sys.argv[1:]:
    for line in (f"%load_plugin {folder}", "%simulate 1d", "%run_job greet --at 2026-01-01"):
        shell.run_cell(line)
"""
FACES = {
    "the command line": ["-c", COMMANDS],
    "pytest": ["-m", "pytest", "--sbh-simulate=1d", "--tb=long", "--showlocals", "--import-mode=importlib"],
    "a notebook": ["-c", CELLS],
}


@pytest.mark.parametrize("face", FACES)
def test_nothing_of_a_world_shows_a_secret(tmp_path, face):
    """Whatever fails, and whatever is only said."""
    folders = [tmp_path / f"p{number}" for number in range(len(SETUP))]
    for folder, body in zip(folders, SETUP.values(), strict=True):
        key = f"world.secrets['KEY'] = {VALUE!r}"
        files = {
            "world.py": f"def setup(world):\n    {key}\n    key = world.secrets['KEY']\n    {body}\n",
            "main.py": "from src.ext.sdk import job\n@job('greet', schedule='0 6 * * *')\ndef greet(ctx): ...\n",
            "plugin.json": '{"slug": "p", "name": "P"}',
            "test_it.py": TESTS,
        }
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_sbhjobs.plugin"}
    environment |= {"IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "500"}
    command = [sys.executable, *FACES[face], *(folder.name for folder in folders)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    failed = {re.search(r"world\.py:4: .*", line)[0] for line in lines if "world.py failed: world.py:4: " in line}
    assert len(failed) >= 10
    assert [line for line in lines if VALUE in line] == []
