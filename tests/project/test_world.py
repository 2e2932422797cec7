"""What of a notebook becomes `world.py`."""

from __future__ import annotations

import ast

import pytest

from sbh_jobkit.errors import ExportError
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.project.plugin import WORLD, draft

ABOUT = Manifest(slug="p", name="P")
HEAD = '"""The fake tenant of P, as the notebook described it."""\n'
JOB = "@job('j', schedule='0 6 * * *')\ndef j(ctx):\n    return {}"
MADE = "world = World()\n"


def drafted(numbered, names):
    """Return the draft of what was run, in which one job stands."""
    return draft(numbered, names, ABOUT)


def setup(*lines):
    """Return a `world.py` that has nothing but a `setup`."""
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
    """A notebook's `setup` and ticks; without a `setup`, what fills its World."""
    text = drafted(*ran(*cells, JOB)).files[WORLD]
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
    assert drafted(*ran(*cells)).files[WORLD] == (
        f"{HEAD}\nfrom main import TABLE, names\n\n\ndef setup(world):\n    world.db.create(TABLE, *names())\n"
    )


def test_zone(ran):
    """The World's zone goes to the manifest."""
    files = drafted(*ran("world = World(tz='Europe/Paris')", JOB)).files
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
    """As in the notebook, where the world is filled before its `setup` begins it."""
    found = drafted(*ran(own, f"{MADE}world.db.create('u')\nsetup(world)", JOB))
    assert (found.files[WORLD], found.notes) == (f"{HEAD}\n\n{expected}", ())


CLOSED = [
    "def setup(w):\n    w.db.create('t')",
    "def setup(world): world.db.create('t')",
    "def setup(world):\n  world.tz",
]


@pytest.mark.parametrize("own", CLOSED)
def test_statements_that_a_setup_has_no_place_for_are_left_out(ran, own):
    """The author is told which, but never a value, which may be a secret's."""
    cells = [own, f"{MADE}world.secrets['K'] = 'hush-hush'\nsetup(world)"]
    found = drafted(*ran(*cells, "world.db.create('u')\nfor _ in 'ab':\n    world.db.create('v')", JOB))
    assert found.notes == (
        "cell 2: left out, as setup describes the world: world.secrets['K']",
        "cell 3: left out, as setup describes the world: world.db.create(…)",
        "cell 3: left out, as setup describes the world: _",
    )
    assert (own in found.files[WORLD], "hush" in "".join(found.files.values())) == (True, False)


FAULTS = {
    "a secret of the environment": (
        ["import os\nworld = World()\nworld.secrets['K'] = os.environ['HOME']"],
        "cell 1: world.secrets['K'] comes from outside of the notebook (os.environ); write a made-up value",
    ),
    "one in setup": (
        ["from os import getenv\ndef setup(world):\n    world.secrets['K'] = getenv('HOME')"],
        "cell 1: setup comes from outside of the notebook (getenv); write a made-up value",
    ),
    "several worlds": (
        ["a = World()\nb = World()"],
        "the notebook has several worlds, 'a' and 'b'; call the one to export 'world'",
    ),
    "settings that are not written out": (
        ["world = World(**dict(time_limit=5))"],
        "cell 1: World(**…) does not say what it is called with; write it out",
    ),
    "a magic": (
        ["world = World()\nfor _ in 'a':\n    world.db.create('t')\n    %ls"],
        "cell 1: '_' takes a magic or a shell command, which a plugin does not have; write it in Python",
    ),
    "a live object": (
        ["import threading\nlock = threading.Lock()\nworld = World()\nworld.db.create(f'{lock}')"],
        (
            "cell 1: 'lock' is a live object (a lock), which no file can hold; "
            "make it in the function that uses it, or of plain data"
        ),
    ),
    "a world that a tick takes from the notebook": (
        ["world = World()\n@every('0 5 * * *')\ndef grow(w, now):\n    world.db.create('t')"],
        (
            "cell 1: 'world' is a live object (a World), which no file can hold; "
            "make it in the function that uses it, or of plain data"
        ),
    ),
}


@pytest.mark.parametrize(("cells", "fault"), FAULTS.values(), ids=FAULTS)
def test_faults(ran, cells, fault):
    """What of a world cannot be written down is told with its cell."""
    with pytest.raises(ExportError) as caught:
        drafted(*ran(*cells, JOB))
    assert caught.value.faults == (fault,)
