"""Modules are written as a formatter would write them."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from sbh_jobkit.project.code import imports, layout


def formatted(text, width=88):
    """Return a text as ruff formats it."""
    words = ["-m", "ruff", "format", "--isolated", "--line-length", f"{width}", "--stdin-filename", "m.py", "-"]
    done = subprocess.run([sys.executable, *words], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout


BLOCKS = [
    ("X = 1", 0),
    ("Y = 2", 5),
    ("Z = 3", 0),
    ("# about f\ndef f():\n    return 1", 0),
    ("W = 4", 1),
    ("if X:\n\n    def g():\n        pass", 1),
    ("V = 5", 0),
    ("class A:\n    x = 1", 0),
]


def test_module():
    """Two blank lines around definitions; elsewhere the author's, at most two."""
    text = layout.module("It has  a 'head'.", "import a", BLOCKS)
    assert text == (
        '"""It has a \'head\'."""\n\nimport a\n\nX = 1\n\n\nY = 2\nZ = 3\n\n\n# about f\ndef f():\n    return 1\n\n\n'
        "W = 4\n\n\nif X:\n\n    def g():\n        pass\n\n\nV = 5\n\n\nclass A:\n    x = 1\n"
    )
    assert formatted(text) == text


@pytest.mark.parametrize("blocks", [[], BLOCKS[:1], BLOCKS[3:4]], ids=["nothing", "a constant", "a function"])
@pytest.mark.parametrize("imported", ["", "import a\nimport b"], ids=["no imports", "imports"])
def test_modules_begin_well(imported, blocks):
    """Blank lines after the docstring, before different kinds of code."""
    text = layout.module("Head.", imported, blocks)
    assert formatted(text) == text


def test_body():
    """Statements are indented, but not the lines inside a string."""
    blocks = [('a = """x\n y"""', 0), ("for b in c:\n    # why\n\n    d(b)", 0), ("e = f'''{\n1}\n'''", 2)]
    text = f"def f():\n{layout.body(blocks)}\n"
    assert text == (
        'def f():\n    a = """x\n y"""\n    for b in c:\n        # why\n\n        d(b)\n\n'
        "    e = f'''{\n1}\n'''\n"
    )
    assert ast.literal_eval(ast.parse(text).body[0].body[0].value) == "x\n y"


@pytest.mark.parametrize("width", [88, 120])
@pytest.mark.parametrize("length", [3, 40, 90])
def test_calls(length, width):
    """A call that is too long has one argument in each line, and stays so with a wider limit."""
    text = layout.call("run = f", [f'"{"x" * length}"', "at=1", 'why="yyyyyyyyyyyyyyyyyy"'], indent=4)
    text = f"def g():\n{text}\n"
    assert formatted(text, width) == text


TEXTS = ["", "plain", "it's", 'say "x"', "both ' and \"", '"two" \'1', "back\\slash", "new\nline\t", "é ‹›", "\x00\x1b"]


@pytest.mark.parametrize("text", TEXTS)
def test_literals(text):
    """A literal is equal to the text, in the quotes that a formatter would choose."""
    written = f"x = {layout.literal(text)}\n"
    assert ast.literal_eval(layout.literal(text)) == text
    assert formatted(written) == written


@pytest.mark.parametrize("text", ['Say "x"', '"', "a \\ b", "two\n  lines", "it's"])
def test_docstrings(text):
    """A docstring is one line without escapes."""
    written = f"{layout.docstring(text)}\n"
    assert formatted(written) == written
    assert len(ast.literal_eval(written).splitlines()) == 1


def test_imports_are_sorted():
    """Imports are sorted by section, module and kind of name; long ones have one name in each line."""
    lines = [
        *("from src.ext.sdk import job", "import os.path", "import json", "from __future__ import annotations"),
        *("from src.ext.sdk import PluginContext", "from main import b", "import json", "import httpx as h"),
        *("from a import zeta", "from a import Alpha as B", "from a import LIMIT", "from json import dumps as dumps"),
        "from long import " + ", ".join(f"name_{number}" for number in range(10)),
    ]
    nodes = [node for line in lines for node in ast.parse(line).body]
    text = imports.sections(nodes, own=frozenset({"main"}))
    assert text == (
        "from __future__ import annotations\n\nimport json\nimport os.path\nfrom json import dumps\n\n"
        "import httpx as h\nfrom a import LIMIT, Alpha as B, zeta\nfrom long import (\n"
        + "".join(f"    name_{number},\n" for number in range(10))
        + ")\nfrom src.ext.sdk import PluginContext, job\n\nfrom main import b"
    )
    assert formatted(f"{text}\n") == f"{text}\n"
