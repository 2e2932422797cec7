"""Which names a statement binds and reads."""

from __future__ import annotations

import ast

import pytest

from sbh_jobkit.project.code.names import names, root

STATEMENTS = {
    # text: (binds, reads now, reads later, changes)
    "x = y": ("x", "y", "", ""),
    "x, (a, *b) = y": ("x a b", "y", "", ""),
    "x = x + 1": ("x", "x", "", ""),
    "x += y": ("", "y", "", "x"),
    "x: T = y": ("x", "T y", "", ""),
    "x: T": ("x", "T", "", ""),
    "x['k'].z = y": ("", "x y", "", "x"),
    "x, y.z = 1, 2": ("x", "y", "", "y"),
    "del x": ("", "", "", ""),
    "del x['k']": ("", "x", "", "x"),
    "x.y.append(z)": ("", "x z", "", "x"),
    "x(1).append(z)": ("", "x z", "", ""),
    "print(x)": ("", "print x", "", ""),
    "x.y": ("", "x", "", ""),
    "import a.b": ("a", "", "", ""),
    "import a.b as c": ("c", "", "", ""),
    "from a import b as c, d": ("c d", "", "", ""),
    "from a import *": ("", "", "", ""),
    "for i in x: t[i] = y": ("i", "i x t y", "", "t"),
    "with x() as y: z = y": ("y z", "x y", "", ""),
    "try:\n    import a\nexcept E as e:\n    a = None": ("a e", "E", "", ""),
    "if x:\n    y = 1": ("y", "x", "", ""),
    "match x:\n    case {'a': y}: z = y": ("y z", "x y", "", ""),
    "[y := z for z in x]": ("y", "x", "", ""),
    "x = [a + b for a in y]": ("x", "y b", "", ""),
    "x = {a for a in a}": ("x", "a", "", ""),
    "for a in [a for a in b]: c": ("a", "b c", "", ""),
    "x = lambda a=b: a + c": ("x", "b", "c", ""),
    "@job('a')\ndef f(x: T = d) -> R:\n    return g(x) + [c for c in h]": ("f", "job T d R", "g h", ""),
    "def f():\n    global x\n    x = 1": ("f", "", "x", ""),
    "def f():\n    x = 1\n    def g(): return x + y\n    return g": ("f", "", "y", ""),
    "async def f(): await g()": ("f", "", "g", ""),
    "@reg.add\ndef f(): pass": ("f", "reg", "", "reg"),
    "class A(B, metaclass=M):\n    x = c\n    y = x\n    def f(self): return d": ("A", "B M c", "d", ""),
}


@pytest.mark.parametrize(("text", "expected"), STATEMENTS.items(), ids=STATEMENTS)
def test_names(text, expected):
    """What a statement binds, reads when it runs, reads when its functions are called, and changes."""
    found = names(text, ast.parse(text).body[0])
    assert [found.binds, found.reads_now, found.reads_later, found.changes] == [
        frozenset(words.split()) for words in expected
    ]


def test_needs():
    """All names that a statement reads or changes."""
    text = "def f(x=a): return b"
    assert names(text, ast.parse(text).body[0]).needs == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ("a.b[0].c(1).d", "a"), ("a(1).b", None), ("'x'.join(a)", None), ("(a + b).c", None)],
)
def test_root(text, name):
    """The name that an expression begins with, if the expression is a part of that name's value."""
    assert root(ast.parse(text).body[0].value) == name
