"""The jobs of a store: what one process has found out of a package, others read."""

import json

import pytest

from sbh_jobkit.engines import catalogue, installations, packages
from sbh_jobkit.engines.catalogue import Catalogue
from sbh_jobkit.engines.packages import PackageCache
from sbh_jobkit.live.settings import Settings

MAIN = "from src.ext.sdk import job\nprint('loaded')\n@job('work', schedule='0 9 * * *')\ndef work(ctx):\n    pass\n"
KEY = ("acme", "shop", "work")


@pytest.fixture
def make(store, tmp_path):
    """Install a plugin, and return a function that makes a catalogue of the store, as another process does."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/main.py").write_text(MAIN)
    (tmp_path / "shop/plugin.json").write_text(json.dumps({"slug": "shop", "name": "Shop"}))
    packed = packages.pack(tmp_path / "shop")
    with store.write() as connection:
        catalogue.write_tenant(connection, Settings.from_text(tmp_path / "tenant.toml", 'id = "acme"\n'))
        installations.install(connection, "acme", "shop", f"{tmp_path}/shop", 1.0)
        catalogue.write_package(connection, "acme", "shop", *packed)
    return lambda name="packages": Catalogue(store, PackageCache(store, tmp_path / name), {})


def test_a_plugin_is_loaded_once_for_all_processes(make, capfd):
    """The first one keeps what it has found in the store."""
    first, _ = make().jobs()
    assert (list(first), capfd.readouterr().err) == ([KEY], "loaded\n")
    second, problems = make("elsewhere").jobs()
    assert (list(second), problems, capfd.readouterr().err) == ([KEY], {}, "")
    assert second[KEY].planned == first[KEY].planned
    assert second[KEY].version == first[KEY].version


def test_what_is_known_is_in_memory(make, store):
    """Of jobs that were loaded; of others nothing."""
    made = make()
    assert made.known([KEY]) == {}
    with store.read() as connection:
        found = made.installed(connection, [KEY, ("bolt", "shop", "work"), ("acme", "shop", "other")])
    ((installed, of_it),) = found.items()
    assert installed == KEY[:2]
    served = made.job(KEY, of_it)
    assert made.known([KEY, ("acme", "shop", "other"), ("bolt", "shop", "work")]) == {KEY: served.planned}
