"""The history of cells, with and without IPython's own."""

from pathlib import Path

JOB = """
from src.ext.sdk import job

@job("water", schedule="0 6 * * *")
def water(ctx):
    return {"status": "success"}
"""


def test_cells_outside_of_the_history_are_exported(notebook, tmp_path, monkeypatch):
    """As if a tool such as nbval had run them."""
    monkeypatch.chdir(tmp_path)
    notebook.run_unrecorded(JOB)
    notebook.run_unrecorded("%export_plugin garden")
    assert '@job("water", schedule="0 6 * * *")' in Path("garden/main.py").read_text()


def test_cells_from_before_and_after_are_in_their_order(plain):
    """Cells from before `%load_ext` count; cells from after `%unload_ext` do not."""
    plain.run("first = 1")
    plain.run("%load_ext sbh_jobkit")
    cells = plain.shell.magics_manager.registry["JobMagics"].cells
    plain.run("second = 2")
    plain.run_unrecorded("third = 3")
    plain.run("fourth = 4")
    expected = [(0, ""), (1, "first = 1"), (2, "%load_ext sbh_jobkit"), (3, "second = 2"), (4, "third = 3")]
    assert [cell[:2] for cell in cells.previous()] == expected
    plain.run("%unload_ext sbh_jobkit")
    plain.run("fifth = 5")
    assert [cell[:2] for cell in cells.previous()] == [*expected, (5, "fourth = 4")]
