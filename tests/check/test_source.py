"""Reading a plugin's files for a check."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.check.check import check
from sbh_jobkit.check.source import read_source
from sbh_jobkit.errors import ManifestError
from sbh_jobkit.plugin.plugin import Plugin

MANIFEST = """
{
  "slug": "p",
  "name": "P",
  "jobs": [
    {"name": "a"},
    {
      "name": "b",
      "schedule": "@daily"
    }
  ],
  "private": true, "none": null
}
"""


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes files and reads them as a plugin."""

    def write(**files):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name.replace("_", ".")).write_bytes(data)
        return read_source(tmp_path)

    return write


def test_problems_are_listed_as_a_simulation_lists_them(plugin):
    """Those of one line, too: both follow the order of the manifest."""
    text = '{"slug": "a b", "name": "",\n "permissions": ["x.y", 5],'
    text += '\n "jobs": [{"schedule": "x"}], "secrets": 1, "entry": 5}'
    plugin(plugin_json=text, main_py="")
    folder = plugin(plugin_json=text, main_py="").folder
    with pytest.raises(ManifestError) as raised:
        Plugin.load(folder)
    found = check(folder)
    assert [each.message for each in found] == [*raised.value.problems]
    assert [(each.line, each.message.partition(":")[0]) for each in found] == [
        (1, "$.slug"),
        (1, "$.name"),
        (2, "$.permissions[0]"),
        (2, "$.permissions[1]"),
        (3, "$.jobs[0].name"),
        (3, "$.jobs[0].schedule"),
        (3, "$.secrets"),
        (3, "$.entry"),
    ]


LINES = {
    "$": 2,
    "$.slug": 3,
    "$.jobs": 5,
    "$.jobs[0]": 6,
    "$.jobs[0].schedule": 6,
    "$.jobs[1]": 7,
    "$.jobs[1].schedule": 9,
    "$.jobs[7]": 5,
    "$.none": 12,
    "$.none.deeper": 12,
    "$.nowhere": 2,
    "no path": 2,
}


@pytest.mark.parametrize(("path", "line"), LINES.items())
def test_lines(plugin, path, line):
    """A JSON path has its line in the manifest, or the line of its nearest parent."""
    assert plugin(plugin_json=MANIFEST, main_py="").line(path) == line


BROKEN = {
    "no JSON": (
        {"plugin_json": '{\n"slug" }', "main_py": ""},
        [(2, "manifest", "line 2 column 8 is not valid JSON: Expecting ':' delimiter")],
    ),
    "no UTF-8": (
        {"plugin_json": b"\xff", "main_py": ""},
        [(1, "manifest", "byte 0 is not UTF-8; save the file as UTF-8")],
    ),
    "no object": (
        {"plugin_json": "\n[]", "main_py": ""},
        [(2, "manifest", "$: the manifest must be an object, got a list")],
    ),
    "too deep": (
        {"plugin_json": "[" * 100_000, "main_py": ""},
        [(1, "manifest", "lists or objects are nested too deeply")],
    ),
    "a NUL byte": (
        {"plugin_json": json.dumps({"slug": "p", "name": "P"}), "main_py": "x = 1\0"},
        [(1, "syntax", "source code string cannot contain null bytes")],
    ),
}


@pytest.mark.parametrize(("files", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken(plugin, files, expected):
    """A file that cannot be read is a finding; the other files are still read."""
    found = plugin(**files)
    assert [(each.line, each.rule, each.message) for each in found.findings] == expected
    assert [*found.modules] == ["main"]


def test_the_entry_of_a_manifest_with_problems(plugin):
    """The code is read although the manifest has a problem, so that one problem does not hide another."""
    found = plugin(plugin_json='{"slug": "a b", "name": "P", "entry": "app.py"}', app_py="import json\n")
    assert (found.manifest, [*found.modules], len(found.findings)) == (None, ["app"], 1)


def test_packages(plugin, tmp_path):
    """Modules in folders are found, also by relative imports."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("from . import tools\n")
    (tmp_path / "lib" / "tools.py").write_text("")
    found = plugin(plugin_json=MANIFEST.replace("true", "1"), main_py="import lib\nimport nowhere\n")
    assert {name: file for name, (file, _) in found.modules.items()} == {
        "main": "main.py",
        "lib": "lib/__init__.py",
        "lib.tools": "lib/tools.py",
    }
