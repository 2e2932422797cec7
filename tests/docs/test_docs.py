"""The manual tells the truth: its commands print what it shows, its code runs, and it names all there is."""

from __future__ import annotations

import configparser
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from functools import cache
from importlib.metadata import metadata
from importlib.resources import files
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import httpx
import manual
import manual_tables
import pytest
import yaml

import sbh_jobkit
from pytest_sbhjobs import markers
from sbh_jobkit import FaultPlan, Outcome, Plugin, World, simulate
from sbh_jobkit.check.settings import Settings as CheckSettings
from sbh_jobkit.cli import main
from sbh_jobkit.fakes.faults.kinds import KINDS
from sbh_jobkit.live import keys
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.notebook.dashboard import Dashboard
from sbh_jobkit.notebook.magics import options_of
from sbh_jobkit.plugin import divergences, manifest
from sbh_jobkit.run.kinds import FAULTS
from sbh_jobkit.simulation.measure import NAMES as BUDGETS

TEXTS = {path.name: path.read_text() for path in manual.PAGES}
BLOCKS = {name: manual.blocks(text) for name, text in TEXTS.items()}
ALL = "\n".join(TEXTS.values())
_FENCE = re.compile(r"^```.*$", re.MULTILINE)
_LINES = 250


@pytest.mark.parametrize("name", [name for name, blocks in BLOCKS.items() if blocks])
def test_a_page_shows_what_happens(name, monkeypatch):
    """Run a page from top to bottom: its files, its commands, its Python. `make docs-refresh` writes what it shows."""
    names = {"__name__": "docs"}
    with manual.workplace(BLOCKS[name]) as folder:
        monkeypatch.chdir(folder)
        for block in BLOCKS[name]:
            _check(block, folder, names)


def _check(block, folder, names):
    """Check one block as what it is."""
    if block.path is not None and (manual.ROOT / block.path).exists():
        assert block.content == (manual.ROOT / block.path).read_text()
    elif block.path is not None:
        manual.write(block, folder)
    elif block.language == "console":
        assert manual.output_of(block.command, folder) == block.output
    elif block.language == "python":
        exec(compile(block.text, "page", "exec"), names)  # noqa: S102  the manual's own code
    elif block.language == "ipython":
        subprocess.run([sys.executable, "-m", "IPython", "-c", block.text], check=True, capture_output=True, timeout=60)
    _READ.get(block.language, str)(block.content)


def _read_json(text):
    return manifest.parse(json.loads(text))


def _read_toml(text):
    data = tomllib.loads(text)
    if "id" in data:
        return Settings.parse(text)
    if "sbh-jobkit" in data.get("tool", {}):
        known = {each.name.replace("_", "-") for each in fields(CheckSettings)}
        assert data["tool"]["sbh-jobkit"]["check"].keys() <= known
        return data
    if "seed" in data:
        return FaultPlan.load("examples/hub_ops/faults.toml")
    if {"mypy", "pyright"} & {*data["tool"]}:
        return data  # tests/project gives mypy the same setting
    assert [name for name in data["tool"]["pytest"] if name not in SETTINGS] == []
    return data


def _read_ini(text):
    ini = configparser.ConfigParser(strict=False)  # a unit of systemd may have a key twice
    ini.read_string(text)
    if "Service" in ini:
        return  # tests/cli reads it
    assert [name for name in ini["pytest"] if name not in SETTINGS] == []


def _read_yaml(text):
    """Read a workflow, and see that the options of its commands exist."""
    if "jobs" not in (found := yaml.safe_load(text)):
        return  # a file of pre-commit, which tests/check reads
    steps = [step["run"] for job in found["jobs"].values() for step in job["steps"] if "run" in step]
    known = {"--help", *WORDS}
    assert {word.partition("=")[0] for line in steps for word in line.split() if word.startswith("--")} <= known
    for line in steps:
        _read_sh(line)


def _read_sh(text):
    """Check what nobody runs here: targets of make, the name of the wheel, the extras, and options, slugs and jobs."""
    targets = re.findall(r"^([a-z-]+):", (manual.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= set(targets)
    assert set(re.findall(r"\[([a-z]+)\]", text)) <= {*metadata("sbh-jobkit").get_all("Provides-Extra")}
    resources = re.findall(r"files\('([\w.]+)'\) / '([\w.]+)'", text)
    assert all(files(package).joinpath(name).is_file() for package, name in resources)
    assert set(re.findall(r"sbh_jobkit-(\S+?)-py3", text)) <= {sbh_jobkit.__version__}
    for line in re.findall(r"^sbh-jobkit .*", text, re.MULTILINE):
        options = main._read(shlex.split(line, comments=True)[1:])  # noqa: SLF001  as the command line reads it
        if options.command in {"pause", "resume", "backfill", "history"} and options.plugin is not None:
            assert options.plugin in _examples(), line
            assert options.job is None or options.job in _examples()[options.plugin].jobs, line


@cache
def _examples():
    """Return the plugins in `examples` by their slugs."""
    found = [Plugin.load(path) for path in sorted((manual.ROOT / "examples").rglob("plugin.json"))]
    return {plugin.slug: plugin for plugin in found}


SETTINGS = {*manual_tables.pytest_options().settings}
_READ = {"json": _read_json, "toml": _read_toml, "ini": _read_ini, "yaml": _read_yaml, "sh": _read_sh}
_READ["sql"] = str  # tests/engines/distributed executes it


@pytest.mark.parametrize("name", TEXTS)
def test_every_block_is_checked(name):
    """A block that is neither run nor read does not exist; directives are Sphinx's."""
    known = {"console", "python", "ipython", *_READ}
    assert {block.language for block in BLOCKS[name]} <= known
    directives = len(re.findall(r"^```\{(?!code-block)", TEXTS[name], re.MULTILINE))
    assert len(_FENCE.findall(TEXTS[name])) == 2 * (len(BLOCKS[name]) + directives)


def test_the_tables_are_the_data():
    """Tables that are data are those of the kit, to the letter; `make docs-refresh` writes them."""
    tables = manual_tables.tables()
    shown = {found["name"]: found["table"] for text in TEXTS.values() for found in manual.TABLE.finditer(text)}
    assert shown == tables


def test_the_readme_fits_on_a_few_screens():
    """What does not fit belongs in the manual."""
    assert len(TEXTS["README.md"].splitlines()) <= _LINES


def _words():
    """Yield everything that a user can type or meet."""
    for name, parser in manual_tables.all_commands().items():
        yield f"sbh-jobkit {name}"
        yield from (option for action in parser._actions for option in action.option_strings if option[:2] == "--")  # noqa: SLF001
    for name, magic in manual_tables.all_magics().items():
        yield from (f"%{name}", *options_of(magic))
    yield from manual_tables.all_fixtures()
    yield from chain(markers.NAMES, manual_tables.pytest_hooks(), manual_tables.kit_hooks())
    yield from (*manual_tables.pytest_options().options, *SETTINGS)
    yield from (*FAULTS, *KINDS, *BUDGETS, *manifest.PERMISSIONS, *divergences.table())
    yield from (outcome.value for outcome in Outcome)
    yield from sbh_jobkit.__all__


WORDS = {*_words()} - {"--help"}


def test_everything_is_documented():
    """A command, an option, a fixture, a hook, an outcome, a fault or a name that no page has does not exist."""
    assert [word for word in sorted(WORDS) if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", ALL)] == []


def test_the_reference_of_ctx_has_each_call():
    """Each call of the context has a heading with its arguments, as the code has them."""
    headings = re.findall(r"^### `(.*)`$", TEXTS["context.md"], re.MULTILINE)
    assert sorted(heading.replace('"', "'") for heading in headings) == sorted(manual_tables.members())


def test_tables_by_hand_have_each_row():
    """Each outcome, permission and budget has a row in the table of its page."""
    rows = {name: re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name, text in TEXTS.items()}
    cells = {name: {word for cell in found for word in _CODE.findall(cell)} for name, found in rows.items()}
    assert {outcome.value for outcome in Outcome} - cells["runs.md"] == set()
    assert manifest.PERMISSIONS - cells["write-a-job.md"] == set()
    assert {*BUDGETS} - cells["simulate.md"] == set()
    assert {*KINDS} - {cell.split()[0] for cell in cells["faults.md"]} == set()


def test_the_reference_of_the_tenant_has_each_key():
    """Each key of tenant.toml has a row."""
    rows = re.findall(r"^\| (`.*?) \|", TEXTS["tenant.md"], re.MULTILINE)
    cells = {word for cell in rows for word in _CODE.findall(cell)}
    assert {*keys.NAMES} - cells == set()


def test_the_reference_of_the_manifest_has_each_key():
    """Each key of plugin.json, and of its jobs, has a row."""
    keys = {name for kind in (manifest.Manifest, manifest.ManifestJob) for name in inspect.signature(kind).parameters}
    assert [key for key in keys if f"`{key}`" not in TEXTS["write-a-job.md"]] == []


def test_each_variable_of_the_environment_has_a_row():
    """Each variable that the code of the kit names stands in the table of the reference."""
    sources = [path.read_text() for path in (manual.ROOT / "sbh_jobkit").rglob("*.py")]
    variable = re.compile(r'"((?:SBH_JOBKIT|AWS|NOTIFY|WATCHDOG)_[A-Z0-9_]+)"')
    named = {name for text in sources for name in variable.findall(text)}
    assert {name for name in named if f"`{name}`" not in TEXTS["commands.md"]} == set()
    assert {"SBH_JOBKIT_STORE", "AWS_REGION", "NOTIFY_SOCKET"} <= named


_OLD_WORDS = (
    r"(?i)\b(is no job|for want of|mend|anew|whoever|does otherwise|do otherwise|needs? a look|surely|"
    r"safe to repeat|unless told|told|did nothing|of its own making|come all the same|troubles?|pile-?ups?)\b"
)


def test_old_words_stand_in_the_glossary_only():
    """The words that the kit has given up are explained in the glossary, and nowhere else."""
    others = {name: text for name, text in TEXTS.items() if name != "glossary.md"} | {"CHANGELOG": _CHANGELOG}
    found = {name: re.findall(_OLD_WORDS, text) for name, text in others.items()}
    assert {name: words for name, words in found.items() if words} == {}


_CHANGELOG = (manual.ROOT / "CHANGELOG.md").read_text()


def test_links_lead_somewhere():
    """Every relative link of the README names a file of the repository; Sphinx checks those of the manual."""
    targets = re.findall(r"\]\((?!http|#)([^)#]+)\)", TEXTS["README.md"])
    assert [target for target in targets if not (manual.ROOT / target).exists()] == []


def test_the_wheel_is_what_the_manual_says(tmp_path):
    """The command that builds the wheel makes the file that the manual names, with all that it needs at run time."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(manual.ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.iterdir()
    assert wheel.name in TEXTS["install.md"]
    names = ZipFile(wheel).namelist()
    packaged = [path for folder in ("sbh_jobkit", "pytest_sbhjobs") for path in (manual.ROOT / folder).rglob("*")]
    needed = {
        str(path.relative_to(manual.ROOT)) for path in packaged if path.is_file() and "__pycache__" not in path.parts
    }
    assert {*needed, "sbh_jobkit.pth", "sbh_jobkit_path.py"} - {*names} == set()


def test_the_python_api_imports_what_it_names():
    """The modules that the page on Python names below the package exist."""
    for dotted in re.findall(r"`((?:sbh_jobkit|pytest_sbhjobs)\.[\w.]+)", TEXTS["python.md"]):
        module, _, name = dotted.rpartition(".")
        assert hasattr(__import__(module, fromlist=[name]), name), dotted


_CODE = re.compile(r"`([^`\n]+)`")


def test_names_in_the_text_exist():
    """Where a page says `run.…`, `simulation.…`, `world.…`, `ctx.…` or `dashboard.…`, there is such a name."""
    simulation = simulate(manual.ROOT / "examples/hello", duration="1d", twice=True)
    owners = {"simulation": simulation, "run": simulation.runs[0], "world": simulation.world}
    owners |= {"ctx": simulation.world.context(), "dashboard": Dashboard(simulation.plugin, simulation.world)}
    spans = {span for text in TEXTS.values() for span in _CODE.findall(_FENCED.sub("", manual.TABLE.sub("", text)))}
    dotted = re.compile(rf"(?<![\w.(])((?:{'|'.join(owners)})(?:\.[a-z_]+)+)")
    names = {name for span in spans for name in dotted.findall(span)} - {"world.email", "ctx.email", "world.py"}
    assert [name for name in sorted(names) if not _exists(owners, name.split("."))] == []


def _exists(owners, names):
    value = owners[names[0]]
    for name in names[1:]:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def test_each_line_of_the_world_works(tmp_path, monkeypatch):
    """Each line in the tables of the page on worlds runs, in their order, in one world."""
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text("name,plan\nLin,team\n")
    world = World()
    plugin = Plugin.load(manual.ROOT / "examples/hello")
    names = {
        "world": world,
        "World": World,
        "plugin": plugin,
        "httpx": httpx,
        "rows": [{"name": "Ada", "plan": "team"}],
    }
    names |= {"first": httpx.Response(200), "second": httpx.Response(500), "function": lambda _: httpx.Response(200)}
    rows = re.findall(r"^\| (`.*?) \|", _FENCED.sub("", TEXTS["world.md"]), re.MULTILINE)
    lines = [line for row in rows for line in _CODE.findall(row)]
    for line in lines:
        code = f'world.http.get("https://api.example.com/"){line}' if line.startswith(".") else line
        exec(code.removeprefix("for key in "), names)  # noqa: S102  the manual's own code
    assert len(lines) > _AT_LEAST
    assert world.db.rows("users", {"name": "Lin"}) != []


_AT_LEAST = 40
