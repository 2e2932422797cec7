"""Which parts of a notebook become `world.py`."""

from __future__ import annotations

import ast

import pytest

from sbh_jobkit.errors import ExportError
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.project.plugin import WORLD, make_files

ABOUT = Manifest(slug="p", name="P")
HEAD = '"""The fake tenant of P, as the notebook described it."""\n'
JOB = "@job('j', schedule='0 6 * * *')\ndef j(ctx):\n    return {}"
MADE = "world = World()\n"


def files_of(numbered, names):
    """Return the files of a notebook with one job."""
    return make_files(numbered, names, ABOUT)


def setup(*lines):
    """Return a `world.py` that only has `setup`."""
    body = "\n".join(f"    {line}" if line else "" for line in lines)
    return f"{HEAD}\n\ndef setup(world):\n{body}\n"


WORLDS = {
    "nothing": (
        [],
        setup('''"""Fill the fake tenant here: world.secrets['KEY'] = '…', world.db.insert('users', …)."""'''),
    ),
    "statements, with their blank lines and comments": (
        [
            f"{MADE}world.secrets['KEY'] = 'fake'  # why\n\n# rows\nworld.db.insert('t', {{'a': 1}})",
            "world.files.write('a', b'')\ndel world.secrets['KEY']",
        ],
        setup(
            "world.secrets['KEY'] = 'fake'  # why",
            "",
            "# rows",
            "world.db.insert('t', {'a': 1})",
            "",
            "world.files.write('a', b'')",
            "del world.secrets['KEY']",
        ),
    ),
    "nothing that only looks": (
        [
            f"{MADE}world.db.create('t')\nworld.db.rows('t')\nworld.db.count('t')\nlen(world.db.rows('t'))\nprint(world)",
            f"{JOB}\nmonday = world.snapshot()\nworld.files.tree()\nrun_job(j, world)\nrows = world.db.rows('t')",
        ],
        setup("world.db.create('t')"),
    ),
    "loops and what they bind": (
        [f"{MADE}for n in range(2):\n    world.files.write(f'{{n}}.txt', 'x')\nif n:\n    world.db.create('t')"],
        setup(
            "for n in range(2):",
            "    world.files.write(f'{n}.txt', 'x')",
            "if n:",
            "    world.db.create('t')",
        ),
    ),
    "a route that is kept at hand": (
        [f"{MADE}route = world.http.get('https://a.example')", "route.respond(503)\nroute.called\nroute.calls.reset()"],
        setup("route = world.http.get('https://a.example')", "", "route.respond(503)"),
    ),
    "what the World was called with": (
        ["LIMIT = 5\nworld = World('acme', tz='Europe/Paris', time_limit=LIMIT, allow=['network'])"],
        (
            f"{HEAD}\nLIMIT = 5\n\n\ndef setup(world):\n    world.tenant_id = 'acme'\n    world.time_limit = LIMIT\n"
            "    world.allow = ['network']\n"
        ),
    ),
    "a World of another name": (
        ["tenant: World = World()\ntenant.db.create('t')"],
        setup("tenant.db.create('t')").replace("(world)", "(tenant)"),
    ),
    "the last one only": (
        [f"{MADE}world.db.create('t')", f"{MADE}world.db.create('u')"],
        setup("world.db.create('u')"),
    ),
    "until the name means something else": (
        [f"{MADE}world.db.create('t')\nworld = world.snapshot().world()\nworld.db.create('u')"],
        setup("world.db.create('t')"),
    ),
    "functions that fill it, and what they need": (
        [
            "import json\nfrom datetime import date\nROWS = [{'a': 1}]",
            f"def fill(w, n=1):\n    w.db.insert('t', ROWS * n)\n\n{MADE}fill(world, n=2)\nfill(w=world)",
        ],
        (
            f"{HEAD}\nROWS = [{{'a': 1}}]\n\n\ndef setup(world):\n    fill(world, n=2)\n    fill(w=world)\n\n\n"
            "def fill(w, n=1):\n    w.db.insert('t', ROWS * n)\n"
        ),
    ),
    "texts of several lines": (
        [f"{MADE}world.files.write('a', '''b\n  c''')"],
        setup("world.files.write('a', '''b").rstrip() + "\n  c''')\n",
    ),
    "setup and ticks": (
        [
            "def setup(world):\n    # begin\n    world.db.create(TABLE)",
            "TABLE = 't'\n@every('0 5 * * *')\ndef grow(world, now):\n    world.db.insert(TABLE, {})",
        ],
        (
            f"{HEAD}\nfrom sbh_jobkit import every\n\n\n"
            "def setup(world):\n    # begin\n    world.db.create(TABLE)\n\n\n"
            "TABLE = 't'\n\n\n@every('0 5 * * *')\ndef grow(world, now):\n    world.db.insert(TABLE, {})\n"
        ),
    ),
    "statements and ticks": (
        [
            "@every('0 5 * * *')\ndef grow(world, now):\n    world.db.insert('t', {})",
            f"{MADE}world.db.create('t')\ngrow(world, None)",
        ],
        (
            f"{HEAD}\nfrom sbh_jobkit import every\n\n\ndef setup(world):\n    world.db.create('t')\n\n\n"
            "@every('0 5 * * *')\ndef grow(world, now):\n    world.db.insert('t', {})\n"
        ),
    ),
    "what is no setup": (
        ["def setup():\n    pass", f"{MADE}world.db.create('t')"],
        setup("world.db.create('t')"),
    ),
    "the future": (
        [f"from __future__ import annotations\n{MADE}world.db.create('t')"],
        f"{HEAD}\nfrom __future__ import annotations\n\n\ndef setup(world):\n    world.db.create('t')\n",
    ),
}


@pytest.mark.parametrize(("cells", "expected"), WORLDS.values(), ids=WORLDS)
def test_worlds(ran, cells, expected):
    """`world.py` has the notebook's `setup` and `@every` functions, or the statements that fill its World."""
    text = files_of(*ran(*cells, JOB)).files[WORLD]
    assert text == expected
    ast.parse(text)


def test_what_the_plugin_has_is_imported_from_there(ran):
    """A constant or a function that both need is defined once."""
    job = "@job('j')\ndef j(ctx):\n    return TABLE, names()"
    cells = [
        "TABLE = 't'\nN = 2\ndef names():\n    return ['a'] * N",
        f"{MADE}world.db.create(TABLE, *names())",
        job,
    ]
    assert files_of(*ran(*cells)).files[WORLD] == (
        f"{HEAD}\nfrom main import TABLE, names\n\n\ndef setup(world):\n    world.db.create(TABLE, *names())\n"
    )


def test_zone(ran):
    """The World's zone goes to the manifest."""
    files = files_of(*ran("world = World(tz='Europe/Paris')", JOB)).files
    assert '  "timezone": "Europe/Paris",\n' in files["plugin.json"]


SETUPS = {
    "a docstring": (
        'def setup(world):\n    """Begin."""\n    world.db.create(\'t\')',
        'def setup(world):\n    """Begin."""\n    world.db.create(\'u\')\n\n    world.db.create(\'t\')\n',
    ),
    "comments": (
        "def setup(\n    world,\n):\n    # why\n\n    # how\n    world.db.create('t')",
        "def setup(\n    world,\n):\n    world.db.create('u')\n\n    # why\n\n    # how\n    world.db.create('t')\n",
    ),
    "nothing but a docstring": (
        'def setup(world):\n    """Begin."""',
        'def setup(world):\n    """Begin."""\n    world.db.create(\'u\')\n',
    ),
}


@pytest.mark.parametrize(("own", "expected"), SETUPS.values(), ids=SETUPS)
def test_statements_beside_a_setup_come_first(ran, own, expected):
    """Statements that fill the world come before the body of `setup`, as they ran in the notebook."""
    found = files_of(*ran(own, f"{MADE}world.db.create('u')\nsetup(world)", JOB))
    assert (found.files[WORLD], found.notes) == (f"{HEAD}\n\n{expected}", ())


CLOSED = [
    "def setup(w):\n    w.db.create('t')",
    "def setup(world): world.db.create('t')",
    "def setup(world):\n  world.tz",
]


@pytest.mark.parametrize("own", CLOSED)
def test_statements_that_a_setup_has_no_place_for_are_left_out(ran, own):
    """The notes name the statements, but never a value, which may be a secret."""
    cells = [own, f"{MADE}world.secrets['K'] = 'hush-hush'\nsetup(world)"]
    found = files_of(*ran(*cells, "world.db.create('u')\nfor _ in 'ab':\n    world.db.create('v')", JOB))
    assert found.notes == (
        "cell 2: world.secrets['K'] was left out, because setup describes the world",
        "cell 3: world.db.create(…) was left out, because setup describes the world",
        "cell 3: _ was left out, because setup describes the world",
    )
    assert (own in found.files[WORLD], "hush" in "".join(found.files.values())) == (True, False)


PROBLEMS = {
    "a secret of the environment": (
        ["import os\nworld = World()\nworld.secrets['K'] = os.environ['HOME']"],
        "cell 1: world.secrets['K'] gets its value from outside the notebook (os.environ); write a made-up value",
    ),
    "one in setup": (
        ["from os import getenv\ndef setup(world):\n    world.secrets['K'] = getenv('HOME')"],
        "cell 1: setup gets its value from outside the notebook (getenv); write a made-up value",
    ),
    "several worlds": (
        ["a = World()\nb = World()"],
        "the notebook has several worlds, 'a' and 'b'; name the one to export 'world'",
    ),
    "arguments that are not known": (
        ["world = World(**dict(time_limit=5))"],
        "cell 1: the arguments of World(**…) are not known; write each argument",
    ),
    "a magic": (
        ["world = World()\nfor _ in 'a':\n    world.db.create('t')\n    %ls"],
        "cell 1: '_' uses a magic or a shell command, which does not work in a plugin; write it in Python",
    ),
    "a live object": (
        ["import threading\nlock = threading.Lock()\nworld = World()\nworld.db.create(f'{lock}')"],
        (
            "cell 1: 'lock' is a live object (a lock), which cannot be written to a file; "
            "create it in the function that uses it, or use plain data"
        ),
    ),
    "a world that a tick takes from the notebook": (
        ["world = World()\n@every('0 5 * * *')\ndef grow(w, now):\n    world.db.create('t')"],
        (
            "cell 1: 'world' is a live object (a World), which cannot be written to a file; "
            "create it in the function that uses it, or use plain data"
        ),
    ),
}


@pytest.mark.parametrize(("cells", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(ran, cells, problem):
    """What cannot be exported from a world is a problem with its cell."""
    with pytest.raises(ExportError) as caught:
        files_of(*ran(*cells, JOB))
    assert caught.value.problems == (problem,)
