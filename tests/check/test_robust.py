"""Whatever a plugin's files hold, a check ends with findings in these files, and never with an exception."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pairs import PAIRS, whole

from sbh_jobkit.check.check import check

_CLEAN = tomllib.loads((Path(__file__).parent / "clean" / "plugins.toml").read_text())["plugins"]
TEXTS = [
    whole(each).replace("‹", "").replace("›", "") for each in [*_CLEAN.values(), *(p["bad"] for p in PAIRS.values())]
]
STATEMENTS = [ast.unparse(node) for text in TEXTS for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
EXPRESSIONS = [ast.unparse(node) for text in TEXTS for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr)]
NAME = re.compile(r"\b[a-z_]+\b")
SLOW = settings(max_examples=50, deadline=None, suppress_health_check=[*HealthCheck])


def run(text, manifest='{"slug": "p", "name": "P"}'):
    """Check a plugin of one file, and return its findings; each must be in the file."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "main.py").write_text(text)
        (Path(folder) / "plugin.json").write_text(manifest)
        found = [
            each for target in ("guide", "host") for each in check(folder, target=target, level="note", imports=False)
        ]
    lengths = {"main.py": len(text.split("\n")), "plugin.json": len(manifest.split("\n"))}
    for each in found:
        assert 1 <= each.line <= lengths[each.file]
        assert each.end_line <= lengths[each.file]
        assert each.column >= 1
    return found


@SLOW
@given(st.lists(st.sampled_from(STATEMENTS), max_size=12), st.randoms())
def test_shuffled_statements(statements, random):
    """Statements of real plugins, in any order, with names mixed up."""
    names = ["ctx", "rows", "answer", "x", "job", "datetime"]
    lines = [
        NAME.sub(lambda each: random.choice(names) if random.random() < 0.1 else each[0], one) for one in statements
    ]
    run(
        "from src.ext.sdk import job\n@job('a')\ndef a(ctx):\n"
        + "\n".join(f"    {line}" for text in [*lines, "pass"] for line in text.split("\n"))
    )
    run("\n".join(lines))


@SLOW
@given(
    st.recursive(
        st.sampled_from(EXPRESSIONS),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]})[{pair[1]}]"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]})({pair[1]}, *{pair[0]}, **{pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"[{pair[0]} for x in ({pair[1]}) if x]"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) + ({pair[1]}) < (lambda x: x)({pair[0]})"),
            inner.map(lambda one: f"({one}).get"),
        ),
        max_leaves=6,
    )
)
def test_nested_expressions(text):
    """Expressions of real plugins, put into each other."""
    run(f"from src.ext.sdk import job\n@job('a')\nasync def a(ctx):\n    x = {text}\n    return {text}\n")


@SLOW
@given(st.text(max_size=200))
def test_any_text(text):
    """Any text as a module, and as a manifest."""
    run(text.encode(errors="replace").decode().replace("\r", ""))
    run("x = 1", text.encode(errors="replace").decode().replace("\r", ""))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["slug", "name", "version", "entry", "permissions", "routes", "events", "jobs", "secrets", "timezone"]
)


@SLOW
@given(st.dictionaries(KEYS, JSON, max_size=6), st.sampled_from([None, 1]))
def test_any_manifest(manifest, spaces):
    """A manifest with anything in its keys."""
    run(TEXTS[0], json.dumps(manifest, indent=spaces))


def test_deep_code():
    """Code that is nested deeply is checked as far as possible."""
    run("x = " + "(" * 60 + "1" + ")" * 60)
    run("x = " + " + ".join(["1"] * 3000))
    run("def f(ctx):\n    return " + "not " * 900 + "ctx")
    run("".join(f"def f{n}(ctx):\n    return f{n + 1}(ctx)\n" for n in range(200)))
