"""An exported notebook is a directory that loads, has no findings, and passes its own tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World, simulate
from sbh_jobkit.check.check import check
from sbh_jobkit.errors import ExportError
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.project.export import export_plugin

EXAMPLES = Path(__file__).parents[2] / "examples"
JOB = '''\
@job("greet", schedule="0 6 * * *")
def greet(ctx: PluginContext):
    """Say good morning.

    To everyone.
    """
    for user in ctx.db.query("users", limit=1000):
        # each by name
        print(f"{GREETING}, {user['name']}")
    ctx.emit("greeted", {})
    return {"status": "success"}'''
CELLS = (
    'GREETING = "Good morning"',
    'world = World()\nworld.db.insert("users", {"name": "Ada"})',
    JOB,
    "%run_job greet --at 2026-01-01\ngreet(world.context())",
)
MAIN = f'''\
"""My Plugin: exported from a notebook."""

from src.ext.sdk import PluginContext, job

GREETING = "Good morning"


{JOB}
'''
MANIFEST = """\
{
  "slug": "my-plugin",
  "name": "My Plugin",
  "version": "0.1.0",
  "entry": "main.py",
  "description": "Jobs: greet.",
  "permissions": [
    "db.read",
    "emit_webhook"
  ],
  "jobs": [
    {
      "name": "greet",
      "schedule": "0 6 * * *",
      "description": "Say good morning."
    }
  ]
}
"""
WORLD = '''\
"""The fake tenant of My Plugin, as the notebook described it."""


def setup(world):
    world.db.insert("users", {"name": "Ada"})
'''
TESTS = '''\
"""First tests of My Plugin, as exported."""


def test_greet(sbh_run):
    """Say good morning."""
    run = sbh_run("greet", at="2026-01-01T06:00")
    assert run.ok, run.summary


def test_month(sbh_simulate):
    """Nothing fails in 30d from 2026-01-01."""
    assert sbh_simulate("30d").failures == []
'''
FILES = {"main.py": MAIN, "plugin.json": MANIFEST, "world.py": WORLD, "tests/test_jobs.py": TESTS}


def texts(folder, names=FILES):
    """Return the texts of files."""
    return {name: (folder / name).read_text() for name in names}


def command(*words, cwd):
    """Run a module in a folder; return its exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return a function that exports cells to a folder."""

    def export(cells, **options):
        folder = tmp_path_factory.mktemp("export") / "my-plugin"
        return folder, export_plugin(*cells, folder, **options)

    return export


def test_the_files(ran, exported):
    """Every file has exactly this text."""
    folder, done = exported(ran(*CELLS))
    assert texts(folder) == FILES
    names = [*FILES, "my-plugin.zip"]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == sorted(
        [*names, ".sbh-export"]
    )
    assert (done.folder, done.files, done.notes) == (folder, tuple(names), ())
    assert f"{done}" == f"{folder}: {', '.join(names)}"


def test_the_files_work(ran, exported):
    """The files load, a check finds nothing, a formatter changes nothing, and the tests pass."""
    folder, _ = exported(ran(*CELLS))
    assert [*Plugin.load(folder).jobs] == ["greet"]
    assert check(folder) == []
    assert command("ruff", "format", "--isolated", "--check", ".", cwd=folder)[0] == 0
    assert command("ruff", "check", "--isolated", "--select", "F,I", ".", cwd=folder)[0] == 0
    code, output = command("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert (code, re.sub(r" in .*", "", output.splitlines()[-1])) == (0, "2 passed")


def test_the_zip(ran, exported):
    """The zip has the files to deploy, and the kit loads it."""
    folder, _ = exported(ran(*CELLS))
    archive = folder / "my-plugin.zip"
    with zipfile.ZipFile(archive) as opened:
        assert {name: opened.read(name).decode() for name in opened.namelist()} == texts(
            folder, ["plugin.json", "main.py"]
        )
    plugin = Plugin.load(archive)
    assert (plugin.slug, [*plugin.jobs], check(archive)) == ("my-plugin", ["greet"], [])
    assert simulate(plugin, World.for_folder(folder), duration="3d").ok


def test_the_same_cells_give_the_same_bytes(ran, exported):
    """The bytes do not depend on the folder, nor on an earlier export in it."""
    (one, first), (two, _) = exported(ran(*CELLS)), exported(ran(*CELLS))
    before = {name: (one / name).read_bytes() for name in [*first.files, ".sbh-export"]}
    assert before == {name: (two / name).read_bytes() for name in before}
    export_plugin(*ran(*CELLS), one)
    assert before == {name: (one / name).read_bytes() for name in before}


def test_the_record(ran, exported):
    """`.sbh-export` has the digests of the written files."""
    folder, done = exported(ran(*CELLS))
    lines = [f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(done.files)]
    assert (folder / ".sbh-export").read_text() == "".join(lines)


def test_what_changed_in_the_notebook_changes_in_the_folder(ran, exported):
    """An export replaces the files of an earlier one, and removes those that it no longer writes."""
    folder, _ = exported(ran(*CELLS))
    export_plugin(*ran(*CELLS, 'GREETING = "Hello"'), folder, manifest=Manifest(slug="other", name="Other"))
    assert 'GREETING = "Hello"' in (folder / "main.py").read_text()
    assert sorted(path.name for path in folder.glob("*.zip")) == ["other.zip"]


def test_changed_files_are_kept(ran, exported):
    """A file that an export did not write, or that changed since, is only replaced with `force`."""
    folder, _ = exported(ran(*CELLS))
    (folder / "main.py").write_text("# mine\n")
    (folder / "tests/test_jobs.py").write_text("# mine, too\n")
    before = texts(folder)
    with pytest.raises(ExportError) as caught:
        export_plugin(*ran(*CELLS, 'GREETING = "Hello"'), folder)
    assert str(caught.value) == (
        f"{folder} has files that an export did not write, or that changed since: main.py, tests/test_jobs.py; "
        "nothing was written, export to another folder or use force"
    )
    assert texts(folder) == before
    export_plugin(*ran(*CELLS), folder, force=True)
    assert texts(folder) == FILES


def test_a_file_with_the_same_text(ran, tmp_path):
    """A file with the same text is no obstacle, and other files are kept."""
    folder = tmp_path / "my-plugin"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "notes.txt").write_text("mine")
    export_plugin(*ran(*CELLS), folder)
    assert {**texts(folder), "notes.txt": (folder / "notes.txt").read_text()} == {**FILES, "notes.txt": "mine"}


def test_a_path_that_is_not_a_folder(ran, tmp_path):
    """A file at the path of the folder is an error."""
    (tmp_path / "p").write_text("")
    with pytest.raises(ExportError, match=r"/p cannot be written: (File exists|Not a directory)"):
        export_plugin(*ran(*CELLS), tmp_path / "p")


IN_IPYTHON = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from sbh_jobkit.project.export import export_plugin

shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
for cell in eval(sys.argv[1]):
    shell.run_cell(cell, store_history=True, silent=False)
for history in (shell.history_manager.input_hist_raw, shell.user_ns["In"]):
    print(export_plugin(enumerate(history), shell.user_ns, "my-plugin"))
"""


def test_in_ipython(tmp_path):
    """The history of a real shell, raw or translated, can be exported; a cell with a syntax error is left out."""
    sdk = "from src.ext.sdk import job, PluginContext\nfrom sbh_jobkit import World"
    cells = [sdk, *CELLS[:2], "1 +", CELLS[2], "%timeit -n1 -r1 1\ngreet", "!ls\nfiles = !ls", "greet?"]
    done = subprocess.run(
        [sys.executable, "-c", IN_IPYTHON, repr(cells)],
        cwd=tmp_path,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    line = "my-plugin: main.py, plugin.json, world.py, tests/test_jobs.py, my-plugin.zip"
    assert done.stdout.splitlines()[-2:] == [line, line], done.stderr
    assert texts(tmp_path / "my-plugin") == FILES


PROBLEMS = {
    "no job": (
        ["X = 1"],
        "the notebook has no function with @job, @route or a hook decorator, so there is nothing to export",
    ),
    "a schedule at odds with the manifest": (
        ["@job('greet', schedule='0 7 * * *')\ndef greet(ctx): pass"],
        "job 'greet': the decorator (<string>:1) says '0 7 * * *', the manifest '0 6 * * *'; make them agree",
    ),
    "a world that cannot begin": (
        ["def setup(world):\n    world.db.load('users', 'users.csv')", "@job('a')\ndef one(ctx): pass"],
        (
            "the exported plugin would not work: world.py failed: world.py:5: users.csv: "
            "there is no such file; a relative path begins at the folder of world.py"
        ),
    ),
    "several at once": (
        ["@job('a')\ndef one(ctx):\n    return x, y"],
        (
            "the notebook cannot be exported; it has 2 problems:\n"
            "  cell 1: one needs 'x', which no cell defines; define it in a cell\n"
            "  cell 1: one needs 'y', which no cell defines; define it in a cell"
        ),
    ),
}


@pytest.mark.parametrize(("cells", "text"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(ran, tmp_path, cells, text):
    """Nothing is written if something cannot be exported."""
    listed = Manifest(slug="p", name="P", jobs=Plugin.load({}, manifest={**json.loads(MANIFEST)}).manifest.jobs)
    with pytest.raises(ExportError) as caught:
        export_plugin(*ran(*cells), tmp_path / "p", manifest=listed)
    assert str(caught.value) == text
    assert not (tmp_path / "p").exists()


def test_the_folder_names_the_plugin(ran, tmp_path):
    """Slug and name come from the folder, unless a manifest is given."""
    job = "@job('a')\ndef a(ctx): pass"
    export_plugin(*ran(job), tmp_path / "Tidy up!_now")
    known = Manifest(slug="s", name="N", version="2.0.0", description="D.", author="A", timezone="Europe/Paris")
    export_plugin(*ran(job), tmp_path / "x", manifest=known)
    manifests = [json.loads((tmp_path / name / "plugin.json").read_text()) for name in ("Tidy up!_now", "x")]
    assert [
        {key: value for key, value in found.items() if key not in {"jobs", "permissions"}} for found in manifests
    ] == [
        {
            "slug": "Tidy-up-_now",
            "name": "Tidy Up Now",
            "version": "0.1.0",
            "entry": "main.py",
            "description": "Jobs: a.",
        },
        {
            "slug": "s",
            "name": "N",
            "version": "2.0.0",
            "entry": "main.py",
            "description": "D.",
            "author": "A",
            "timezone": "Europe/Paris",
        },
    ]


def test_jobs_that_fail(ran, exported):
    """The tests of failing jobs are strict xfails with the reason, and the notes name the jobs."""
    cells = [
        "@job('needs a secret', schedule='0 6 1 * *')\ndef one(ctx):\n    return {'key': bool(ctx.secrets.get('KEY'))}",
        "@job('Täglich')\ndef two(ctx):\n    return {'status': 'error'}",
        "@job('month')\ndef three(ctx):\n    return {'status': 'success'}",
        "@route('/x')\ndef x(ctx):\n    return {}",
    ]
    folder, done = exported(ran(*cells))
    assert done.notes == (
        "job 'needs a secret' fails in the notebook's world: main.py:8: secret 'KEY' is not set [secret-missing]",
        "job 'Täglich' fails in the notebook's world: the job returned a failure without saying why",
    )
    text = (folder / "tests/test_jobs.py").read_text()
    assert re.findall(r"^def (\w+)", text, re.MULTILINE) == [
        "test_needs_a_secret",
        "test_t_glich",
        "test_month_2",
        "test_month",
    ]
    assert text.count("strict=True") == 3
    code, output = command("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert (code, re.sub(r" in .*", "", output.splitlines()[-1])) == (0, "1 passed, 3 xfailed")
    assert check(folder) == []


def test_a_month_that_fails_later(ran, exported):
    """The first run of each job is fine, and a later one fails."""
    cells = [
        "from datetime import datetime",
        "@job('a', schedule='0 6 * * *')\ndef a(ctx):\n    return {'success': datetime.now().day < 30}",
    ]
    folder, done = exported(ran(*cells))
    assert done.notes == (
        "1 run fails within 30d, the first on 2026-01-30: the job returned a failure without saying why",
    )
    code, output = command("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert (code, re.sub(r" in .*", "", output.splitlines()[-1])) == (0, "1 passed, 1 xfailed")


def test_a_context_that_is_passed_on(ran, exported):
    """The manifest lists every possible permission, and a note says so."""
    folder, done = exported(ran("show = [].append", "@job('a')\ndef a(ctx):\n    print([ctx])"))
    assert done.notes == (
        (
            "main.py:8: ctx is passed to code that cannot be followed, so plugin.json lists every permission "
            "that this code could use; remove those you do not need"
        ),
    )
    assert json.loads((folder / "plugin.json").read_text())["permissions"] == [
        *("db.read", "db.write", "emit_webhook", "files.read", "files.write"),
        *("llm.use", "outbound_http", "send_email"),
    ]
    assert check(folder) == []


def test_what_a_check_finds_is_noted(ran, exported):
    """Findings of a check do not stop an export; they are notes."""
    folder, done = exported(ran("@job('a')\ndef a(ctx):\n    import sqlite3\n    eval('1')"))
    assert [note.partition(";")[0] for note in done.notes] == [
        "check: main.py:8: the platform does not allow the module 'sqlite3'",
        "check: main.py:9: eval(…) is not allowed: the platform does not run code from text",
    ]
    assert len(check(folder)) == 2


def as_cells(name):
    """Return an example's files as the cells of a notebook."""
    folder = EXAMPLES / name
    main, siblings = (folder / "main.py").read_text(), [*folder.glob("reports.py"), folder / "world.py"]
    main = re.sub(r"^(from reports import|__all__ =).*\n", "", main, flags=re.MULTILINE)
    return [main, *(path.read_text() for path in siblings)]


def month(plugin, world):
    """Return the runs of a month, without lines of files and the plugin's name."""
    rows = [run.to_dict() for run in simulate(plugin, world).runs]
    text = json.dumps([{**row, "plugin": ""} for row in rows])
    return json.loads(re.sub(r"\b\w+\.py:\d+", "file:line", text))


@pytest.mark.parametrize("name", ["hello", "hub_ops"])
def test_the_examples_can_be_exported(ran, exported, name):
    """An example that is turned into cells and exported has the same jobs, runs and permissions."""
    folder, done = exported(ran(*as_cells(name)))
    one, two = Plugin.load(EXAMPLES / name), Plugin.load(folder)
    assert [(job.name, job.expression) for job in two.jobs.values()] == [
        (job.name, job.expression) for job in one.jobs.values()
    ]
    assert month(two, World.for_folder(folder)) == month(one, World.for_folder(EXAMPLES / name))
    assert (done.notes, check(folder)) == ((), [])
    ours, theirs = (json.loads((at / "plugin.json").read_text()) for at in (folder, EXAMPLES / name))
    permissions = sorted(theirs.get("permissions", ["db.read", "emit_webhook", "files.read", "files.write"]))
    assert (ours["permissions"], ours.get("secrets")) == (permissions, theirs.get("secrets"))
    code, _ = command("ruff", "format", "--isolated", "--line-length", "120", "--check", ".", cwd=folder)
    assert code == 0
