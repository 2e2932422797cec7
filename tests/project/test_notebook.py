"""Which statements of a notebook are exported: the latest definitions, and all that they need."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from sbh_jobkit.errors import ExportError
from sbh_jobkit.project.notebook import Notebook

JOB = "@job('j', schedule='0 6 * * *')\ndef j(ctx):\n    return {}"

CHOSEN = {
    "nothing but the job": (["x = 1", JOB.format(1)], ["j"]),
    "a constant": (["X = 1\nY = 2", JOB.format("X")], ["X = 1", "j"]),
    "what a constant is made of": (["A = 1", "X = A + 1", JOB.format("X")], ["A = 1", "X = A + 1", "j"]),
    "helpers of helpers": (
        ["def f():\n    return g()", "def g():\n    return Z", "Z = 1", JOB.format("f()")],
        ["def f():\n    return g()", "def g():\n    return Z", "Z = 1", "j"],
    ),
    "functions that call each other": (
        ["def f(n=1):\n    return n and g()", "def g():\n    return f(0)", JOB.format("f()")],
        ["def f(n=1):\n    return n and g()", "def g():\n    return f(0)", "j"],
    ),
    "a class, its base and what its body takes": (
        ["LIMIT = 3\nclass A:\n    limit = LIMIT", "class B(A):\n    pass", JOB.format("B.limit")],
        ["LIMIT = 3", "class A:\n    limit = LIMIT", "class B(A):\n    pass", "j"],
    ),
    "a decorator and a default": (
        ["def twice(f):\n    return f", "N = 1", "@twice\ndef g(n=N):\n    return n", JOB.format("g()")],
        ["def twice(f):\n    return f", "N = 1", "@twice\ndef g(n=N):\n    return n", "j"],
    ),
    "the latest definition": (["X = 1", JOB.format("X"), "X = 2"], ["j", "X = 2"]),
    "the latest job": ([JOB.format("1"), JOB.format("2 + 0")], ["j"]),
    "a cell that ran twice": (["X = 1", JOB.format("X"), "X = 1"], ["j", "X = 1"]),
    "a name that builds on itself": (["X = 1", "X = X + 1", JOB.format("X")], ["X = 1", "X = X + 1", "j"]),
    "a name that may keep its value": (
        ["X = 1", "if X > 5:\n    X = 5", JOB.format("X")],
        ["X = 1", "if X > 5:\n    X = 5", "j"],
    ),
    "a name that is set in both branches": (
        ["X = 1", "if 1:\n    X = 5\nelse:\n    X = 6", JOB.format("X")],
        ["if 1:\n    X = 5\nelse:\n    X = 6", "j"],
    ),
    "later changes, in order": (
        ["H = []", "H.append('a'); H.append('b')", JOB.format("H"), "H += ['c']\nH[0] = 'd'\nprint(H)\nlen(H)"],
        ["H = []", "H.append('a')", "H.append('b')", "j", "H += ['c']", "H[0] = 'd'"],
    ),
    "changes before the latest definition": (
        ["H = []\nH.append('a')", "H = ['b']", JOB.format("H")],
        ["H = ['b']", "j"],
    ),
    "a change that needs something": (
        ["H = {}", "K = 'k'", "H[K] = 1", JOB.format("H")],
        ["H = {}", "K = 'k'", "H[K] = 1", "j"],
    ),
    "functions that register": (
        ["R = dict(a=[])", "@R['a'].append\ndef one():\n    pass", JOB.format("len(R)")],
        ["R = dict(a=[])", "@R['a'].append\ndef one():\n    pass", "j"],
    ),
    "what is needed at once comes first": (
        ["def f():\n    return N", "N = 1", "X = f()", "def g():\n    return 1", "Y = g()", JOB.format("X + Y")],
        ["def f():\n    return N", "N = 1", "X = f()", "def g():\n    return 1", "Y = g()", "j"],
    ),
    "also if it was defined again later": (
        ["def f():\n    return 1", "X = f()", JOB.format("X"), "def f():\n    return N", "N = 2"],
        ["def f():\n    return N", "N = 2", "X = f()", "j"],
    ),
    "a name of a global statement": (
        ["COUNT = 0", "def up():\n    global COUNT\n    COUNT += 1", JOB.format("up()")],
        ["COUNT = 0", "def up():\n    global COUNT\n    COUNT += 1", "j"],
    ),
    "a try": (
        ["try:\n    import nowhere\nexcept ImportError:\n    nowhere = None", JOB.format("nowhere")],
        ["try:\n    import nowhere\nexcept ImportError:\n    nowhere = None", "j"],
    ),
    "a lambda and a comprehension": (
        ["A, B = [1], 2", "f = lambda x: x + B", "L = [f(a) for a in A]", JOB.format("L")],
        ["A, B = [1], 2", "f = lambda x: x + B", "L = [f(a) for a in A]", "j"],
    ),
    "an import that another one replaced": (
        ["from datetime import datetime", "import datetime", JOB.format("datetime")],
        ["import datetime", "j"],
    ),
    "imports": (
        ["import os.path, json\nimport os\nfrom re import sub, match", JOB.format("os.path.join(sub('', '', ''))")],
        ["import os.path", "import os", "from re import sub", "j"],
    ),
    "calls that only have an effect": (
        ["import random\nrandom.seed(3)", JOB.format("random.random()")],
        ["import random", "j"],
    ),
    "statements beside a magic": (["%ls\nX = 1\n!pwd", JOB.format("X")], ["X = 1", "j"]),
}


def export(numbered, names, root="j"):
    """Return the notebook, and the statements that one of its functions needs, without imports of the SDK."""
    notebook = Notebook(numbered, names)
    found = notebook.in_order(notebook.with_dependencies(notebook.definitions([root])))
    return notebook, [root if root in each.names.binds else each.text for each in found if each.cell]


@pytest.mark.parametrize(("cells", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_chosen(ran, cells, expected):
    """Only what is needed is exported, in the notebook's order as far as it can run so."""
    notebook, found = export(*ran(*cells))
    assert (found, notebook.problems) == (expected, [])


def use(what):
    """Return a job that uses something."""
    return f"@job('j')\ndef j(ctx):\n    return {what}"


LIVE = (
    "cell 1: '{}' is a live object (a {}), which cannot be written to a file; "
    "create it in the function that uses it, or use plain data"
)
PROBLEMS = {
    "a name that no cell defines": (
        [use("limit")],
        ["cell 1: j needs 'limit', which no cell defines; define it in a cell"],
    ),
    "a misspelled name": (
        ["LIMIT = 1", use("LIMITS")],
        ["cell 2: j needs 'LIMITS', which no cell defines; did you mean 'LIMIT'?"],
    ),
    "a name that was deleted": (
        ["LIMIT = 1", use("LIMIT"), "del LIMIT"],
        [
            "cell 2: j needs 'LIMIT' of cell 1, which was deleted; run that cell again, or do not use it",
        ],
    ),
    "a World": (
        ["world = World()", use("world")],
        [LIVE.format("world", "World")],
    ),
    "a part of a World": (
        ["world = World()\nworld.db.create('t')", "rows = world.db.rows('t')", use("rows")],
        [LIVE.format("world", "World")],
    ),
    "a DataFrame in a list": (
        ["import pandas as pd\nframes = [{'a': pd.DataFrame([1])}]", use("frames")],
        [LIVE.format("frames", "DataFrame")],
    ),
    "the result of a magic": (
        ["r = %run_job x\nX = 1", use("r, X")],
        ["cell 1: 'r' uses a magic or a shell command, which does not work in a plugin; write it in Python"],
    ),
    "a magic in a function": (
        ["def f():\n    !ls", use("f()")],
        ["cell 1: 'f' uses a magic or a shell command, which does not work in a plugin; write it in Python"],
    ),
    "a wildcard": (
        ["from math import *", use("sqrt(4)")],
        ["cell 2: j needs 'sqrt', which comes from 'from math import *' in cell 1; import it by its name"],
    ),
    "a file": (
        ["with open('/dev/null') as file:\n    TEXT = file.read()", use("TEXT")],
        ["cell 1: 'TEXT' gets its value from outside the notebook (open); write the value in the cell"],
    ),
    "a file that pathlib reads": (
        ["from pathlib import Path\nTEXT = Path('/dev/null').read_text()", use("TEXT")],
        [
            (
                "cell 1: 'TEXT' gets its value from outside the notebook (Path('/dev/null').read_text); "
                "write the value in the cell"
            )
        ],
    ),
    "the environment": (
        ["import os\nHOME = os.environ.get('HOME')", use("HOME")],
        ["cell 1: 'HOME' gets its value from outside the notebook (os.environ); write the value in the cell"],
    ),
    "two at once": (
        [use("a + b")],
        [
            "cell 1: j needs 'a', which no cell defines; define it in a cell",
            "cell 1: j needs 'b', which no cell defines; define it in a cell",
        ],
    ),
    "a builtin of IPython": (
        [use("display(1)")],
        ["cell 1: j needs 'display', which no cell defines; define it in a cell"],
    ),
}


@pytest.mark.parametrize(("cells", "problems"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(ran, cells, problems):
    """What cannot be exported is a problem, one sentence with its cell."""
    assert export(*ran(*cells))[0].problems == problems


def test_a_definition_under_a_cell_magic(ran):
    """A definition in a cell with a cell magic is a problem, because it may never have run as it is."""
    numbered, names = ran("%%time\nX = 1", use("X"), X=1)
    assert export(numbered, names)[0].problems == [
        "cell 1: 'X' is defined in a cell with %%time; define it in a cell without a magic"
    ]


def test_await_at_the_top(ran):
    """A notebook can use await outside a function, and a module cannot."""
    numbered, names = ran(use("X"), X=1)
    numbered.append((2, "X = await f()"))
    assert export(numbered, names)[0].problems[0] == (
        "cell 2: 'X' uses await outside a function, which a file cannot do; use await in an async function"
    )


def test_a_module_beside_the_notebook(ran, tmp_path, monkeypatch):
    """A module beside the notebook is not exported; an installed one is fine."""
    (tmp_path / "my_helpers.py").write_text("def send(ctx): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    numbered, names = ran("from my_helpers import send\nimport httpx", use("send(ctx), httpx"))
    assert export(numbered, names)[0].problems == [
        "cell 1: 'send' comes from my_helpers.py, which is not exported; define it in a cell"
    ]


@pytest.mark.parametrize(
    "value",
    ["1", "{'a': (1.5, None)}", "datetime.date(2026, 1, 1)", "re.compile('a')", "collections.deque([1])", "Own()"],
)
def test_plain_values(ran, value):
    """A value that code can create again is not a live object."""
    cells = "import collections, datetime, re\nclass Own:\n    pass", f"X = {value}", use("X")
    assert export(*ran(*cells))[0].problems == []


def test_modules_without_a_file(ran, monkeypatch):
    """A module that was created in code, and one that was removed, are not problems."""
    monkeypatch.setitem(sys.modules, "by_hand", ModuleType("by_hand"))
    monkeypatch.setitem(sys.modules, "gone_by_now", ModuleType("gone_by_now"))
    numbered, names = ran("import by_hand, gone_by_now", use("by_hand, gone_by_now"))
    monkeypatch.delitem(sys.modules, "gone_by_now")
    assert export(numbered, names)[0].problems == []


def test_all_problems_at_once():
    """An ExportError lists every problem; a single problem is the whole message."""
    assert str(ExportError(["a"])) == "a"
    assert str(ExportError(["a", "b"])) == "the notebook cannot be exported; it has 2 problems:\n  a\n  b"
