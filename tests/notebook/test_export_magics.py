"""From cells to a plugin: `%export_plugin` and `%check_plugin`."""

from __future__ import annotations

import pytest

from sbh_jobkit import Plugin
from sbh_jobkit.errors import ExportError, PluginError

GREET = "@job('greet', schedule='0 6 * * *')\ndef greet(ctx):\n    return {'status': 'success'}"


def test_cells_become_a_plugin(notebook, tmp_path):
    """The folder has the definitions of the cells; the result lists the files."""
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET)
    exported = notebook.run(f"%export_plugin {tmp_path / 'greeter'}")
    assert list(Plugin.load(tmp_path / "greeter").jobs) == ["greet"]
    assert "%export_plugin" not in (tmp_path / "greeter" / "main.py").read_text()
    assert repr(exported) == f"{tmp_path}/greeter: main.py, plugin.json, world.py, tests/test_jobs.py, greeter.zip"


def test_what_cannot_go_along_is_raised(notebook, tmp_path):
    """A name that no cell defines is reported with the cell that uses it, and nothing is written."""
    notebook.run("from src.ext.sdk import job")
    notebook.shell.user_ns["LIMIT"] = 3
    notebook.run(GREET.replace("'success'", "LIMIT"))
    with pytest.raises(ExportError, match="LIMIT"):
        notebook.run(f"%export_plugin {tmp_path / 'greeter'}")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shop(tmp_path):
    """Return the folder of a plugin with a zone and a world."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "plugin.json").write_text('{"slug": "shop", "name": "Shop", "timezone": "Europe/Berlin"}')
    (folder / "main.py").write_text("from src.ext.sdk import job\n\n\n@job('open')\ndef open_(ctx):\n    pass\n")
    (folder / "world.py").write_text("def setup(world):\n    world.db.create('orders')\n")
    return folder


COUNT = "@job('count', schedule='15 7 * * *')\ndef count(ctx):\n    return {'orders': ctx.db.count('orders')}"


@pytest.fixture
def export(notebook, shop, tmp_path):
    """Return a function that loads the plugin, runs cells and exports them; it returns the folder and the notes."""

    def exported(*cells):
        for cell in (f"%load_plugin {shop}", "from src.ext.sdk import job", COUNT, *cells):
            notebook.run(cell)
        made = notebook.run(f"%export_plugin {tmp_path / 'counter'}")
        return made.folder, made.notes

    return exported


def test_a_job_goes_with_the_zone_and_the_world_in_which_it_ran(export, shop):
    """Those of the loaded plugin, where the cells name none."""
    folder, notes = export()
    assert notes == (f"world.py is a copy of {shop}/world.py, the world of the loaded plugin",)
    assert (folder / "world.py").read_text() == (shop / "world.py").read_text()
    plugin = Plugin.load(folder)
    assert plugin.jobs["count"].schedule.tz.key == "Europe/Berlin"
    assert "xfail" not in (folder / "tests/test_jobs.py").read_text()
    assert list(plugin.jobs) == ["count"]


@pytest.mark.parametrize(
    "cell",
    [
        "from sbh_jobkit import World\nworld = World()\nworld.db.create('orders')",
        "def setup(world):\n    world.db.create('orders')",
    ],
)
def test_a_world_of_the_cells_goes_before_that_of_the_loaded_plugin(export, cell):
    """As it did when the jobs ran; the zone of the plugin still counts."""
    folder, notes = export(cell)
    assert notes == ()
    assert "as the notebook described it" in (folder / "world.py").read_text()
    assert Plugin.load(folder).manifest.timezone == "Europe/Berlin"


def test_a_zone_of_the_cells_goes_before_that_of_the_loaded_plugin(export):
    """As it did when the jobs ran."""
    folder, _ = export("from sbh_jobkit import World\nworld = World(tz='Asia/Tokyo')\nworld.db.create('orders')")
    assert Plugin.load(folder).manifest.timezone == "Asia/Tokyo"


def test_a_world_that_needs_what_is_beside_it_is_not_copied(export, shop):
    """A note says why, and the world is empty."""
    (shop / "orders.csv").write_text("day\n2026-01-01\n")
    load = "world.db.load('orders', Path(__file__).with_name('orders.csv'))"
    text = f"from pathlib import Path\n\ndef setup(world):\n    {load}\n"
    (shop / "world.py").write_text(text)
    folder, notes = export()
    assert notes[0].startswith(
        f"world.py is empty, since {shop}/world.py, the world of the loaded plugin, cannot be copied"
    )
    assert "orders.csv" in notes[0]
    assert "orders" not in (folder / "world.py").read_text()


def test_cells_are_checked(notebook):
    """The result is a list of findings whose repr is the text of the command line."""
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET)
    found = notebook.run("%check_plugin")
    assert (found, repr(found)) == ([], "the notebook: no problems found")
    notebook.run(GREET.replace("    return", "    eval('1')\n    return"))
    (finding,) = notebook.run("%check_plugin")
    assert finding.rule == "dynamic-code"


HOST = ["D4", "D5", "D1", "D2", "D33", "D19"]


def test_a_plugin_on_disk_is_checked(notebook):
    """With `--target host` also by the rules of today's host."""
    assert [one.rule for one in notebook.run("%check_plugin examples/hub_ops --target host")] == HOST


def test_the_loaded_plugin_is_checked(notebook):
    """Without a path and without a job of a cell, the loaded plugin is checked; without that, there is nothing."""
    with pytest.raises(PluginError) as raised:
        notebook.run("%check_plugin")
    assert str(raised.value) == "there is nothing to check: give a path, or load a plugin first"
    notebook.run("%load_plugin examples/hub_ops")
    assert [one.rule for one in notebook.run("%check_plugin --target host")] == HOST
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET)
    assert repr(notebook.run("%check_plugin")) == "the notebook: no problems found"


def test_findings_show_themselves(notebook):
    """As text on a terminal, as a table in a notebook, with the line of source and what to do."""
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET.replace("    return", "    import sqlite3 as b  # <b>\n    return"))
    found = notebook.run("%check_plugin")
    shown = found._repr_mimebundle_()
    assert shown["text/plain"] == repr(found)
    parts = (
        "main.py:8",
        "error[import]",
        "<code>import sqlite3 as b  # &lt;b&gt;</code>",
        "try: the allowed modules are",
    )
    assert [part for part in parts if part not in shown["text/html"]] == []


def test_cells_that_cannot_be_written_are_findings(notebook):
    """`%check_plugin` returns what `%export_plugin` raises, and runs nothing."""
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET.replace("'success'", "LIMIT if TODAY else 1"))
    found = notebook.run("%check_plugin")
    assert [(one.rule, one.message) for one in found] == [
        ("notebook-cells", "cell 3: greet needs 'LIMIT', which no cell defines; define it in a cell"),
        ("notebook-cells", "cell 3: greet needs 'TODAY', which no cell defines; define it in a cell"),
    ]
    assert repr(found).splitlines()[-1] == "the notebook: 2 errors"
    assert "cell 3: greet needs" in found._repr_mimebundle_()["text/html"]


def test_notes_stand_below_the_findings(notebook):
    """What was left out or replaced is no finding."""
    notebook.run("from src.ext.sdk import job")
    notebook.run(GREET)
    notebook.run(GREET.replace("def greet", "def again"))
    assert repr(notebook.run("%check_plugin")) == (
        "the notebook: no problems found\n"
        "note: job 'greet' is defined by greet (cell 3) and by again (cell 4); the later one is exported"
    )
