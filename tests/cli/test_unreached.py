"""`sbh-jobkit simulate --unreached`: the lines of plugins that no run reached, on every screen."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.cli.main import OK, WRONG_USE, main
from sbh_jobkit.machine.lines import is_cheap

MAIN = """\
from src.ext.sdk import job
from tools import shorten

@job("notes", schedule="0 6 * * *")
def notes(ctx):
    files = ctx.files.list()
    if not files:
        return {"status": "success"}
    for file in files:
        print(
            shorten(file["key"]),
        )
    return {"status": "success"}
"""
TOOLS = "def shorten(text):\n    return text[:10]\n"
SENTENCE = "6 lines of main.py and tools.py were never reached"
ALL = f"""\
{SENTENCE}:
  main.py:9-13 notes
     9  for file in files:
    10      print(
    11          shorten(file["key"]),
    12      )
    13  return {{"status": "success"}}
  tools.py:2 shorten (never called)
    2  return text[:10]

"""
EMPTY, FULL = "def setup(world):\n    pass\n", "def setup(world):\n    world.files.write('a.txt', 'x')\n"
BY_TENANT = "def setup(world):\n    if world.tenant_id == 'globex':\n        world.files.write('a.txt', 'x')\n"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Return what writes a plugin to a folder below this one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def write(name, world=EMPTY, main=MAIN):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for file, text in (("main.py", main), ("tools.py", TOOLS), ("world.py", world)):
            (folder / file).write_text(text)
        (folder / "plugin.json").write_text(json.dumps({"slug": folder.name, "name": folder.name.title()}))

    return write


def said(capsys, *words):
    """Run `simulate` for two days; return its exit code and what it printed."""
    code = main(["simulate", *words, "--for", "2d"])
    captured = capsys.readouterr()
    return code, captured.err or captured.out


def test_all_of_them(plugin, capsys):
    """With the place, the function and the source of each line; the exit code stays."""
    plugin("notes")
    code, out = said(capsys, "notes", "--unreached")
    assert code == OK
    assert out.endswith(f"\n\n{ALL}2 runs, all as expected\n")


def test_one_line(plugin, capsys):
    """It counts them where that costs nothing; otherwise nothing is said."""
    plugin("notes")
    _, out = said(capsys, "notes")
    told = f"{SENTENCE}; --unreached lists them\n\n" if is_cheap() else ""
    assert out.endswith(f"\n\n{told}2 runs, all as expected\n")


def test_none(plugin, capsys):
    """Who has asked is told."""
    plugin("notes", FULL, MAIN.replace('        return {"status": "success"}\n    for', "        pass\n    for"))
    world = plugin("more", FULL, MAIN.replace('    if not files:\n        return {"status": "success"}\n', ""))
    assert world is None
    assert said(capsys, "notes", "--unreached")[1].endswith(
        "\n\n1 line of main.py was never reached:\n  main.py:8 notes\n    8  pass\n\n2 runs, all as expected\n"
    )
    assert said(capsys, "more", "--unreached")[1].endswith("\n\nevery line was reached\n\n2 runs, all as expected\n")


def test_json(plugin, capsys):
    """Each function with its lines."""
    plugin("notes")
    found = json.loads(said(capsys, "notes", "--unreached", "--json")[1])["unreached"]
    rest = [(each["file"], each["function"], each["called"]) for each in found]
    assert rest == [("main.py", "notes", True), ("tools.py", "shorten", False)]
    assert found[1]["ranges"] == [{"first": 2, "last": 2, "source": ["    return text[:10]"]}]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_tenants_are_merged(plugin, capsys, jobs):
    """A line that is reached at one of them is reached, in whatever process."""
    plugin("notes", BY_TENANT)
    _, out = said(capsys, "notes", "--tenants", "acme,globex", "--jobs", jobs, "--unreached")
    assert out.endswith("\n\nevery line was reached\n\n4 runs, all as expected\n")
    _, out = said(capsys, "notes", "--tenants", "acme,initech", "--jobs", jobs, "--unreached")
    assert out.endswith(f"\n\n{ALL}4 runs, all as expected\n")


def test_several_plugins(plugin, capsys):
    """Each function has the name of its plugin; the JSON has them by plugin."""
    plugin("all/a")
    plugin("all/b", FULL)
    code, out = said(capsys, "all", "--unreached")
    listed = "".join(f"  a: {line[2:]}\n" if "py:" in line else f"{line}\n" for line in ALL.splitlines()[1:-1])
    other = '  b: main.py:8 notes\n    8  return {"status": "success"}\n'
    expected = f"\n\n7 lines of 2 plugins were never reached:\n{listed}{other}\n4 runs, all as expected\n"
    assert (code, out[-len(expected) :]) == (OK, expected)
    plugins = json.loads(said(capsys, "all", "--unreached", "--json")[1])["plugins"]
    assert [[each["file"] for each in one["unreached"]] for one in plugins] == [["main.py", "tools.py"], ["main.py"]]


@pytest.mark.parametrize(("paths", "plugin_of"), [(["notes"], ""), (["notes", "--tenants", "2"], "")])
def test_report(plugin, tmp_path, capsys, paths, plugin_of):
    """The report has a section with all of them."""
    plugin("notes")
    said(capsys, *paths, "--unreached", "--html", "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<a href="#unreached">Lines never reached</a>' in page
    assert f"{SENTENCE}." in page
    assert f'<th scope="row">{plugin_of}main.py:9-13 notes</th>' in page
    assert " 9  for file in files:\n10      print(\n11          shorten(file[&quot;key&quot;])," in page


def test_a_report_without_lines(plugin, tmp_path, capsys):
    """Where no line is left there is no section."""
    plugin("more", FULL, MAIN.replace('    if not files:\n        return {"status": "success"}\n', ""))
    said(capsys, "more", "--unreached", "--html", "report.html")
    assert "never reached" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stress", "dst"], "--stress cannot be combined with --budget, --twice, --unreached or --html"),
        (["--against", "notes"], "--against cannot be combined with --budget, --twice, --unreached or --stress"),
    ],
)
def test_what_it_does_not_go_with(plugin, capsys, words, message):
    """One sentence, and wrong use."""
    plugin("notes")
    assert said(capsys, "notes", "--unreached", *words) == (WRONG_USE, f"sbh-jobkit: error: {message}\n")
