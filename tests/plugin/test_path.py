"""`from src.ext.sdk import job` works in every Python of an environment in which the kit is installed."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDK = "from src.ext.sdk import job; print(job.__module__)"
KIT = "sbh_jobkit.plugin.sdk"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return the Python of an environment that has the kit's files in its site-packages, and our libraries behind."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in ("sbh_jobkit", "pytest_sbhjobs", "sbh_jobkit.pth", "sbh_jobkit_path.py"):
        (site / name).symlink_to(ROOT / name)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.fixture
def first(environment, tmp_path):
    """Return a function that runs code in a fresh process, in a folder of its own, and returns what it prints."""

    def run(code, *options):
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
        own |= {"IPYTHONDIR": str(tmp_path / ".ipython"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [environment, *options, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False, timeout=60)
        return (done.stdout + done.stderr).strip().splitlines()[-1]

    return run


CODE = {
    "in a script": SDK,
    "a module of it": "import src.ext.sdk as sdk; print(sdk.hook.__module__)",
    "its package first": f"import src, src.ext; {SDK}",
    "all of it": "from src.ext.sdk import *; print(route.__module__)",
    "after the kit": f"import sbh_jobkit; {SDK}",
    "before the kit": f"{SDK}; import sbh_jobkit",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_the_sdk_is_found(first, code):
    """Nothing was loaded before."""
    assert first(code) == KIT


def test_a_first_cell_finds_it(first):
    """Before `%load_ext`, and `%load_ext` works after it."""
    cells = "from src.ext.sdk import job\n%load_ext sbh_jobkit\nprint(job.__module__)"
    code = f"from IPython import start_ipython; start_ipython(['--colors=NoColor', '-c', {cells!r}])"
    assert first(code) == KIT


PROJECTS = {
    "a package": ({"src/__init__.py": "", "src/own.py": "NAME = 'own'"}, f"from src.own import NAME; {SDK}", KIT),
    "a folder": ({"src/own.py": "NAME = 'own'"}, f"from src.own import NAME; {SDK}", KIT),
    "with something like it": ({"src/ext/__init__.py": "", "src/ext/more.py": ""}, f"import src.ext.more; {SDK}", KIT),
    "the host": (
        {"src/ext/sdk/__init__.py": "def job(): pass", "src/__init__.py": "", "src/ext/__init__.py": ""},
        SDK,
        "src.ext.sdk",
    ),
    "the host, in folders alone": ({"src/ext/sdk.py": "def job(): pass"}, SDK, "src.ext.sdk"),
    "the host, on the path later": (
        {"host/src/ext/sdk.py": "def job(): pass"},
        f"import sys; sys.path.append('host'); {SDK}",
        "src.ext.sdk",
    ),
    "the host, by a finder that came later": (
        {"host.py": "def job(): pass"},
        (
            "import sys\nfrom importlib.util import spec_from_file_location as spec\nclass Finder:\n"
            "    def find_spec(self, name, path, target):\n"
            "        places = {'src': [], 'src.ext': [], 'src.ext.sdk': None}\n"
            "        if name in places:\n"
            "            return spec(name, 'host.py', submodule_search_locations=places[name])\n"
            f"sys.meta_path.append(Finder())\n{SDK}"
        ),
        "src.ext.sdk",
    ),
}


@pytest.mark.parametrize(("files", "code", "shown"), PROJECTS.values(), ids=PROJECTS)
def test_what_the_project_has_comes_first(first, tmp_path, files, code, shown):
    """A folder or package `src` of its own, and the host itself."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert first(code) == shown


NOT_THE_SDK = {
    "a module of src": ("import src.nothing", "ModuleNotFoundError: No module named 'src.nothing'"),
    "a module beside the SDK": ("import src.ext.tools", "ModuleNotFoundError: No module named 'src.ext.tools'"),
    "a name that begins like it": ("import src.ext.sdks", "ModuleNotFoundError: No module named 'src.ext.sdks'"),
}


@pytest.mark.parametrize(("code", "error"), NOT_THE_SDK.values(), ids=NOT_THE_SDK)
def test_nothing_else_is_found(first, code, error):
    """Python's own error says what is missing."""
    assert first(code) == error


def test_the_start_of_python_imports_nothing_of_the_kit(first):
    """Only the module that waits, which imports nothing."""
    code = "import sys; print([name for name in sys.modules if name.startswith(('sbh', 'src', 'pytest'))])"
    assert first(code) == "['sbh_jobkit_path']"


def test_without_site_packages_it_is_not_there(first):
    """`python -S` reads no files of site-packages, the kit's among them."""
    assert first(SDK, "-S") == "ModuleNotFoundError: No module named 'src'"
