"""What `%export_plugin` writes is what the notebook ran; where it is not, it says so."""

from __future__ import annotations

import pytest

from sbh_jobkit import Plugin, World, run_job
from sbh_jobkit.errors import ExportError

SDK = "from src.ext.sdk import job\nfrom sbh_jobkit import World, run_job, simulate"
JOB = "@job('greet', schedule='0 6 * * *')\ndef greet(ctx):\n    return LIMIT"
RUN = "%run_job greet --at 2026-01-01"
UNTRIED = (
    "the last run of 'greet' (cell 5) was before {}, which is exported: no run in the notebook has used it; "
    "run the job again to see what the exported plugin does"
)
NOT_RUN = (
    "cell {0} failed before it defined {1!r}, so the earlier one (cell {2}) is exported; "
    "to export the later one, run cell {0} without an error"
)

# cells from cell 3 on, the value of the exported job, and the notes
RAN = {
    "all in order": (["LIMIT = 2", JOB, RUN], 2, []),
    "never run": (["LIMIT = 2", JOB, "LIMIT = 3"], 3, []),
    "a constant after the run": (["LIMIT = 2", JOB, RUN, "LIMIT = 100"], 100, [UNTRIED.format("LIMIT (cell 6)")]),
    "a constant after the run, in its cell": (
        ["LIMIT = 2", JOB, f"{RUN}\nLIMIT = 100"],
        100,
        [UNTRIED.format("LIMIT (cell 5)")],
    ),
    "the job itself": (
        ["LIMIT = 2", JOB, RUN, JOB.replace("LIMIT", "LIMIT + 1")],
        3,
        [UNTRIED.format("greet (cell 6)")],
    ),
    "a helper, a change of a list, and a route": (
        [
            "HOSTS = []\ndef one(): return len(HOSTS)",
            JOB.replace("LIMIT", "one()"),
            "r = %run_job greet --at 2026-01-01",
            "HOSTS.append('a')",
            "def one(): return 10 * len(HOSTS)",
            "world = World()",
        ],
        10,
        [UNTRIED.format("HOSTS (cell 6), one (cell 7)")],
    ),
    "the world": (
        ["LIMIT = 2", JOB, RUN, "world = World()\nworld.secrets['KEY'] = 'k'"],
        2,
        [UNTRIED.format("world (cell 6)")],
    ),
    "the same again": (["LIMIT = 2", JOB, RUN, "LIMIT = 2", JOB], 2, []),
    "something that is not exported": (["LIMIT = 2", JOB, RUN, "OTHER = 1\nprint(OTHER)"], 2, []),
    "a run by a call": (
        ["LIMIT = 2", JOB, "run_job(greet, at='2026-01-01')", "LIMIT = 4"],
        4,
        [UNTRIED.format("LIMIT (cell 6)")],
    ),
    "a simulation": (["LIMIT = 2", JOB, "%simulate 1d", "LIMIT = 4"], 4, [UNTRIED.format("LIMIT (cell 6)")]),
    "a simulation by its job": (
        ["LIMIT = 2", JOB, "%simulate 1d --job greet", "LIMIT = 4"],
        4,
        [UNTRIED.format("LIMIT (cell 6)")],
    ),
    "the function called": (["LIMIT = 2", JOB, "greet(None)", "LIMIT = 4"], 4, [UNTRIED.format("LIMIT (cell 6)")]),
    "a run in a timed cell": (["LIMIT = 2", JOB, f"%%time\n{RUN}", "LIMIT = 4"], 4, [UNTRIED.format("LIMIT (cell 6)")]),
    "run again": (["LIMIT = 2", JOB, RUN, "LIMIT = 4", RUN], 4, []),
    "before the error of a cell": (["LIMIT = 2", JOB, "LIMIT = 3; 1/0", RUN], 3, []),
    "after the error of a cell": (["LIMIT = 2", JOB, "1/0\nLIMIT = 3"], 2, [NOT_RUN.format(5, "LIMIT", 3)]),
    "after it, in its line": (["LIMIT = 2", JOB, "1/0; LIMIT = 3"], 2, [NOT_RUN.format(5, "LIMIT", 3)]),
    "in a function that failed": (
        ["LIMIT = 2", JOB, "def fail():\n    raise ValueError\n\nfail()\nLIMIT = 3"],
        2,
        [NOT_RUN.format(5, "LIMIT", 3)],
    ),
    "below lines that are empty": (["LIMIT = 2", JOB, "\n\n\n1/0\nLIMIT = 3"], 2, [NOT_RUN.format(5, "LIMIT", 3)]),
    "in a timed cell": (["LIMIT = 2", JOB, "%%time\n1/0\nLIMIT = 3"], 2, [NOT_RUN.format(5, "LIMIT", 3)]),
    "a job that was refused": (
        ["LIMIT = 2", JOB, JOB.replace("0 6", "61 6").replace("LIMIT", "100")],
        2,
        [NOT_RUN.format(5, "greet", 4)],
    ),
    "a cell that failed and was run again": (["LIMIT = 2", JOB, "1/0\nLIMIT = 3", "LIMIT = 3"], 3, []),
    "two functions for one job": (
        ["LIMIT = 2", JOB, JOB.replace("greet(", "again(").replace("LIMIT", "7"), RUN],
        7,
        ["job 'greet' is defined by greet (cell 4) and by again (cell 5); the later one is exported"],
    ),
}


def run(notebook, cells):
    """Run cells, some of which fail."""
    notebook.run(SDK)  # cell 2, after the one that loads the extension
    for cell in cells:
        notebook.shell.run_cell(cell, store_history=True)


@pytest.mark.parametrize(("cells", "value", "notes"), RAN.values(), ids=RAN)
def test_the_export_is_what_ran(notebook, tmp_path, cells, value, notes):
    """The exported job returns what the notebook's job returns now, and a note says what no run has used."""
    run(notebook, cells)
    exported = notebook.run(f"%export_plugin {tmp_path / 'p'}")
    plugin = Plugin.load(tmp_path / "p")
    assert run_job(plugin.jobs["greet"], World(), at="2026-01-01").value == value
    assert [*exported.notes] == notes
    assert notebook.run("%run_job greet --at 2026-01-01").value == value


OTHERWISE = {
    "a value from elsewhere": (
        ["LIMIT = 2", JOB, "globals()['LIMIT'] = 3"],
        "cell 3: 'LIMIT' of the notebook is not what this cell defines; run the cell again",
    ),
    "code that text has run": (
        ["LIMIT = 2", JOB, "exec('def greet(ctx): return 1\\ngreet = job(\"greet\")(greet)')"],
        "cell 4: 'greet' of the notebook is not what this cell defines; run the cell again",
    ),
    "a method that was replaced": (
        [
            "class Shop:\n    def size(self):\n        return 1\ndef two(self):\n    return 2",
            JOB.replace("LIMIT", "Shop().size()"),
            "setattr(Shop, 'size', two)",
        ],
        "cell 3: 'Shop' of the notebook is not what this cell defines; run the cell again",
    ),
    "a default": (
        ["def size(n=1):\n    return n", JOB.replace("LIMIT", "size()"), "setattr(size, '__defaults__', (2,))"],
        "cell 3: 'size' of the notebook is not what this cell defines; run the cell again",
    ),
    "a name that only the failed part of a cell has": (
        [JOB, "1/0\nLIMIT = 3"],
        "cell 3: greet needs 'LIMIT', which cell 4 would define, but that cell failed before; run it without an error",
    ),
}


@pytest.mark.parametrize(("cells", "error"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_the_cells_do_not_say_is_refused(notebook, tmp_path, cells, error):
    """Where the notebook has something else than its cells, nothing is written."""
    run(notebook, cells)
    with pytest.raises(ExportError) as raised:
        notebook.run(f"%export_plugin {tmp_path / 'p'}")
    assert (str(raised.value), [*tmp_path.iterdir()]) == (error, [])


SAME = {
    "what runs have changed": "SEEN = []\nclass Stats:\n    runs = 0\nCOUNT = 0\ndef seen():\n"
    "    global COUNT\n    COUNT += 1\n    Stats.runs += 1\n    SEEN.append(1)\n    return 1",
    "a method of an imported class": "from datetime import datetime\ndef seen():\n    return datetime.now().day",
    "wrapped functions": "import functools\n@functools.lru_cache\ndef seen():\n    return 1",
    "a number that equals nothing": "NAN = float('nan')\nPAIR = (1, None, (NAN,))\ndef seen():\n    return len(PAIR)",
    "a function in a function": (
        "def outer():\n    def inner(a, *b, c=1.5):\n        return {1, 2} and a\n    return inner\n"
        "seen = lambda: outer()(1)"
    ),
}


@pytest.mark.parametrize("cell", SAME.values(), ids=SAME)
def test_what_is_the_same_is_exported(notebook, tmp_path, cell):
    """What runs change, and what Python compiles in another way in a file, is no difference."""
    run(notebook, [cell, JOB.replace("LIMIT", "seen()"), RUN])
    notes = notebook.run(f"%export_plugin {tmp_path / 'p'}").notes
    assert [note for note in notes if not note.startswith("check: ")] == []


CLOCK = (
    "cell {}: {} takes a value from {}: in the notebook it is {} when the cell ran, in world.py {} when a simulation "
    "begins; write the value, or fill the world in def setup(world)"
)
TIME, DRAWN = ("the time", "the time"), ("what was drawn", "what was drawn")
FILLED = {
    "now": (
        "from datetime import datetime\nworld.db.insert('users', {'at': datetime.now()})",
        [CLOCK.format(4, "world.db.insert(…)", "datetime.now()", *TIME)],
    ),
    "by another name": (
        "from time import time as t\nworld.secrets['AT'] = str(t())",
        [CLOCK.format(4, "world.secrets['AT']", "t()", *TIME)],
    ),
    "by a module": (
        "import datetime as dt\nworld.files.write('a', 'b', modified=dt.datetime.now(dt.timezone.utc))",
        [CLOCK.format(4, "world.files.write(…)", "dt.datetime.now()", *TIME)],
    ),
    "in a constant": (
        "import time\nBEGAN = time.time() - 60\nworld.db.insert('users', {'at': BEGAN})",
        [CLOCK.format(4, "world.db.insert(…)", "time.time()", *TIME)],
    ),
    "in a helper": (
        (
            "import datetime\ndef ago(days):\n    return datetime.date.today() - datetime.timedelta(days)\n"
            "world.db.insert('users', {'at': str(ago(3))})"
        ),
        [CLOCK.format(4, "world.db.insert(…)", "datetime.date.today()", *TIME)],
    ),
    "drawn": (
        "import uuid, random\nworld.secrets['KEY'] = uuid.uuid4().hex\nworld.db.insert('a', {'n': random.random()})",
        [
            CLOCK.format(4, "world.secrets['KEY']", "uuid.uuid4()", *DRAWN),
            CLOCK.format(4, "world.db.insert(…)", "random.random()", *DRAWN),
        ],
    ),
    "drawn in another way": (
        "import os, secrets\nworld.secrets['A'] = os.urandom(4).hex()\nworld.secrets['B'] = secrets.token_hex(4)",
        [
            CLOCK.format(4, "world.secrets['A']", "os.urandom()", *DRAWN),
            CLOCK.format(4, "world.secrets['B']", "secrets.token_hex()", *DRAWN),
        ],
    ),
    "written": ("from datetime import datetime\nworld.db.insert('users', {'at': datetime(2026, 1, 1)})", []),
    "computed": (
        (
            "import uuid\nfrom datetime import datetime\n"
            "world.db.insert('a', {'id': uuid.UUID(int=1), 'at': datetime.fromtimestamp(0)})"
        ),
        [],
    ),
    "in setup": (
        "from datetime import datetime\ndef setup(world):\n    world.db.insert('a', {'at': datetime.now()})",
        [],
    ),
}


@pytest.mark.parametrize(("cell", "notes"), FILLED.values(), ids=FILLED)
def test_a_world_of_the_moment_is_reported(notebook, tmp_path, cell, notes):
    """What a cell took from the clock or drew is not what a simulation begins with."""
    run(notebook, [JOB.replace("LIMIT", "1"), f"world = World()\n{cell}"])
    assert [*notebook.run(f"%export_plugin {tmp_path / 'p'}").notes] == notes


def test_a_value_that_is_computed_again_is_reported(notebook, tmp_path):
    """A constant from the clock is not the notebook's when main.py is imported."""
    run(notebook, ["import time\nBEGAN = time.time()", JOB.replace("LIMIT", "BEGAN")])
    assert notebook.run(f"%export_plugin {tmp_path / 'p'}").notes[0] == (
        "cell 3: 'BEGAN' is computed when main.py is imported, and is then not what it is in the notebook; "
        "write the value in the cell if it matters"
    )


def test_a_note_says_which_function_a_job_is_now(notebook, capsys):
    """In the cell that takes the name; deleting that function gives it back."""
    run(notebook, [JOB.replace("LIMIT", "1")])
    capsys.readouterr()
    notebook.run(JOB.replace("greet(", "again(").replace("LIMIT", "2"))
    assert capsys.readouterr().out == "note: job 'greet' is now again (In[4]:1), and no longer greet (In[3]:1)\n"
    assert notebook.run("%run_job greet --at 2026-01-01").value == 2
    capsys.readouterr()
    notebook.run(JOB.replace("LIMIT", "3"))
    assert capsys.readouterr().out == "note: job 'greet' is now greet (In[6]:1), and no longer again (In[4]:1)\n"
    assert [run.value for run in notebook.run("%simulate 1d").runs] == [3]
    notebook.run("del greet")
    assert notebook.run("%run_job greet --at 2026-01-01").value == 2
    capsys.readouterr()
    notebook.run(JOB.replace("greet(", "again(").replace("LIMIT", "4"))
    assert capsys.readouterr().out == ""


def test_a_cell_that_runs_cells_is_told_from_them(notebook, tmp_path):
    """Each has its own end."""
    run(notebook, ["LIMIT = 2", JOB, "get_ipython().run_cell('1/0\\nLIMIT = 9')\nLIMIT = 5"])
    assert [*notebook.run(f"%export_plugin {tmp_path / 'p'}").notes] == [NOT_RUN.format(6, "LIMIT", 5)]
    assert "LIMIT = 5" in (tmp_path / "p/main.py").read_text()
