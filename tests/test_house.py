"""The house stands as it was drawn: layers, weight, names."""

from __future__ import annotations

import ast
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
    assert "3 kept, 0 broken" in done.stdout, done.stdout


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
        "    at_start = 'sbh_jobkit_path'\n"  # Python itself loads it
        "    print('ours:', *sorted(name for name in sys.modules if name.startswith(ours) and name != at_start))\n"
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


SMALL_ON_PURPOSE = {
    "pytest_sbhjobs.hooks": "pytest takes hook specifications as a module",
}
"""Modules of fewer than 40 lines that one other imports, each with its reason."""


def imported_by():
    """Return the modules that import each module, by name."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}
    importers = {name: set() for name in names}
    for importer, path in names.items():
        for node in ast.walk(ast.parse(path.read_text())):
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                module = f"{node.module}.{alias.name}"
                imported = module if module in names else node.module
                if imported in names and imported != importer:
                    importers[imported].add(importer)
    return names, importers


def test_files_are_neither_long_nor_tiny():
    """One noun, one module: at most 350 lines, and from 40 on, unless several others need it."""
    names, importers = imported_by()
    lines = {name: len(path.read_text().splitlines()) for name, path in names.items()}
    assert [name for name, count in lines.items() if count > 350] == []
    tiny = [name for name, count in lines.items() if count < 40 and len(importers[name]) == 1]
    assert [name for name in tiny if names[name].name != "__init__.py"] == list(SMALL_ON_PURPOSE)


def test_the_root_is_a_table_of_contents():
    """Whoever opens the package sees chapters, and few files beside them."""
    entries = [entry for entry in (ROOT / "sbh_jobkit").iterdir() if entry.name != "__pycache__"]
    assert len([entry for entry in entries if entry.is_dir()]) <= 16
    assert len([entry for entry in entries if entry.is_file()]) <= 10


def test_a_chapter_begins_with_its_purpose():
    """The `__init__` of a folder is one line that says what is in it; nothing loads with it."""
    chapters = [path for path in SOURCES if path.name == "__init__.py" and path.parent.name != "sbh_jobkit"]
    long = [path for path in chapters if len(path.read_text().splitlines()) != 1]
    assert [str(path.relative_to(ROOT)) for path in long] == ["sbh_jobkit/notebook/dashboard/__init__.py"]


def test_only_the_clock_asks_the_machine():
    """Time is an argument: no module but clock.py asks what time it is."""
    asking = re.compile(r"datetime\.now\(|time\.time\(|utcnow|date\.today\(")
    texts = re.compile(r'"""(?:.|\n)*?"""|"[^"\n]*"')  # the checks of plugins name these functions
    code = {path: texts.sub("", path.read_text()) for path in SOURCES}
    assert [path.name for path, text in code.items() if asking.search(text)] == ["clock.py"]


def test_the_changelog_knows_the_version():
    """The newest entry of the changelog is the version of the package."""
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == sbh_jobkit.__version__


def test_no_addresses_of_registries():
    """The constraints name versions only."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)] == []
