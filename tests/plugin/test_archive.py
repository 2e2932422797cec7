"""A plugin's zip is unpacked, or it is an error and nothing is written."""

from __future__ import annotations

import gc
import inspect
import stat
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sbh_jobkit import Plugin, World, run_job
from sbh_jobkit.errors import ManifestError, PluginError
from sbh_jobkit.plugin.archive import unpack

MAIN = "from src.ext.sdk import job\n@job('run')\ndef run(ctx):\n    from lib import helpers\n    return helpers.NAME\n"
GOOD = {
    "plugin.json": '{"slug": "zipped", "name": "Zipped"}',
    "main.py": MAIN,
    "lib/": "",
    "lib/helpers.py": "NAME = 'lib.helpers'\n",
    "data/café.txt": "é",
}

OUTSIDE = [
    "../evil.py",
    "lib/../../evil.py",
    "lib/../evil.py",
    "..",
    "/evil.py",
    "//server/evil.py",
    "C:/evil.py",
    "C:\\evil.py",
    "C:evil.py",
    "\\evil.py",
    "\\\\server\\evil.py",
    "..\\evil.py",
    "lib\\..\\..\\evil.py",
]

FOLDER = "where that needs a folder"
CLASHES = {
    "main.py/evil.py": f"has 'main.py/evil.py', and a file 'main.py' {FOLDER}",
    "Main.py/a/b.py": f"has 'Main.py/a/b.py', and a file 'main.py' {FOLDER}",
    "./main.py//c.py": f"has './main.py//c.py', and a file 'main.py' {FOLDER}",
    "lib": "has 'lib' and 'lib/', of which one is a file and one is a folder",
    "data": f"has 'data/café.txt', and a file 'data' {FOLDER}",
    "plugin.json/": "has 'plugin.json/' and 'plugin.json', of which one is a file and one is a folder",
    "lib/./helpers.py": "has 'lib/./helpers.py' and 'lib/helpers.py', which are one file",
    ".": f"has 'plugin.json', and a file '.' {FOLDER}",
}

KINDS = [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]


def pack(path, members):
    """Write a zip of texts by name, and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def encrypted(data, name):
    """Return a zip's bytes with one member marked as encrypted, in its own header and in the directory."""
    changed = bytearray(data)
    for signature, flags, start in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        found = changed.find(signature)
        while found >= 0:
            if changed.startswith(name.encode(), found + start):
                changed[found + flags] |= 1
            found = changed.find(signature, found + 4)
    return bytes(changed)


def refusal(path, folder):
    """Return the error message for a zip; nothing may have been written."""
    with pytest.raises(PluginError) as caught:
        unpack(path, folder)
    assert list(folder.rglob("*")) == []
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder to unpack to, inside other folders, so that a file written outside is found."""
    empty = tmp_path / "a" / "b" / "unpacked"
    empty.mkdir(parents=True)
    return empty


def test_a_good_zip_is_unpacked(tmp_path, folder):
    """Files, folders and names that are not ASCII are unpacked."""
    unpack(pack(tmp_path / "good.zip", GOOD), folder)
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {name: text for name, text in GOOD.items() if name != "lib/"}


def test_a_zip_of_the_file_manager_is_unpacked(tmp_path, folder):
    """The modes of ordinary files and folders are allowed."""
    path = tmp_path / "good.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("lib/", stat.S_IFDIR | 0o755), ("plugin.json", stat.S_IFREG | 0o644), ("main.py", 0o600)):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, "")
    unpack(path, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["lib", "main.py", "plugin.json"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_member_outside_is_refused(tmp_path, folder, name):
    """Absolute names, drives and `..` are errors, with either slash."""
    path = pack(tmp_path / "bad.zip", GOOD | {name: "x"})
    assert refusal(path, folder) == f"{path}: member {name!r} would be written outside the plugin; nothing was unpacked"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "bad.zip", "unpacked"]


def test_a_backslash_is_refused(tmp_path, folder):
    """A backslash would be a folder on one system and a part of the name on another."""
    path = pack(tmp_path / "bad.zip", GOOD | {"lib\\more.py": "x"})
    assert refusal(path, folder) == (f"{path}: member 'lib\\\\more.py' has a backslash; use '/'; nothing was unpacked")


@pytest.mark.parametrize("kind", KINDS, ids=oct)
def test_a_link_or_a_device_is_refused(tmp_path, folder, kind):
    """A link is an error, because it could point anywhere."""
    member = zipfile.ZipInfo("passwords")
    member.external_attr = (kind | 0o777) << 16
    path = pack(tmp_path / "bad.zip", GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "/etc/passwd")
    assert refusal(path, folder) == f"{path}: member 'passwords' is a link or a device; nothing was unpacked"


def test_a_zip_that_unpacks_to_too_much_is_refused(tmp_path, folder):
    """A zip bomb: 51 MB of zeros need only 50 KB in a zip."""
    path = pack(tmp_path / "bomb.zip", GOOD | {"zeros": bytes(51_000_000)})
    assert path.stat().st_size < 100_000
    assert refusal(path, folder) == (
        f"{path} unpacks to 51 MB in 6 files; a plugin may have at most 50 MB in 5000 files"
    )


def test_a_zip_of_too_many_members_is_refused(tmp_path, folder):
    """A zip with too many empty files is an error."""
    path = pack(tmp_path / "bomb.zip", GOOD | {f"{number}.txt": "" for number in range(4_996)})
    assert refusal(path, folder) == (
        f"{path} unpacks to 0 MB in 5001 files; a plugin may have at most 50 MB in 5000 files"
    )


def test_a_zip_of_the_folder_has_a_hint(tmp_path, folder):
    """The most common mistake, a zipped folder, has a hint."""
    path = pack(tmp_path / "nested.zip", {f"my-plugin/{name}": text for name, text in GOOD.items()})
    assert refusal(path, folder) == (
        f"{path} has no plugin.json at its root; it has 'my-plugin/plugin.json': "
        "zip the content of the folder, not the folder itself"
    )


@pytest.mark.parametrize("members", [{}, {"main.py": MAIN}, {"plugin.json.txt": "{}"}, {"Plugin.json": "{}"}])
def test_a_zip_without_a_manifest_is_refused(tmp_path, folder, members):
    """A zip without plugin.json is an error, even if it has the other files."""
    path = pack(tmp_path / "bad.zip", members)
    assert refusal(path, folder) == f"{path} has no plugin.json at its root"


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + bytes(100)], ids=["empty", "text", "torn"])
def test_what_is_no_zip_is_refused(tmp_path, folder, data):
    """A file that is not a zip is an error, even if its name ends in .zip."""
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    assert refusal(path, folder) == f"{path} cannot be read as a zip: File is not a zip file"


@pytest.mark.parametrize("name", ["plugin.json", "lib/helpers.py"])
def test_an_encrypted_zip_is_refused(tmp_path, folder, name):
    """One encrypted file is enough for an error, and the files before it are not written either."""
    path = pack(tmp_path / "bad.zip", GOOD)
    path.write_bytes(encrypted(path.read_bytes(), name))
    assert refusal(path, folder) == f"{path}: member {name!r} is encrypted; nothing was unpacked"


@pytest.mark.parametrize(("name", "problem"), CLASHES.items(), ids=CLASHES)
def test_two_members_for_one_place_are_both_named(tmp_path, folder, name, problem):
    """A name that is a file and a folder, or a file under two names, is refused before anything is written."""
    path = pack(tmp_path / "bad.zip", GOOD | {name: "x"})
    assert refusal(path, folder) == f"{path} {problem}; nothing was unpacked"


def test_a_member_that_cannot_be_written_is_a_plugin_error(tmp_path, folder):
    """A name that no disk allows is an error that names the zip."""
    path = pack(tmp_path / "bad.zip", GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("e" * 300 + ".py"), "")
    with pytest.raises(PluginError) as caught:
        unpack(path, folder)
    assert str(caught.value).startswith(f"{path} cannot be unpacked: ")
    assert str(folder) not in str(caught.value)


def test_a_member_without_a_name_is_a_plugin_error(tmp_path, folder):
    """A damaged zip may have such a name."""
    path = pack(tmp_path / "bad.zip", {"plugin.json": "{}", "x": ""})
    data = path.read_bytes()
    at = data.rindex(b"x", 0, data.index(b"PK\x05\x06"))
    path.write_bytes(data[: at - 46 + 28] + b"\0" + data[at - 46 + 29 :])
    with pytest.raises(PluginError) as caught:
        unpack(path, folder)
    assert str(caught.value).startswith(f"{path} cannot be read as a zip: ")


@pytest.fixture(scope="module")
def good_bytes(tmp_path_factory):
    """Return the bytes of a valid zip, few enough to change them one by one."""
    members = {name: GOOD[name] for name in ("plugin.json", "lib/helpers.py")}
    return pack(tmp_path_factory.mktemp("zips") / "good.zip", members).read_bytes()


@settings(max_examples=100, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=3))
@example(changes=[(0.06, 255)])
def test_a_damaged_zip_is_unpacked_or_a_plugin_error(good_bytes, changes):
    """No other exception is raised, whichever bytes are damaged."""
    data = bytearray(good_bytes)
    for share, byte in changes:
        data[int(share * len(data))] = byte
    with TemporaryDirectory() as name:
        path, folder = Path(name, "bad.zip"), Path(name, "unpacked")
        folder.mkdir()
        path.write_bytes(data)
        try:
            unpack(path, folder)
        except PluginError as error:
            assert str(error).startswith(str(path))  # noqa: PT017  both results are right


def test_every_byte_of_a_damaged_zip(good_bytes, tmp_path):
    """Each byte is inverted, one after another."""
    leaks = set()
    path = tmp_path / "bad.zip"
    for index in range(len(good_bytes)):
        data = bytearray(good_bytes)
        data[index] ^= 255
        path.write_bytes(data)
        with TemporaryDirectory() as folder:
            try:
                unpack(path, Path(folder))
            except PluginError:
                continue
            except Exception as error:  # noqa: BLE001  no other exception may occur
                leaks.add(type(error).__name__)
    assert leaks == set()


def test_a_zip_is_loaded_and_its_folder_goes_with_the_plugin(tmp_path):
    """The plugin stays in a temporary folder as long as it is referenced, without a warning at the end."""
    path = pack(tmp_path / "good.zip", GOOD)
    plugin = Plugin.load(path)
    root = plugin.root
    assert (plugin.slug, plugin.source, plugin.jobs["run"].place) == ("zipped", str(path), "main.py:2")
    assert run_job(plugin.jobs["run"], World(), at="2026-01-01T00:00Z").value == "lib.helpers"
    assert root.is_dir()
    del plugin
    gc.collect()
    assert not root.exists()


def test_a_job_of_a_zip_keeps_its_files(tmp_path):
    """A job still imports its siblings and shows its source, even if the plugin is no longer referenced."""
    job = Plugin.load(pack(tmp_path / "good.zip", GOOD)).jobs["run"]
    gc.collect()
    assert inspect.getsource(job.function) == MAIN.partition("\n")[2]
    assert run_job(job, World(), at="2026-01-01T00:00Z").value == "lib.helpers"


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ({"plugin.json": "{}"}, ManifestError, "bad.zip/plugin.json has 2 problems:"),
        ({"plugin.json": "{"}, ManifestError, "bad.zip/plugin.json: line 1 column 2 is not valid JSON"),
        ({"main.py": "1 / 0"}, PluginError, "main.py:1: ZeroDivisionError: division by zero"),
        (
            {"plugin.json": '{"slug": "p", "name": "P", "entry": "a.py"}'},
            PluginError,
            "bad.zip/plugin.json: $.entry: there is no file 'a.py' in ",
        ),
        ({"main.py": "open(__file__ + 'x')"}, PluginError, "No such file or directory: 'main.pyx'"),
        ({"../evil.py": ""}, PluginError, "would be written outside the plugin"),
    ],
)
def test_a_zip_that_is_no_plugin_leaves_no_folder(tmp_path, monkeypatch, members, error, message):
    """The temporary folder is removed at once, and the message names the zip, not that folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = pack(tmp_path / "bad.zip", GOOD | members)
    with pytest.raises(error) as caught:
        Plugin.load(path)
    assert message in str(caught.value)
    assert ("sbh-plugin-" in str(caught.value), [found.name for found in tmp_path.iterdir()]) == (False, ["bad.zip"])
