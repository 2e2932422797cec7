"""`sbh-jobkit simulate PLUGIN --against OTHER`."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main

MAIN = """\
from src.ext.sdk import job

@job("send", schedule="0 6 * * *")
def send(ctx):
    for row in ctx.db.query("people"):
        ctx.emit("sent", {"id": row["id"]})
"""
WORLD = "def setup(world):\n    world.db.insert('people', [{'name': 'Ada'}, {'name': 'Bo'}])\n"
LESS = MAIN.replace('query("people")', 'query("people", limit=1)')
REPORT = """\
P against before: Thu 2026-01-01 00:00 UTC to Sun 2026-01-04 00:00 UTC

send
  lost: event sent, 3 times; the first on Thu 2026-01-01 06:00 UTC
    {"id": 2}

3 effects lost
"""


def git(*words):
    """Run git with nobody's settings."""
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], check=True)  # noqa: S607


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand beside a plugin, whose last commit is tagged `before`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "p").mkdir()
    git("init", "--quiet")
    (tmp_path / "README").write_text("no plugin yet\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "nothing")
    git("tag", "empty")
    for name, text in {"main.py": MAIN, "world.py": WORLD, "plugin.json": '{"slug": "p", "name": "P"}'}.items():
        (tmp_path / "p" / name).write_text(text)
    git("add", "-A")
    git("commit", "--quiet", "-m", "a plugin")
    git("tag", "before")
    (tmp_path / "p" / "main.py").write_text(LESS)
    return tmp_path


def run(*words):
    """Compare three days."""
    return main(["simulate", "p", "--for", "3d", "--against", *words])


@pytest.mark.usefixtures("here")
def test_a_commit_is_another_version(capsys):
    """What the working copy does not do any more, once with its first example."""
    assert run("before") == FAILED
    assert capsys.readouterr().out == REPORT


def test_a_path_is_another_version(here, capsys):
    """A folder, or only a main.py: the world is the plugin's own."""
    shutil.copytree(here / "p", here / "q")
    (here / "q" / "main.py").write_text(MAIN)
    (here / "q" / "world.py").unlink()
    assert run("q") == FAILED
    assert capsys.readouterr().out == REPORT.replace("before", "q")
    assert run("p/main.py") == OK
    assert capsys.readouterr().out.endswith("UTC\n\nno difference\n")


def test_the_comparison_as_json_and_as_a_report(here, capsys):
    """The exit code is the same."""
    assert run("before", "--json") == FAILED
    found = json.loads(capsys.readouterr().out)
    assert (found["against"], found["counts"], len(found["effects"])) == ("before", {"lost": 3}, 3)
    assert run("before", "--html", "report.html") == FAILED
    assert capsys.readouterr().out == f"{REPORT}report: report.html\n"
    assert "<h1>3 effects lost</h1>" in (here / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "'nowhere' is neither a path nor a commit, branch or tag of the repository of 'p'"),
        (["--upload"], "simulate: argument --against: expected one argument; see sbh-jobkit simulate --help"),
        (["empty"], "at 'empty' there was no plugin 'p'"),
        ([""], "--against takes a path, or a commit, branch or tag of git, got ''"),
        (["before~9"], "'before~9' is neither a path nor a commit, branch or tag of the repository of 'p'"),
        (["README"], "README is not a plugin; give a directory, a plugin.json, a .py file or a .zip"),
        ([".git"], ".git has no plugin.json; a plugin is a directory with plugin.json and main.py"),
        (["before", "--job", "sent"], "the plugin has no job 'sent'; did you mean 'send'?"),
        (["before", "--twice"], "--against cannot be combined with --budget, --twice, --unreached or --stress"),
        (
            ["before", "--tenants", "2"],
            "--stress, --against, --budget and --twice work with one plugin at one tenant; ",
        ),
    ],
)
@pytest.mark.usefixtures("here")
def test_wrong_use_is_one_sentence(capsys, words, message):
    """What is wrong, and exit code 2."""
    assert run(*words) == WRONG_USE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"sbh-jobkit: error: {message}")


@pytest.mark.usefixtures("here")
def test_without_a_repository_there_are_only_paths(capsys, monkeypatch):
    """Also where git itself is missing."""
    monkeypatch.setenv("PATH", "")
    assert run("before") == WRONG_USE
    assert capsys.readouterr().err == (
        "sbh-jobkit: error: there is no path 'before', and 'p' is not in a git repository\n"
    )


def test_versions_without_a_job_in_common_cannot_be_compared(here, capsys):
    """The jobs of both are named."""
    (here / "other.py").write_text(MAIN.replace('"send"', '"mail"'))
    assert run("other.py") == WRONG_USE
    assert capsys.readouterr().err == (
        "sbh-jobkit: error: nothing can be compared: the two simulations have no job in common (mail and send)\n"
    )


@pytest.mark.parametrize("words", [["--against", "p"], ["--stress", "late"], ["--fault", "crash job=send"]])
@pytest.mark.usefixtures("here")
def test_a_rule_that_names_no_field_is_refused(here, capsys, words):
    """Wherever effects are compared."""
    rule = WORLD.replace("\n", "\n    world.same_effect('sent', by='idd')\n", 1)
    (here / "p" / "world.py").write_text(rule)
    (here / "p" / "main.py").write_text(MAIN.replace("    for", "    ctx.emit('sent', {'id': 0})\n    for"))
    assert main(["simulate", "p", "--for", "3d", *words]) == WRONG_USE
    assert capsys.readouterr().err == (
        "sbh-jobkit: error: same_effect('sent', by='idd'): no such effect has a field 'idd'; did you mean 'id'?\n"
    )
