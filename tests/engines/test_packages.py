"""Packages: one digest for the same files, fetched once, refused with both digests where a byte was changed."""

import zipfile

import pytest
from sqlalchemy import update

from sbh_jobkit.engines import packages
from sbh_jobkit.engines.packages import PackageCache, PackageChanged, digest_of, pack
from sbh_jobkit.engines.schema import package
from sbh_jobkit.errors import PluginError

FILES = {"plugin.json": '{"slug": "shop", "name": "Shop"}', "main.py": "A = 1\n", "lib/more.py": "B = 2\n"}


def write(folder, files):
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def kept(store, tmp_path):
    """Keep a package in the store; return its digest and a cache."""
    digest, data = pack(write(tmp_path / "shop", FILES))
    with store.write() as connection:
        packages.put(connection, digest, data)
        packages.put(connection, digest, data)  # once more changes nothing
    return digest, PackageCache(store, tmp_path / "cache")


def test_what_counts(tmp_path):
    """Hidden files, and what Python and zip write beside the files, do not."""
    digest, data = pack(write(tmp_path / "one", FILES))
    more = {".git/head": "x", ".env": "A=1", "__pycache__/main.pyc": "x", "lib/old.pyc": "x"}
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name, text in reversed(FILES.items()):
            archive.writestr(name, text)
    assert pack(write(tmp_path / "three", FILES | more)) == (digest, data)
    assert pack(tmp_path / "two.zip") == (digest, data)


@pytest.mark.parametrize(
    "other",
    [
        FILES | {"main.py": "A = 2\n"},
        FILES | {"extra.txt": ""},
        {name: text for name, text in FILES.items() if name != "main.py"},
        {**{name: text for name, text in FILES.items() if name != "lib/more.py"}, "lib/other.py": "B = 2\n"},
    ],
    ids=["a byte", "a file more", "a file less", "a name"],
)
def test_what_is_another_package(tmp_path, other):
    """Whatever a plugin could notice."""
    assert digest_of(write(tmp_path / "one", FILES)) != digest_of(write(tmp_path / "two", other))


def test_a_package_is_fetched_once(kept, store):
    """Then it is in the cache, and the store is not asked again."""
    digest, cache = kept
    folder = cache.folder(digest)
    with store.write() as connection:
        connection.execute(package.delete())
    assert cache.folder(digest) == folder
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {*FILES}


def test_a_package_that_is_not_there(kept):
    """The message says what to do."""
    with pytest.raises(PluginError, match=r"^the store has no package abc; upload the plugin again$"):
        kept[1].folder("abc")


def test_bytes_that_were_changed_in_the_cache(kept, tmp_path):
    """Each look at the package refuses it."""
    digest, cache = kept
    (cache.folder(digest) / "main.py").write_text("A = 6\n")
    found = digest_of(tmp_path / "cache" / digest)
    with pytest.raises(PackageChanged) as caught:
        cache.folder(digest)
    where = "the package in the worker's cache was changed"
    assert f"{caught.value}" == f"{where}: expected {digest}, found {found}; upload the plugin again"


def test_bytes_that_were_changed_in_the_store(kept, store, tmp_path):
    """It never comes into the cache."""
    digest, cache = kept
    other, data = pack(write(tmp_path / "other", FILES | {"main.py": "A = 6\n"}))
    with store.write() as connection:
        connection.execute(update(package).values(data=data))
    with pytest.raises(PackageChanged) as caught:
        cache.folder(digest)
    where = "the package in the store was changed"
    assert f"{caught.value}" == f"{where}: expected {digest}, found {other}; upload the plugin again"
    assert list((tmp_path / "cache").iterdir()) == []


def test_bytes_that_are_no_zip(kept, store, tmp_path):
    """Neither does that."""
    digest, cache = kept
    with store.write() as connection:
        connection.execute(update(package).values(data=b"nonsense"))
    with pytest.raises(PackageChanged, match=rf"^the package {digest} in the store is damaged: it cannot be read"):
        cache.folder(digest)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_has_a_bound(store, tmp_path):
    """What was not used for longest goes."""
    digests = []
    for number in range(3):
        digest, data = pack(write(tmp_path / f"{number}", FILES | {"main.py": f"A = {number}\n" * 1000}))
        digests.append(digest)
        with store.write() as connection:
            packages.put(connection, digest, data)
    cache = PackageCache(store, tmp_path / "cache", most_bytes=15_000)
    for digest in (digests[0], digests[1], digests[0], digests[2]):
        cache.folder(digest)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {digests[0], digests[2]}


def test_a_package_beyond_the_bound_is_kept_while_it_is_the_newest(kept, store, tmp_path):
    """It is about to run; the next one that is fetched takes its place."""
    digest, _ = kept
    other, data = pack(write(tmp_path / "other", FILES | {"main.py": "A = 6\n"}))
    with store.write() as connection:
        packages.put(connection, other, data)
    cache = PackageCache(store, tmp_path / "small", most_bytes=1)
    for each in (digest, other):
        assert digest_of(cache.folder(each)) == each
        assert [path.name for path in (tmp_path / "small").iterdir()] == [each]


def test_a_plugin_without_a_manifest(tmp_path):
    """It has no slug by which workers could know it."""
    write(tmp_path, {"main.py": "A = 1\n"})
    with pytest.raises(PluginError) as refused:
        pack(tmp_path)
    advice = 'write one with "slug" and "name", such as {"slug": "shop", "name": "Shop"}'
    assert str(refused.value) == f"{tmp_path} has no plugin.json, so it cannot be brought to workers; {advice}"
