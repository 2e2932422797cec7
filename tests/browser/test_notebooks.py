"""The example notebooks in JupyterLab, opened and run."""

from playwright.sync_api import expect

FIRST = "notebooks/01_first_job.ipynb"
MONTH = "notebooks/02_a_month_in_a_second.ipynb"


def test_a_notebook_that_was_never_trusted_shows_its_pictures(lab):
    """Opened but not run, it shows all saved pictures."""
    lab.open(FIRST)
    lab.screenshot("untrusted", whole=True)
    expect(lab.notebook.locator("img")).to_have_count(3)
    assert lab.blank(lab.notebook) == []
    assert (
        lab.page.evaluate("[...jupyterapp.shell.currentWidget.model.cells].map(each => each.trusted)").count(True) == 0
    )


def test_a_notebook_runs_from_a_fresh_kernel(lab):
    """`Restart Kernel and Run All Cells…` runs all cells in order and leaves no error and no progress bar."""
    lab.open(MONTH)
    lab.run_all()
    lab.screenshot("month", whole=True)
    prompts = lab.prompts()
    assert prompts == [f"[{number}]:" for number in range(1, len(prompts) + 1)]
    expect(lab.notebook.locator('[data-mime-type*="error"], [data-mime-type*="stderr"], progress')).to_have_count(0)
    assert lab.blank(lab.notebook) == []
