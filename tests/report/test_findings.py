"""What was found, for people and for three kinds of machine."""

from __future__ import annotations

import json

from sbh_jobkit.check.finding import RULES, Finding
from sbh_jobkit.report.findings import FORMATS, as_json, github, sarif, text
from sbh_jobkit.version import __version__

FOUND = [
    Finding(file="main.py", line=5, rule="import", message="'a' is not\nallowed: 100%", advice="do, without"),
    Finding(file="plugin.json", line=1, rule="D17", message="no version"),
]


def test_text():
    """A line that an editor can follow, and the advice below it."""
    assert text(FOUND, "p/", "guide") == (
        "p/main.py:5: 'a' is not\nallowed: 100% [import]\n  try: do, without\n"
        "p/plugin.json:1: no version [D17]\np/: 2 findings"
    )
    assert text(FOUND[1:], "p", "host").endswith("p: 1 finding on today's host")
    assert text([], "p", "guide") == "p: no problems found"


def test_json():
    """All of it, with paths as one would type them."""
    assert json.loads(as_json(FOUND[1:], "p/main.py", "host")) == {
        "plugin": "p/main.py",
        "target": "host",
        "ok": False,
        "findings": [{"file": "p/plugin.json", "line": 1, "rule": "D17", "message": "no version", "advice": ""}],
    }


def test_sarif():
    """A log that names the tool, the rules and each place."""
    found = json.loads(sarif(FOUND, "p/plugin.json", "host"))
    (run,) = found["runs"]
    assert (found["version"], found["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    assert run["tool"]["driver"] == {
        "name": "sbh-jobkit",
        "version": __version__,
        "rules": [
            {"id": "D17", "shortDescription": {"text": "`version` and `entry` are required too."}},
            {"id": "import", "shortDescription": {"text": RULES["import"]}},
        ],
    }
    assert run["results"][0] == {
        "ruleId": "import",
        "ruleIndex": 1,
        "level": "error",
        "message": {"text": "'a' is not\nallowed: 100%; do, without"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": "p/main.py"}, "region": {"startLine": 5}}},
        ],
    }
    assert json.loads(sarif([], "p", "guide"))["runs"][0]["results"] == []


def test_github():
    """A workflow command a finding, with what such commands must escape."""
    assert github(FOUND, "a,b", "guide") == (
        "::error file=a%2Cb/main.py,line=5,title=import::'a' is not%0Aallowed: 100%25; do, without\n"
        "::error file=a%2Cb/plugin.json,line=1,title=D17::no version"
    )
    assert github([], "p", "guide") == ""


def test_formats():
    """What `--format` takes."""
    assert [*FORMATS] == ["text", "json", "sarif", "github"]
