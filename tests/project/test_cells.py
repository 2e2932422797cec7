"""Cells as statements: their text with its comments, without magics."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sbh_jobkit.project.code.cells import statement, statements

CELL = '''\
%load_ext sbh_jobkit
# floating

# about x
# and more
x = 1; y = 2  # both
z = (x
  % y);


@job("é", schedule="* * * * *")
# between
def f(ctx):
    """é"""
    # first
    return 1  # é
    # last

    # very last
# outside
!ls
f?
w = 3
'''


def texts(*cells):
    """Return the text and the gap of each statement."""
    return [(found.cell, found.text, found.gap) for found in statements(enumerate(cells, 1))]


def test_statements_keep_what_belongs_to_them():
    """Decorators and the comments above, after and at the end of a body belong to a statement; magics are left out."""
    function = (
        '@job("é", schedule="* * * * *")\n# between\ndef f(ctx):\n    """é"""\n    # first\n    return 1  # é\n'
        "    # last\n\n    # very last"
    )
    assert texts(CELL) == [
        (1, "# about x\n# and more\nx = 1", 1),
        (1, "y = 2  # both", 0),
        (1, "z = (x\n  % y)", 0),
        (1, function, 2),
        (1, "w = 3", 0),
    ]


def test_imports_are_separate():
    """Each imported name is a statement, so that each can be left out."""
    assert texts("import a, b.c as d\nfrom e import (f,\n  g as h)  # why") == [
        (1, "import a", 0),
        (1, "import b.c as d", 0),
        (1, "from e import f", 0),
        (1, "from e import g as h", 0),
    ]


MAGICS = {
    "an assignment": ("r = %run_job f", ["r"]),
    "a shell command": ("files = !ls", ["files"]),
    "inside of a function": ("def f():\n    %timeit 1", ["f"]),
    "what looks like one": ("x = (1\n% 2)", []),
}


@pytest.mark.parametrize(("text", "magic"), MAGICS.values(), ids=MAGICS)
def test_magics_that_give_something(text, magic):
    """An assignment from a magic is a statement that uses a magic."""
    assert [name for found in statements([(1, text)]) if found.uses_magic for name in found.names.binds] == magic


def test_a_cell_magic_marks_its_cell():
    """Statements below `%%time` know their magic; text that is not Python is left out."""
    cells = ["%%time\nx = 1\n", "%%bash\nls $HOME\n", "1 +\n", "x\0"]
    assert [(found.text, found.magic) for found in statements(enumerate(cells, 1))] == [("x = 1", "%%time")]


def test_a_statement_of_ones_own():
    """Code that is not in a cell can be a statement."""
    made = statement(3, "x.y = z")
    assert (made.cell, made.text, made.names.needs, made.gap) == (3, "x.y = z", {"x", "z"}, 0)


def test_magics_need_ipython():
    """Without IPython, a cell with a magic is an error; a plain one can be read."""
    code = """
import sys
sys.modules["IPython.core.inputtransformer2"] = None
from sbh_jobkit.project.code.cells import statements
print(len(list(statements([(1, "x = 1")]))))
try:
    list(statements([(2, "%ls")]))
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    message = "cell 2 is not plain Python; to parse magics, install IPython: pip install 'sbh-jobkit[notebook]'"
    assert (done.stdout, done.stderr) == (f"1\n{message}\n", "")
