"""The house stands as it was drawn: layers, weight, names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sbh_jobkit

ROOT = Path(__file__).parents[1]
HEAVY = {
    *("pandas", "numpy", "httpx", "respx", "IPython", "ipywidgets", "anywidget", "apscheduler", "sqlalchemy"),
    *("croniter", "time_machine", "rich", "asyncio", "jinja2"),
}
SOURCES = sorted([*ROOT.glob("sbh_jobkit/**/*.py"), *ROOT.glob("pytest_sbhjobs/**/*.py")])


def run(*arguments, **environment):
    """Run this interpreter in the repository."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_imports_go_down_only():
    """The layers that pyproject.toml draws are kept."""
    done = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    assert "1 kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize("room", ["sbh_jobkit", "pytest_sbhjobs", "sbh_jobkit.cli.main"])
def test_importing_is_light(room):
    """Importing the kit, its pytest plugin or its command line loads nothing heavy."""
    done = run("-c", f"import sys, {room}; print(*({HEAVY!r} & set(sys.modules)))")
    assert (done.stdout, done.stderr) == ("\n", "")


def test_help_is_light():
    """`sbh-jobkit --help` loads nothing heavy."""
    code = f"""
import sys
from sbh_jobkit.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print("loaded:", *({HEAVY!r} & set(sys.modules)))
"""
    assert run("-c", code).stdout.endswith("loaded:\n")


def test_pytest_pays_nothing_for_what_it_does_not_use(tmp_path):
    """A session that uses no fixture, marker or option of ours loads the kit's root, and nothing of what it does."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    (tmp_path / "test_it.py").write_text(
        "import sys\nimport pytest\n\ndef test_it():\n"
        "    with pytest.raises(AssertionError):\n        assert [1] == [2]\n"
        "    ours = ('sbh_jobkit', 'pytest_sbhjobs')\n"
        f"    print('loaded:', *({HEAVY!r} & set(sys.modules)))\n"
        "    print('ours:', *sorted(name for name in sys.modules if name.startswith(ours)))\n"
    )
    options = ("-p", "pytest_sbhjobs.plugin", "-p", "no:cacheprovider", "-qs", "--rootdir", str(tmp_path))
    done = run("-m", "pytest", *options, str(tmp_path), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    kit, plugin = (
        ("display", "plugin", "plugin.importer", "version"),
        ("fixtures", "hooks", "markers", "options", "plugin"),
    )
    ours = ["pytest_sbhjobs", *(f"pytest_sbhjobs.{name}" for name in plugin)]
    ours += ["sbh_jobkit", *(f"sbh_jobkit.{name}" for name in kit)]
    assert done.stdout.splitlines()[:2] == ["loaded:", f"ours: {' '.join(ours)}"], done.stdout


def test_files_are_small():
    """One noun, one module: no file of more than 300 lines."""
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 300] == []


def test_only_the_clock_asks_the_machine():
    """Time is an argument: no module but clock.py asks what time it is."""
    asking = re.compile(r"datetime\.now\(|time\.time\(|utcnow|date\.today\(")
    code = {path: re.sub(r'"""(?:.|\n)*?"""', "", path.read_text()) for path in SOURCES}
    assert [path.name for path, text in code.items() if asking.search(text)] == ["clock.py"]


def test_the_changelog_knows_the_version():
    """The newest entry of the changelog is the version of the package."""
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == sbh_jobkit.__version__


def test_no_addresses_of_registries():
    """The constraints name versions only."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)] == []
