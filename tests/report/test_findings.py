"""What was found, for people and for three kinds of machine."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.check.checked import Checked
from sbh_jobkit.check.finding import Edit, Finding
from sbh_jobkit.check.rulebook import rules
from sbh_jobkit.report.findings import FORMATS, as_json, concise, github, styled, text
from sbh_jobkit.report.sarif import sarif
from sbh_jobkit.version import __version__

EDIT = Edit(file="main.py", line=5, column=5, end_line=5, end_column=13, text="import b")
FOUND = (
    Finding(
        file="main.py",
        line=5,
        column=5,
        end_line=5,
        end_column=13,
        rule="import",
        message="'a' is not\nallowed: 100%",
        advice="do, without",
        edits=(EDIT,),
    ),
    Finding(file="plugin.json", line=1, level="warning", rule="D17", message="no version"),
)
TEXTS = {"main.py": ["", "", "", "", "    import a  "], "plugin.json": ["{}"]}
BOTH = Checked(path="p/", findings=FOUND, texts=TEXTS)
ONE = Checked(path="p/main.py", findings=FOUND[1:], texts=TEXTS)
NONE = Checked(path="q")


def test_text():
    """A line that an editor can follow, the line of source with carets, and the advice."""
    assert text([BOTH], "guide") == (
        "p/main.py:5:5: error[import] 'a' is not\nallowed: 100%\n  import a\n  ^^^^^^^^\n  try: do, without\n"
        "p/plugin.json:1:1: warning[D17] no version\np/: 1 error, 1 warning; 1 fixable with --fix"
    )
    assert text([ONE], "host").endswith("p/main.py: 1 warning on today's host")
    assert text([NONE], "guide") == "q: no problems found"


def test_what_was_not_looked_at():
    """A line below the counts says what was not looked at, and why."""
    assert text([Checked(path="q", not_checked="its jobs: it does not load")], "guide") == (
        "q: no problems found\nq: not looked at: its jobs: it does not load"
    )


def test_several_plugins():
    """Each has its line, and the last line is about all."""
    assert concise([BOTH, NONE], "guide") == (
        "p/main.py:5:5: error[import] 'a' is not allowed: 100%\np/plugin.json:1:1: warning[D17] no version\n"
        "p/: 1 error, 1 warning; 1 fixable with --fix\nq: no problems found\n"
        "2 plugins: 1 error, 1 warning; 1 fixable with --fix"
    )
    assert concise([NONE, NONE], "host").endswith("2 plugins: no problems found on today's host")


def test_styles():
    """In a terminal, levels have colours; the text is the same."""
    pieces = [*styled([BOTH], "guide")]
    assert "".join(piece for piece, _ in pieces) == f"{text([BOTH], 'guide')}\n"
    assert [style for piece, style in pieces if "[" in piece] == ["bold red", "bold yellow"]


PLACES = {
    # the line, its column, the end (line and column): what is shown below the message
    "a word": ("\tx = ctx.a", 6, (1, 11), ["  x = ctx.a", "      ^^^^^"]),
    "several lines": ("f(1,  ", 1, (3, 2), ["  f(1,", "  ^^^^"]),
    "a line that is long": (f"x = '{'a' * 300}'", 1, (1, 306), [f"  x = '{'a' * 155}", f"  {'^' * 160}"]),
    "past the end of the line": ("x", 5, (1, 5), ["  x", "      ^"]),
    "without an end": ("x = 1", 1, (0, 0), []),
    "an empty line": ("", 1, (1, 1), []),
}


@pytest.mark.parametrize(("line", "column", "end", "expected"), PLACES.values(), ids=PLACES)
def test_carets(line, column, end, expected):
    """The line is shown without its indentation, and carets stand below what is wrong."""
    place = {"line": 1, "column": column, "end_line": end[0], "end_column": end[1]}
    found = Finding(file="a.py", **place, rule="import", message="m")
    lines = text([Checked(path="p", findings=(found,), texts={"a.py": [line]})], "guide").splitlines()
    assert lines[1:-1] == expected


def test_json():
    """All of it, with paths as one would type them; of several plugins, a list."""
    row = {
        "plugin": "p/main.py",
        "ok": False,
        "findings": [
            {
                "file": "p/plugin.json",
                "line": 1,
                "column": 1,
                "end_line": 0,
                "end_column": 0,
                "level": "warning",
                "rule": "D17",
                "message": "no version",
                "advice": "",
                "edits": [],
            }
        ],
        "not_checked": None,
    }
    assert json.loads(as_json([ONE], "host")) == {"target": "host", **row}
    empty = {"plugin": "q", "ok": True, "findings": [], "not_checked": None}
    assert json.loads(as_json([NONE, ONE], "guide")) == {"target": "guide", "ok": False, "plugins": [empty, row]}


def test_sarif():
    """A log that names the tool, every rule, and the place and the fix of each finding."""
    log = json.loads(sarif([BOTH], "host"))
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (log["version"], log["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    assert (driver["name"], driver["version"]) == ("sbh-jobkit", __version__)
    assert [rule["id"] for rule in driver["rules"]] == [*rules()]
    rule = next(rule for rule in driver["rules"] if rule["id"] == "sdk-import")
    assert rule["name"] == "SdkImport"
    assert rule["help"]["markdown"].startswith(rule["help"]["text"])
    place = {"startLine": 5, "startColumn": 5, "endLine": 5, "endColumn": 13}
    file = {"uri": "p/main.py", "uriBaseId": "%SRCROOT%"}
    replacement = {"deletedRegion": place, "insertedContent": {"text": "import b"}}
    first = run["results"][0]
    assert first.pop("partialFingerprints")["sbhFinding/v1"].endswith(":1")
    assert first == {
        "ruleId": "import",
        "ruleIndex": [*rules()].index("import"),
        "level": "error",
        "message": {"text": "'a' is not\nallowed: 100%; do, without"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": file,
                    "region": {**place, "snippet": {"text": "    import a  "}},
                }
            }
        ],
        "fixes": [
            {
                "description": {"text": "do, without"},
                "artifactChanges": [{"artifactLocation": file, "replacements": [replacement]}],
            }
        ],
    }
    assert json.loads(sarif([NONE], "guide"))["runs"][0]["results"] == []


ADDRESSES = {
    "a b/ü": {"uri": "a%20b/%C3%BC/main.py", "uriBaseId": "%SRCROOT%"},
    ".": {"uri": "main.py", "uriBaseId": "%SRCROOT%"},
    "{here}/p": {"uri": "p/main.py", "uriBaseId": "%SRCROOT%"},
    "p/../q": {"uri": "q/main.py", "uriBaseId": "%SRCROOT%"},
    "../p q": {"uri": "{above}/p%20q/main.py"},
    "p.zip": {"uri": "p.zip/main.py", "uriBaseId": "%SRCROOT%"},
}


@pytest.mark.parametrize(("path", "expected"), ADDRESSES.items())
def test_addresses_in_sarif(tmp_path, monkeypatch, path, expected):
    """They are relative to the working directory and encoded; outside of it they are whole."""
    monkeypatch.chdir(tmp_path)
    checked = Checked(path=path.format(here=tmp_path), findings=FOUND[:1], texts=TEXTS)
    (result,) = json.loads(sarif([checked], "guide"))["runs"][0]["results"]
    above = tmp_path.parent.as_uri()
    wanted = {key: value.format(above=above) for key, value in expected.items()}
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == wanted


def prints(texts, lines):
    """Return the fingerprints of findings at these lines."""
    found = tuple(Finding(file="main.py", line=line, rule="import", message="m") for line in lines)
    results = json.loads(sarif([Checked(path="p", findings=found, texts={"main.py": texts})], "guide"))
    return [each["partialFingerprints"]["sbhFinding/v1"] for each in results["runs"][0]["results"]]


def test_fingerprints():
    """A finding keeps its fingerprint when its line moves or is indented; two on equal lines differ."""
    before = prints(["import a", "import b", "import a"], [1, 2, 3])
    assert len({*before}) == 3
    assert prints(["", "import a", "if x:", "  import b", "import a"], [2, 4, 5]) == before


def test_github():
    """A workflow command a finding, with what such commands must escape."""
    assert github([Checked(path="a,b", findings=FOUND, texts=TEXTS)], "guide") == (
        "::error file=a%2Cb/main.py,line=5,col=5,endLine=5,endColumn=13,title=import::"
        "'a' is not%0Aallowed: 100%25; do, without\n"
        "::warning file=a%2Cb/plugin.json,line=1,col=1,title=D17::no version"
    )
    assert github([NONE], "guide") == ""


def test_formats():
    """What `--format` takes."""
    assert [*FORMATS] == ["text", "concise", "json", "sarif", "github"]
