"""What Python refuses is found, and the rest of the file is still read."""

from __future__ import annotations

import ast

import pytest

from sbh_jobkit.check.syntax import parse

REFUSED = {
    # source: (problems as line, column and message; the names of what is still there)
    "x = 1": ([], ["x"]),
    "def f(): await g()": ([(1, 10, "'await' outside async function")], ["f"]),
    "x = 1\nreturn x": ([(2, 1, "'return' outside function")], ["x"]),
    "def f(): break\ndef g(): continue": (
        [(1, 10, "'break' outside loop"), (2, 10, "'continue' not properly in loop")],
        ["f", "g"],
    ),
    "x = 1\nfrom __future__ import annotations": (
        [(2, 1, "from __future__ imports must occur at the beginning of the file")],
        ["x"],
    ),
    "def f(:\n  pass\nx = 1": ([(1, 7, "invalid syntax")], ["x"]),
    "@job('a')\ndef f(ctx):\n  if ctx\n    pass\n\nx = 1\nawait y": (
        [(3, 9, "expected ':'"), (7, 1, "'await' outside function")],
        ["x"],
    ),
    "x = (1,\ny = 2": ([(1, 5, "'(' was never closed")], ["y"]),
    "x = '''": ([(1, 5, "unterminated triple-quoted string literal (detected at line 1)")], []),
    "x = '\\d'": ([], ["x"]),
    "ä = 1\ndef f(:": ([(2, 7, "invalid syntax")], ["ä"]),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items())
def test_refused(text, expected):
    """Each problem has its line and column, and the other statements are there."""
    found = parse(text.encode(), "main.py")
    names = [node.name if hasattr(node, "name") else ast.unparse(node.targets[0]) for node in named(found.tree)]
    problems = [(each.line, each.column, each.message) for each in found.problems]
    assert (problems, names) == expected


def named(tree):
    """Return the statements that name something."""
    return [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.Assign))]


def test_bytes_that_are_no_text():
    """A file that is not UTF-8 is a problem, not an exception."""
    (problem,) = parse(b"x = '\xff'", "main.py").problems
    assert problem.message.startswith("(unicode error)")
    assert parse(b"x = 1\0", "main.py").damaged


def test_code_that_is_too_deep():
    """Code that Python cannot parse for its depth is a problem."""
    (problem,) = parse(b"x = " + b"(" * 5000 + b")" * 5000, "main.py").problems
    assert problem.line == 1


def test_only_so_many_attempts():
    """A file that is broken everywhere is given up."""
    found = parse("\n".join(f"def f{n}(:" for n in range(20)).encode(), "main.py")
    assert (found.tree.body, len(found.problems), found.damaged) == ([], 1, True)
