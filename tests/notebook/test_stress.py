"""`%simulate --stress`: kinds, a second tenant and what the card shows."""

import json

import pytest

MAIN = """
from src.ext.sdk import job

ROOMS = []

@job("confirm", schedule="0 6 * * *")
def confirm(ctx):
    if not ROOMS:
        ROOMS.extend(row["name"] for row in ctx.db.query("rooms"))
    ctx.emit("visit.confirmed", {"rooms": list(ROOMS)})
    return {"status": "success"}
"""
SETUP = """
def setup(world):
    world.db.insert("rooms", {"name": f"{world.tenant_id} room"})
"""
VALUE = """
from sbh_jobkit import World
world = World("globex")
world.db.insert("rooms", {"name": "blue room"})
"""
ASKS = """
from src.ext.sdk import job

@job("ask", schedule="0 6 * * *")
def ask(ctx):
    answer = ctx.http.get("https://news.example/today")
    return {"status": "success" if answer["status_code"] == 200 else "failed"}
"""
NEWS = """
def setup(world):
    world.http.get("https://news.example/today").respond(200)
"""
CELLS = (
    "tenants: the jobs of cells are not imported again, so what their variables keep is found only where it names a "
    "tenant; export the plugin to find the rest"
)
SAME = "tenants: both tenants have the same; let setup use world.tenant_id"


@pytest.fixture
def clinic(tmp_path):
    """Return the folder of a plugin that keeps rooms for all tenants."""
    (tmp_path / "clinic").mkdir()
    (tmp_path / "clinic" / "main.py").write_text(MAIN)
    (tmp_path / "clinic" / "world.py").write_text(SETUP)
    manifest = {"slug": "clinic", "name": "Clinic", "permissions": ["db.read", "emit_webhook"]}
    (tmp_path / "clinic" / "plugin.json").write_text(json.dumps(manifest))
    return tmp_path / "clinic"


@pytest.mark.parametrize("world", ["", "--world {}/world.py"], ids=["the plugin's world", "a given world"])
def test_a_second_tenant_must_get_nothing_of_the_first(notebook, clinic, world):
    """As on the command line; the line that is shown finds it again."""
    notebook.run(f"%load_plugin {clinic}")
    line = f"%simulate 2d --stress tenants {world.format(clinic)}"
    for _ in range(2):
        found = notebook.run(line)
        (finding,) = found.findings
        assert finding.line == (
            "confirm: event visit.confirmed has another content, 2 times; only if tenant 'acme' ran before 'globex' in "
            "the same process: a variable keeps what is another tenant's"
        )
        assert found.notes == ()
        line = finding.command


@pytest.mark.parametrize(
    ("cell", "notes", "named"),
    [
        (MAIN.replace("list(ROOMS)", "ctx.db.query('rooms')[0]['name']") + SETUP, (CELLS,), []),
        (MAIN.replace("list(ROOMS)", "'acme'") + SETUP, (SAME, CELLS), ["names tenant 'acme'"]),
        (MAIN.replace("list(ROOMS)", "ctx.tenant_id") + VALUE, (CELLS,), []),
        (MAIN.replace("list(ROOMS)", "'globex'") + VALUE, (SAME, CELLS), ["names tenant 'globex'"]),
    ],
    ids=["setup", "the first by name", "a world of another tenant", "that tenant by name"],
)
def test_cells_have_a_second_tenant_too(notebook, cell, notes, named):
    """A world of cells is made or copied for it; what cells' variables keep cannot be told apart."""
    notebook.run(cell)
    found = notebook.run("%simulate 2d --stress tenants")
    assert found.notes == notes
    assert [each.what for each in found.findings] == [f"event visit.confirmed {what}" for what in named]


def test_all_kinds(notebook, clinic):
    """`all` is every kind of the command line."""
    notebook.run(f"%load_plugin {clinic}")
    found = notebook.run("%simulate 2d --stress all")
    kinds = "dst", "calendar", "overlap", "outage", "late", "storage", "rate_limit", "crash", "tenants", "order"
    assert found.kinds == kinds
    assert "order: a notebook does not try it; the command line does, in other processes" in found.notes
    assert found.scenarios[-1] == "tenants"


def test_the_card_shows_what_jobs_said(notebook):
    """A failure that the platform takes for success is in the text and in the card, with its line."""
    notebook.run(ASKS)
    notebook.run(NEWS)
    found = notebook.run("%simulate 3d --stress outage")
    shown = found._repr_mimebundle_()
    (remark,) = found.remarks
    assert remark.command.startswith("%simulate ")
    for text in (shown["text/plain"], shown["text/html"].replace("&#39;", "'")):
        assert "ask: returned" in text
        assert "repeat it with: %simulate" in text
        assert "1 observation, in" in text
