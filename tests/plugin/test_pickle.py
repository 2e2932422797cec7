"""A loaded plugin stays in its process: elsewhere the names of its modules are another plugin's."""

import copy
import pickle

import pytest

from sbh_jobkit import Plugin
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin.sdk import job

MAIN = 'from src.ext.sdk import job\n@job("work")\ndef work(ctx): return 1\n'
WHY = "cannot be pickled: its code is loaded in this process only"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Return a plugin that was loaded from the folder `shop`."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
    (tmp_path / "shop/main.py").write_text(MAIN)
    monkeypatch.chdir(tmp_path)
    return Plugin.load("shop")


@job("cell")
def cell(ctx):
    """Return what a job of a notebook returns."""
    return ctx


CASES = [
    (lambda plugin: plugin, f"plugin 'shop' {WHY}; send the path, and there Plugin.load('shop')"),
    (
        lambda plugin: plugin.jobs["work"],
        f"job 'work' {WHY}; send the path, and there Plugin.load('shop').jobs['work']",
    ),
    (lambda plugin: {"all": [plugin.jobs]}, "job 'work' cannot be pickled"),
    (
        lambda _: Plugin.load({"cell": cell}).jobs["cell"],
        f"job 'cell' {WHY}; write it to a folder with a plugin.json, send the path",
    ),
]


@pytest.mark.parametrize(("of", "message"), CASES)
def test_a_loaded_plugin_is_not_pickled(shop, of, message):
    """The sentence says what to send instead."""
    with pytest.raises(PluginError) as refused:
        pickle.dumps(of(shop))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_plugin_is_the_plugin(shop, copied):
    """Copying is not sending: a value that holds a plugin can be copied."""
    assert copied(shop) is shop
    assert copied([shop.jobs["work"]])[0].function is shop.jobs["work"].function
