"""The markers: what they do, and the errors for wrong ones."""

from __future__ import annotations

import pytest

import pytest_sbhjobs.markers

MAIN = """\
from src.ext.sdk import job

@job("look", schedule="0 6 * * *")
def look(ctx):
    files = {file["key"]: file["size"] for file in ctx.files.list()}
    return {"users": ctx.db.query("users"), "key": ctx.secrets.get("KEY"), "files": files}
"""
WORLD = """\
def setup(world):
    world.db.insert("users", [{"name": "Ada"}, {"name": "Grace"}])
    world.secrets["KEY"] = "from the world"
    world.files.write("kept.txt", "k")
"""


@pytest.fixture
def looking(repository):
    """Return a repository with a job that reads users, a secret and files."""
    repository.plugin(MAIN, **{"world.py": WORLD})
    return repository


def test_what_a_world_holds(looking):
    """Secrets, files and whole tables take the place of those of the same name; the nearest marker wins."""
    looking.tested("""
import pytest

pytestmark = [pytest.mark.sbh_secrets(KEY="from the module", OTHER="o-ther"), pytest.mark.sbh_files(**{"a.txt": "a"})]

@pytest.mark.sbh_tables(users=[{"id": 1, "name": "Joan"}], builds=[])
@pytest.mark.sbh_secrets(KEY="x-y")
@pytest.mark.sbh_files(**{"temp/b.txt": b"bb"})
def test_it(sbh_run, sbh_world):
    run = sbh_run("look")
    assert run.value["users"] == [{"id": 1, "name": "Joan"}]
    assert run.value["files"] == {"a.txt": 1, "kept.txt": 1, "temp/b.txt": 2}
    assert sbh_world.secrets["KEY"] == "x-y" and sbh_world.secrets["OTHER"] == "o-ther"
    assert "builds" in sbh_world.db
""")


def test_when_the_world_begins(looking):
    """`sbh_at` is the virtual time of `setup` in world.py, and of a run without a time."""
    looking.write(
        {"world.py": "from datetime import datetime\ndef setup(world): world.db.insert('t', {'n': datetime.now()})\n"}
    )
    looking.tested("""
import pytest

@pytest.mark.sbh_at("2026-03-01T10:00")
@pytest.mark.sbh_tables(users=[])
@pytest.mark.sbh_secrets(KEY="k")
def test_it(sbh_world, sbh_run):
    assert sbh_world.db.rows("t")[0]["n"].isoformat() == "2026-03-01T10:00:00"
    assert sbh_run("look").fire_time.isoformat() == "2026-03-01T10:00:00+00:00"
""")


def test_permissions(looking):
    """`sbh_permissions` takes the place of the manifest's."""
    looking.tested("""
import pytest

@pytest.mark.sbh_permissions("db.read")
def test_it(sbh_run):
    run = sbh_run("look")
    assert [(fault.kind, fault.advice.partition(" to ")[2]) for fault in run.faults] == [
        ("permission-denied", "world.permissions, or to the test's marker sbh_permissions")
    ]
    assert run.error.type == "PermissionDenied"
""")


def test_target(looking):
    """`sbh_target` sets the target of the world."""
    looking.tested("""
import pytest

@pytest.mark.sbh_target("host")
def test_it(sbh_world):
    assert sbh_world.target == "host"
""")


WRONG = {
    "@pytest.mark.sbh_allow('secret-mising')": (
        "sbh_allow: unknown kind of fault 'secret-mising'; did you mean 'secret-missing'?"
    ),
    "@pytest.mark.sbh_allow()": "sbh_allow: write sbh_allow(*fault_kinds); got ()",
    "@pytest.mark.sbh_permissions('db.raed')": (
        "sbh_permissions: unknown permission 'db.raed'; did you mean 'db.read'?"
    ),
    "@pytest.mark.sbh_target('hots')": "sbh_target: unknown target 'hots'; did you mean 'host'?",
    "@pytest.mark.sbh_target('host', 'guide')": "sbh_target: write sbh_target(name); got ('host', 'guide')",
    "@pytest.mark.sbh_at('tomorrow')": (
        "sbh_at: 'tomorrow' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"
    ),
    "@pytest.mark.sbh_secrets('KEY')": "sbh_secrets: only keyword arguments: sbh_secrets(**values); got ('KEY')",
    "@pytest.mark.sbh_secrets(KEY=7)": "sbh_secrets: secret 'KEY' must be text, got a value of type int",
    "@pytest.mark.sbh_secrets('x', KEY='hush')": (
        "sbh_secrets: only keyword arguments: sbh_secrets(**values); got ('x', KEY=…)"
    ),
    "@pytest.mark.sbh_files(a=7)": "sbh_files: file 'a' must be bytes or text, got a value of type int",
    "@pytest.mark.sbh_tables(users=7)": (
        "sbh_tables: table 'users': rows must be a dict, a list of dicts or a DataFrame, got 7"
    ),
    "@pytest.mark.sbh_plugin('nowhere')": (
        "sbh_plugin: no plugin at 'nowhere'; a relative path starts at the test's folder, ROOT/tests"
    ),
    "@pytest.mark.sbh_alow('network')": "sbh_alow: unknown marker 'sbh_alow'; did you mean 'sbh_allow'?",
}


@pytest.mark.parametrize("mark", WRONG)
def test_a_wrong_marker_fails_where_it_stands(mark, looking):
    """The file and line of the marker, what is wrong, and the accepted names; nothing of the file runs."""
    test = f"import pytest\n\n@pytest.mark.parametrize('x', [1])\n{mark}\ndef test_it(x): ...\n"
    result = looking.tested(test, "-Wdefault", errors=1)
    output = looking.shown(result)
    assert f"\ntests/test_it.py:4: @pytest.mark.{WRONG[mark]}\n" in output
    assert "Traceback" not in output


ELSEWHERE = {
    "a class": ("import pytest\n\n{0}\nclass TestIt:\n    def test_it(self): ...\n", 3),
    "a module": ("import pytest\n\npytestmark = pytest.mark.sbh_at('x')\n\ndef test_it(): ...\n", 3),
    "a test made at run time": ('import pytest\nexec("{0}\\ndef test_it(): ...")\n', 1),
    "of two": ("import pytest\n\n{0}\ndef test_a(): ...\n\n@pytest.mark.sbh_at('2026-01-01')\ndef test_b(): ...\n", 3),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_the_line_of_a_marker_on(where, looking):
    """A marker of a class or a module is found there."""
    test, line = ELSEWHERE[where]
    output = looking.shown(looking.tested(test.format("@pytest.mark.sbh_at('x')"), errors=1))
    assert f"tests/test_it.py:{line}: @pytest.mark.sbh_at: 'x' is not a time" in output


def test_accepted_names_are_listed(looking):
    """If no name is close, the message lists all of them."""
    output = looking.shown(
        looking.tested("import pytest\n@pytest.mark.sbh_target('x')\ndef test_it(): ...\n", errors=1)
    )
    assert "unknown target 'x'\nknown: guide, host\n" in output


def test_a_marker_added_after_collection(looking):
    """A marker that a hook adds after the collection is checked when it is used."""
    looking.write(
        {
            "conftest.py": """
import pytest
def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.sbh_at("x"))
"""
        }
    )
    result = looking.tested("def test_it(sbh_world): ...\n", errors=1)
    result.stdout.fnmatch_lines(["pytest.mark.sbh_at: 'x' is not a time; *"])


def test_pytest_lists_the_markers(looking):
    """`pytest --markers` shows each in a line."""
    lines = looking.run("--markers").outlines
    listed = [line.removeprefix("@pytest.mark.") for line in lines if line.startswith("@pytest.mark.sbh_")]
    assert listed == list(pytest_sbhjobs.markers.LINES)
