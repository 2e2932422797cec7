"""Tables from files."""

import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World


def loaded(path, data):
    """Write a file and return the rows of a table that is loaded from it."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    world = World()
    world.db.load("t", path)
    return world.db.rows("t")


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        (
            "a.csv",
            "name,age\nAda,36\nBob,\n",
            [{"id": 1, "name": "Ada", "age": "36"}, {"id": 2, "name": "Bob", "age": None}],
        ),
        ("a.csv", "id,name\n7,Ada", [{"id": "7", "name": "Ada"}]),
        ("a.CSV", "a\r\n1\r\n\r\n2\r\n", [{"id": 1, "a": "1"}, {"id": 2, "a": "2"}]),
        ("a.csv", 'a,b\n"x, ""y""\nz",2\n', [{"id": 1, "a": 'x, "y"\nz', "b": "2"}]),
        ("a.csv", b"\xef\xbb\xbfname\n\xc3\x84da\n", [{"id": 1, "name": "Äda"}]),
        ("a.csv", "name\n", []),
        ("a.json", '[{"a": 1, "b": [null]}, {"id": "x"}]', [{"id": 1, "a": 1, "b": [None]}, {"id": "x"}]),
        ("a.json", "[]", []),
    ],
)
def test_what_a_file_holds(tmp_path, name, data, rows):
    """A CSV's values are text, and None where it is empty; JSON's are what they are; ids are given as always."""
    assert loaded(tmp_path / name, data) == rows


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", "", "a.csv:1: there is no header; name the columns in the first line"),
        ("a.csv", "a,,b\n", "a.csv:1: column 2 has no name; name it"),
        ("a.csv", "a,b,a\n", "a.csv:1: two columns are named 'a'; rename one"),
        (
            "a.csv",
            "a,b\n1,2\n1,2,3\n",
            "a.csv:3: there are 3 values for 2 columns; put quotes around a value with a comma in it",
        ),
        (
            "a.csv",
            "a,b\n1\n",
            "a.csv:2: there are 1 values for 2 columns; put quotes around a value with a comma in it",
        ),
        ("a.csv", 'a\n"x\n', "a.csv:2: the line is not CSV: unexpected end of data; close the quotes"),
        ("a.csv", b"a\n\xff\n", "a.csv:2: the file is not UTF-8; save it as UTF-8"),
        ("a.json", "[\n{'a': 1}]", "a.json:2: the file is not JSON: Expecting property name enclosed in double quotes"),
        ("a.json", "", "a.json:1: the file is not JSON: Expecting value"),
        ("a.json", '{"a": 1}', "a.json: the JSON is an object; make it a list of objects, one a row"),
        ("a.json", "5", "a.json: the JSON is 5; make it a list of objects, one a row"),
        ("a.json", '[{}, "x"]', 'a.json: row 1 is \'x\'; make it an object, such as {"name": "Ada"}'),
        ("a.json", "[[1]]", 'a.json: row 0 is a list; make it an object, such as {"name": "Ada"}'),
        (
            "a.xlsx",
            "",
            "a.xlsx: a table is read from a .csv or a .json file; insert other rows with world.db.insert",
        ),
    ],
)
def test_a_bad_file_is_refused(tmp_path, name, data, message):
    """The message has the file, the line and what to do."""
    with pytest.raises(WorldError) as refused:
        loaded(tmp_path / name, data)
    assert str(refused.value) == f"{tmp_path}/{message}"


def test_a_json_without_end_is_refused(tmp_path):
    """Lists in lists without end are too deep."""
    with pytest.raises(WorldError) as refused:
        loaded(tmp_path / "a.json", "[" * 100_000)
    assert str(refused.value) == f"{tmp_path}/a.json: the JSON is nested too deeply; make it flatter"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "there is no such file; a relative path begins at the folder of world.py"),
        ("folder.csv", "Is a directory; a relative path begins at the folder of world.py"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, name, message):
    """A path that leads to no file is named whole."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(WorldError) as refused:
        World().db.load("t", tmp_path / name)
    assert str(refused.value) == f"{tmp_path}/{name}: {message}"


def test_what_is_no_path_is_refused():
    """Rows go to insert."""
    with pytest.raises(WorldError) as refused:
        World().db.load("t", [{"a": 1}])
    assert str(refused.value) == "world.db.load('t'): the path must be text or a Path, got [{'a': 1}]"


def test_a_bad_file_leaves_no_table(tmp_path):
    """All rows of a file are inserted, or none."""
    (tmp_path / "a.csv").write_text("a\n1\n1,2\n", encoding="utf-8")
    world = World()
    with pytest.raises(WorldError):
        world.db.load("t", tmp_path / "a.csv")
    assert "t" not in world.db


def test_a_path_begins_beside_world_py(tmp_path, monkeypatch):
    """A `world.py` finds its files wherever the process stands; a world without one begins there."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "users.csv").write_text("name\nAda\n", encoding="utf-8")
    (tmp_path / "world.py").write_text("def setup(world): world.db.load('users', 'data/users.csv')\n", encoding="utf-8")
    world = World.load(tmp_path / "world.py")
    world.begin("2026-01-01")
    assert world.db.rows("users") == [{"id": 1, "name": "Ada"}]
    monkeypatch.chdir(tmp_path / "data")
    alone = World()
    alone.db.load("users", "users.csv")
    assert alone.db.rows("users") == [{"id": 1, "name": "Ada"}]
