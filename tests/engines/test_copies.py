"""Copies of plugins: named by content, without what is not the plugin's, kept while somebody uses them."""

import os
import shutil
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from sbh_jobkit.engines import folders as module
from sbh_jobkit.engines.copies import CannotCopy, Copies
from sbh_jobkit.errors import PluginError

MAIN = 'from src.ext.sdk import job\nimport helper\n\n@job("work", schedule="0 * * * *")\ndef work(ctx):\n    pass\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Go to a folder with a plugin."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea/plugin.json").write_text('{"slug": "tea", "name": "Tea", "version": "1.2.0"}')
    (tmp_path / "tea/main.py").write_text(MAIN)
    (tmp_path / "tea/helper.py").write_text("")
    return tmp_path


@pytest.fixture
def copies(folder):
    """Return the copies of a store in that folder."""
    made = Copies(folder / "jobs.db.copies")
    yield made
    made.close()


@pytest.mark.parametrize("path", ["tea", "tea/plugin.json", "tea/main.py", "tea.zip"])
def test_runs_load_the_copy(folder, copies, path):
    """Each form of a plugin; what is shown is the path that was typed."""
    with ZipFile(folder / "tea.zip", "w") as packed:
        for file in (folder / "tea").iterdir():
            packed.write(file, file.name)
    found = copies.load(path)
    assert (found.path, found.slug, [each.name for each in found.jobs]) == (path, "tea", ["work"])
    assert found.copy.startswith(f"{folder}/jobs.db.copies/")
    assert found.label == f"1.2.0 ({found.fingerprint})"
    assert copies.load(path).copy == found.copy


def test_a_change_is_another_copy(folder, copies):
    """And the old one stays as it was, for the runs that use it."""
    first = copies.load("tea")
    (folder / "tea/helper.py").write_text("NEW = True\n")
    second = copies.load("tea")
    assert first.fingerprint != second.fingerprint
    texts = [Path(each.copy, "helper.py").read_text() for each in (first, second)]
    assert texts == ["", "NEW = True\n"]


def test_what_is_not_the_plugins_is_left_out(folder):
    """Hidden files, byte code, and what the store has beside itself, where all of them are in one folder."""
    inside = Copies(folder / "tea/jobs.db.copies")
    for name in (
        "jobs.db",
        "jobs.db-wal",
        "jobs.db.key",
        ".env",
        ".git",
        "__pycache__/a.pyc",
        "b.pyc",
        "data/rows.csv",
    ):
        file = folder / "tea" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    before = inside.load("tea")
    (folder / "tea/jobs.db").write_text("y")
    assert inside.load("tea").fingerprint == before.fingerprint
    kept = [str(file.relative_to(before.copy)) for file in Path(before.copy).rglob("*") if file.is_file()]
    assert sorted(kept) == ["data/rows.csv", "helper.py", "main.py", "plugin.json"]
    inside.close()


def test_a_folder_without_a_manifest_keeps_its_name(folder, copies):
    """Since it is the slug."""
    (folder / "tea/plugin.json").unlink()
    assert copies.load("tea/main.py").slug == "tea"


FAULTY = {
    "def f(:\n": "tea: main.py:1: SyntaxError: invalid syntax",
    "import nothing_there\n": "tea: main.py:1: ModuleNotFoundError: No module named 'nothing_there'; install it, or put"
    " nothing_there.py beside the plugin's entry",
}


@pytest.mark.parametrize("text", FAULTY)
def test_a_faulty_plugin_is_named_as_it_was_typed(folder, copies, text):
    """No path of a copy is shown."""
    (folder / "tea/main.py").write_text(text)
    with pytest.raises(PluginError) as refused:
        copies.load("tea")
    assert str(refused.value) == FAULTY[text]


def test_a_manifest_that_is_faulty_is_named_as_it_was_typed(folder, copies):
    """Also by the path of its file, and where there is no plugin at all."""
    (folder / "tea/plugin.json").write_text('{"slug": 5, "name": "T"}')
    for path in ("tea", "tea/plugin.json"):
        with pytest.raises(PluginError, match=r"^tea/plugin.json: \$.slug"):
            copies.load(path)
    with pytest.raises(PluginError, match="no such path: 'coffee'"):
        copies.load("coffee")


def test_a_folder_that_is_too_large_is_refused(copies, monkeypatch):
    """With what to do."""
    monkeypatch.setattr(module, "MOST_FILES", 2)
    with pytest.raises(CannotCopy) as refused:
        copies.load("tea")
    assert str(refused.value) == (
        "tea: the plugin's folder has more than 2 files, so it cannot be copied; move what is not the plugin's out"
        " of it"
    )
    monkeypatch.setattr(module, "MOST_FILES", 20)
    monkeypatch.setattr(module, "MOST_BYTES", 20)
    with pytest.raises(CannotCopy, match="has more than 0 MB or 20 files"):
        copies.load("tea")


def test_a_place_that_cannot_be_written_is_refused(folder):
    """It names the place."""
    (folder / "file").write_text("")
    with pytest.raises(CannotCopy, match=r"^tea: the plugin cannot be copied to '.*/file/copies': Not a directory$"):
        Copies(folder / "file/copies").load("tea")


def test_what_nobody_uses_is_removed(folder, copies):
    """When the next scheduler begins: not what one uses, and not what is new."""
    used = copies.load("tea")
    other = Copies(folder / "jobs.db.copies")
    (folder / "tea/helper.py").write_text("A = 1\n")
    unused = other.load("tea")
    (folder / "tea/helper.py").write_text("A = 2\n")
    young = other.load("tea")
    other.close()
    old = time.time() - 100  # noqa: TID251  times of files
    for each in (used, unused):
        os.utime(Path(each.copy).parent, (old, old))
    Copies(folder / "jobs.db.copies").close()
    assert [Path(each.copy).exists() for each in (used, unused, young)] == [True, False, True]


def test_a_copy_that_is_removed_is_made_again(folder, copies):
    """As when somebody has emptied the folder."""
    first = copies.load("tea")
    shutil.rmtree(folder / "jobs.db.copies")
    assert copies.load("tea").copy == first.copy
    assert Path(first.copy).exists()
