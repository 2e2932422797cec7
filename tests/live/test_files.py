"""Files of a real tenant: plain keys below a root, types kept, links signed."""

from datetime import UTC, datetime, timedelta

import fsspec
import pytest

from sbh_jobkit import clock
from sbh_jobkit.context.links import Link, Signer
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.files import LiveFiles
from sbh_jobkit.live.settings import Settings

SIGNER = Signer(base="https://jobs.example/files/acme/", secret=b"a key", tenant="acme")
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture(params=["file://files", "memory://box"])
def files(request, tmp_path):
    """Open an empty storage of each kind."""
    fsspec.filesystem("memory").store.clear()
    return LiveFiles.from_settings(Settings(id="acme", files=request.param, folder=tmp_path), SIGNER)


def keys(found):
    """Return the keys alone."""
    return [info.key for info in found]


def test_what_is_stored_is_listed(files):
    """Sorted by key, by a prefix that is plain text; with size, type and time."""
    assert list(files.list("")) == []
    for key in ("temp/b", "temp/a.log", "temporary.txt", "ä 1.json", "temp-x", "Z", "*?[a]"):
        assert files.put(key, b"12", "text/plain") is True
    assert keys(files.list("")) == ["*?[a]", "Z", "temp-x", "temp/a.log", "temp/b", "temporary.txt", "ä 1.json"]
    assert keys(files.list("temp")) == ["temp-x", "temp/a.log", "temp/b", "temporary.txt"]
    assert keys(files.list("temp/")) == ["temp/a.log", "temp/b"]
    assert keys(files.list("temp/a.log")) == ["temp/a.log"]
    assert [keys(files.list(prefix)) for prefix in ("t*", "emp/", "TEMP/", "/temp", "../", "temp/../")] == [[]] * 6
    info = next(files.list("Z"))
    assert (info.size, info.content_type) == (2, "text/plain")
    assert abs(info.modified - clock.now(UTC).timestamp()) < 60
    assert files.stat("Z") == info


@pytest.mark.parametrize("kind", ["text/csv", "application/octet-stream", "x/y; charset=ü"])
def test_the_type_is_kept(files, kind):
    """Also where the key's ending stands for another; a file that is stored again has its new type."""
    files.put("a.csv", b"", "image/png")
    files.put("a.csv", b"", kind)
    assert files.stat("a.csv").content_type == kind
    assert (files.delete("a.csv"), files.stat("a.csv"), files.delete("a.csv")) == (True, None, False)
    assert list(files.list("")) == []


OUTSIDE = [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "a/./b",
    "a\0b",
    "..\\x",
    ".content-types/a",
    "ü" * 600,
]


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_key_stays_below_the_root(files, key):
    """No other can be stored, and none is there."""
    with pytest.raises(ValueError, match=r"^a file's key must be a path below the tenant's files, such as"):
        files.put(key, b"x", "text/plain")
    assert (files.stat(key), files.delete(key), files.read(key)) == (None, False, None)


def test_a_file_and_a_folder_cannot_share_a_name(files):
    """A filesystem has one of them only; what is there stays."""
    files.put("a/b", b"x", "text/plain")
    with pytest.raises(ValueError, match=r"^the key 'a' is the name of a folder with files; use another name$"):
        files.put("a", b"y", "text/plain")
    with pytest.raises(ValueError, match=r"^the key 'a/b/c' needs a folder 'a/b', and there is a file of that name$"):
        files.put("a/b/c", b"y", "text/plain")
    assert (keys(files.list("")), files.read("a/b")) == (["a/b"], b"x")


def test_a_link_does_not_lead_out(tmp_path):
    """A symbolic link to elsewhere is no file of the tenant."""
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("k")
    (tmp_path / "files/out").symlink_to(tmp_path / "secret")
    files = LiveFiles.from_settings(Settings(id="acme", files="file://files", folder=tmp_path))
    assert (files.stat("out/key"), files.delete("out/key"), list(files.list(""))) == (None, False, [])
    with pytest.raises(ValueError, match="leads out of the tenant's files by a symbolic link"):
        files.put("out/new", b"x", "text/plain")
    assert (tmp_path / "secret/key").read_text() == "k"


def test_a_folder_that_people_fill_is_read(tmp_path):
    """Types go by endings then; nothing is written to read them."""
    (tmp_path / "report.json").write_text("{}")
    files = LiveFiles.from_settings(Settings(id="acme", files=f"file://{tmp_path}"))
    assert [info.content_type for info in files.list("")] == ["application/json"]
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_two_tenants_in_memory_share_nothing():
    """Each has a root of its own."""
    one, other = (LiveFiles.from_settings(Settings(id=name, files="memory://x")) for name in ("one", "other"))
    one.put("a", b"1", "text/plain")
    assert list(other.list("")) == []


def test_a_storage_must_be_named():
    """And cannot be the whole disk; links need a signer."""
    with pytest.raises(SettingsError, match=r"^tenant\.toml names no storage; add a line such as files"):
        LiveFiles.from_settings(Settings(id="acme"))
    with pytest.raises(SettingsError, match=r"^files must be a folder of its own, got 'file:///'"):
        LiveFiles.from_settings(Settings(id="acme", files="file:///"))
    files = LiveFiles.from_settings(Settings(id="acme", files="memory://x"))
    with pytest.raises(SettingsError, match=r"^links to files need a server that serves them"):
        files.presign("a", "get_object", 60)


@pytest.mark.parametrize("operation", ["get_object", "put_object"])
@pytest.mark.parametrize("key", ["a.txt", "reports/ä 1.json", "50%/?&=#.txt"])
def test_a_link_works_until_it_expires(key, operation):
    """It permits one operation on one key, for one tenant."""
    url = SIGNER.sign(key, operation, 60, NOW)
    assert url.startswith("https://jobs.example/files/acme/")
    assert url.isascii()
    assert SIGNER.verify(url, NOW + timedelta(seconds=59)) == Link(key=key, operation=operation)
    assert SIGNER.verify(url, NOW + timedelta(seconds=60)) is None


def test_a_link_that_was_changed_is_not_valid():
    """Neither its key, nor its operation, nor its time, nor its signature."""
    url = SIGNER.sign("a.txt", "get_object", 60, NOW)
    changed = [url.replace(*pair) for pair in (("a.txt", "b.txt"), ("get_", "put_"), ("expires=1", "expires=2"))]
    changed += [url[:-1], url + "0", url.partition("?")[0], "https://jobs.example/x?expires=1", url + "&expires=9"]
    others = [
        Signer(base=SIGNER.base, secret=b"another", tenant="acme"),
        Signer(base=SIGNER.base, secret=b"a key", tenant="b"),
    ]
    assert [SIGNER.verify(each, NOW) for each in changed] == [None] * 8
    assert [signer.verify(url, NOW) for signer in others] == [None] * 2
    assert "a key" not in repr(SIGNER)


WRONG = {
    ("get", 60): "unknown operation 'get' of a link; did you mean 'get_object'?",
    ("read", 60): "unknown operation 'read' of a link; use one of get_object, put_object",
    ("get_objekt", 60): "unknown operation 'get_objekt' of a link; did you mean 'get_object'?",
    ("get_object", 0): "expires_in must be a whole number of seconds from 1 to 604800 (seven days), got 0",
    ("get_object", 1.5): "expires_in must be a whole number of seconds from 1 to 604800 (seven days), got 1.5",
}


@pytest.mark.parametrize("given", WRONG)
def test_what_cannot_be_signed_is_refused(files, given):
    """In one sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the whole sentence is compared
        files.presign("a", *given)
    assert str(refused.value) == WRONG[given]
