"""`--fix` puts right what is safe to change, and nothing else."""

from __future__ import annotations

import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from sbh_jobkit import World, run_job
from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.cli.main import OK, main
from sbh_jobkit.plugin.plugin import Plugin

MAIN = '''\
"""A plugin."""

import json  # kept as it is


@job( "count" , schedule="0 6 * * *")   # odd spaces stay
def count(ctx: PluginContext):
    users = ctx.db.count("users")
    key = ctx.secrets.get("REGION", "eu")
    return {"status": "success", "users": json.dumps(users), "key": key}
'''
FIXED_MAIN = MAIN.replace("as it is\n", "as it is\nfrom src.ext.sdk import PluginContext, job\n")
MANIFEST = """\
{
  "slug": "p", "name": "P",
  "permissions": [
    "files.read",
    "send_email"
  ],
  "secrets": ["OLD", "OLDER"]
}
"""
FIXED_MANIFEST = """\
{
  "slug": "p", "name": "P",
  "permissions": [
    "db.read"
  ],
  "secrets": ["REGION"]
}
"""


def write(folder, main_=MAIN, manifest=MANIFEST):
    """Write a plugin."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_bytes(main_.encode())
    (folder / "plugin.json").write_bytes(manifest.encode())
    return folder


def fixable(folder):
    """Return how many findings can be fixed."""
    (checked,) = check_all([folder], Settings(level="note"))
    return sum(bool(each.edits) for each in checked.findings)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_fix(tmp_path, monkeypatch, capsys, newline):
    """Imports, permissions and secrets are put right, in their formatting; a second time changes nothing."""
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "p", MAIN.replace("\n", newline), MANIFEST.replace("\n", newline))
    assert main(["check", "p", "--fix"]) == OK
    assert capsys.readouterr().err.startswith("sbh-jobkit: fixed ")
    expected = [FIXED_MAIN.replace("\n", newline), FIXED_MANIFEST.replace("\n", newline)]
    assert [(folder / name).read_bytes().decode() for name in ("main.py", "plugin.json")] == expected
    assert fixable(folder) == 0
    assert main(["check", "p", "--fix"]) == OK
    assert capsys.readouterr().err == "sbh-jobkit: nothing to fix\n"
    assert [(folder / name).read_bytes().decode() for name in ("main.py", "plugin.json")] == expected
    assert [*Plugin.load(folder).jobs] == ["count"]


def test_diff(tmp_path, monkeypatch, capsys):
    """`--diff` shows the changes, and makes none."""
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "p", manifest='{"slug": "p", "name": "P", "permissions": ["db.read"]}')
    assert main(["check", "p", "--diff"]) == OK
    assert capsys.readouterr().out == (
        "--- a/p/main.py\n+++ b/p/main.py\n@@ -1,6 +1,7 @@\n"
        ' """A plugin."""\n \n import json  # kept as it is\n+from src.ext.sdk import PluginContext, job\n'
        ' \n \n @job( "count" , schedule="0 6 * * *")   # odd spaces stay\n'
    )
    assert (folder / "main.py").read_text() == MAIN


HOOK = "@hook('files.deleted')\ndef b(ctx, d): pass\n"
IMPORTS = {
    # the file before, and after
    "no import, no docstring": (
        "@job('a')\ndef a(ctx): pass\n",
        "from src.ext.sdk import job\n@job('a')\ndef a(ctx): pass\n",
    ),
    "a docstring": (
        "'''Text.'''\n@job('a')\ndef a(ctx): pass\n",
        "'''Text.'''\nfrom src.ext.sdk import job\n@job('a')\ndef a(ctx): pass\n",
    ),
    "one that is there": (
        f"from src.ext.sdk import (\n    job,\n)\n@job('a')\ndef a(ctx): pass\n{HOOK}",
        (
            "from src.ext.sdk import hook, job\n@job('a')\ndef a(ctx): pass\n"
            "@hook('files.deleted')\ndef b(ctx, d): pass\n"
        ),
    ),
    "one under another name": (
        "from src.ext.sdk import job as j\n@hook('files.deleted')\ndef b(ctx, d): pass\n",
        "from src.ext.sdk import job as j\n@hook('files.deleted')\ndef b(ctx, d): pass\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), IMPORTS.values(), ids=IMPORTS)
def test_imports(tmp_path, monkeypatch, before, after):
    """The import is added after the others, or the one that is there gets the names; renamed ones are left alone."""
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "p", before, '{"slug": "p", "name": "P"}')
    main(["check", "p", "--fix", "--no-import"])
    assert (folder / "main.py").read_text() == after


LISTS = {
    # the list before, and after; the plugin needs db.read
    '["db.read", "send_email"]': '["db.read"]',
    '["send_email", "db.read"]': '["db.read"]',
    '["send_email"]': '["db.read"]',
    "[]": '["db.read"]',
    '["llm.use", "db.read", "send_email"]': '["db.read"]',
    '[\n"db.read",\n"llm.use"\n]': '[\n"db.read"\n]',
}


@pytest.mark.parametrize(("before", "after"), LISTS.items())
def test_lists(tmp_path, monkeypatch, before, after):
    """Items of a list of the manifest come and go with their commas."""
    monkeypatch.chdir(tmp_path)
    text = '{"slug": "p", "name": "Ü", "permissions": %s}'
    job = "from src.ext.sdk import job\n@job('a')\ndef a(ctx): return ctx.db.count('x')\n"
    folder = write(tmp_path / "p", job, text % before)
    main(["check", "p", "--fix"])
    assert (folder / "plugin.json").read_text() == text % after


CODE = tomllib.loads((Path(__file__).parent / "fixes.toml").read_text())
FRAME = (
    "from src.ext.sdk import job\n\nURL = 'https://api.example.com/'\nSTART = [0]\n\n\n%s\n\n"
    "@job('a')\ndef a(ctx):\n    return {'status': 'success'}\n"
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_code(tmp_path, monkeypatch, code, newline):
    """What is safe to change in code is changed, and only that; a second time changes nothing."""
    monkeypatch.chdir(tmp_path)
    before, after = code["before"], code.get("after", code["before"])
    manifest = '{"slug": "p", "name": "P"}'
    folder = write(tmp_path / "p", (FRAME % before).replace("\n", newline), manifest)
    for _ in range(2):
        main(["check", "p", "--fix", "--level", "note", "--select", "mutable-default,result-none"])
        assert (folder / "main.py").read_bytes().decode() == (FRAME % after).replace("\n", newline)
    assert fixable(folder) == 0
    assert [*Plugin.load(folder).jobs] == ["a"]


JOBS = {
    # the manifest's jobs before, and after
    '[{"name": "a"}]': '[{"name": "a"}, {"name": "c", "schedule": "0 7 * * *"}]',
    "[]": '[{"name": "a", "schedule": "0 6 * * *"}, {"name": "c", "schedule": "0 7 * * *"}]',
    '[\n  {"name": "a"},\n  {"name": "c"}\n]': '[\n  {"name": "a"},\n  {"name": "c"}\n]',
}


@pytest.mark.parametrize(("before", "after"), JOBS.items())
def test_jobs(tmp_path, monkeypatch, before, after):
    """Jobs that only decorators name are added to the manifest's, with their schedule."""
    monkeypatch.chdir(tmp_path)
    code = "from src.ext.sdk import job\n" + "".join(
        f"@job({name!r}, schedule='0 {hour} * * *')\ndef {name}(ctx): pass\n" for name, hour in (("a", 6), ("c", 7))
    )
    text = '{"slug": "p", "name": "P", "jobs": %s}'
    folder = write(tmp_path / "p", code, text % before)
    main(["check", "p", "--fix"])
    assert (folder / "plugin.json").read_text() == text % after
    assert [*Plugin.load(folder).jobs] == ["a", "c"]


RUNS = """\
from src.ext.sdk import job


def note(name, names=[]):
    names.append(name)   # as odd as it was
    return names


@job("count", schedule="0 6 * * *")
def count(ctx):
    names = []
    for row in ctx.http.get("https://api.example.com/rows").get("json", []):
        names = note(row["name"], list(names))
    ctx.emit("counted", {"n": len(names)})
    return {"status": "success", "names": names}
"""


def outcome(folder):
    """Return what the job does, in a world of its own."""
    world = World()
    world.http.get("https://api.example.com/rows").respond(json=[{"name": "ann"}, {"name": "bob"}])
    run = run_job(Plugin.load(folder).jobs["count"], world)
    return run.ok, run.value, [event.payload for event in world.events]


def test_what_is_fixed_runs_as_before(tmp_path, monkeypatch):
    """The job does the same, and git shows changes of the lines that findings name, and only of those."""
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "p", RUNS, MANIFEST.replace('"files.read"', '"outbound_http",\n    "emit_webhook"'))
    before = outcome(folder)
    assert before == (True, {"status": "success", "names": ["ann", "bob"]}, [{"n": 2}])
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "before"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    (checked,) = check_all([folder], Settings())
    lines = {(edit.file, line) for found in checked.findings for edit in found.edits for line in span(edit)}
    assert main(["check", "p", "--fix"]) == OK
    assert fixable(folder) == 0
    shown = subprocess.run([*git, "diff", "-U0"], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert changed(shown) == lines
    assert outcome(folder) == before


def span(edit):
    """Return the lines that an edit replaces; one that only puts lines in replaces none."""
    return range(edit.line, edit.end_line + 1) if edit.column > 1 or edit.line != edit.end_line else ()


def changed(shown):
    """Return the lines that a diff of git removes or replaces, as (file, line)."""
    found, file = set(), ""
    for line in shown.splitlines():
        if line.startswith("--- a/"):
            file = line.removeprefix("--- a/")
        elif (hunk := re.match(r"@@ -(\d+)(?:,(\d+))? ", line)) is not None:
            found |= {(file, int(hunk[1]) + number) for number in range(int(hunk[2] or 1))}
    return found


def test_a_zip_is_not_changed(tmp_path, monkeypatch, capsys):
    """What is in a zip cannot be fixed there."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("main.py", MAIN)
        archive.writestr("plugin.json", '{"slug": "p", "name": "P"}')
    before = (tmp_path / "p.zip").read_bytes()
    main(["check", "p.zip", "--fix"])
    assert capsys.readouterr().err == "sbh-jobkit: nothing to fix\n"
    assert (tmp_path / "p.zip").read_bytes() == before
