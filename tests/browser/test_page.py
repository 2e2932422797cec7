"""The HTML page of nbconvert, on a machine without a network."""

import shutil
import subprocess
import sys

from labpage import BLANK, PICTURES
from labserver import ROOT

NOTEBOOK = "01_first_job"


def test_a_page_of_nbconvert_shows_its_pictures_offline(chromium, tmp_path):
    """The notebook's own pictures need no server."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    source = tmp_path / f"notebooks/{NOTEBOOK}.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(source)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    context = chromium.new_context(offline=True, viewport={"width": 1000, "height": 1600})
    page = context.new_page()
    page.goto(source.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    page.wait_for_function("[...document.images].every(each => each.complete)")
    shown = page.locator("img").count()
    blank = page.locator("body").evaluate(BLANK)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "nbconvert.png", full_page=True)
    context.close()
    assert (shown, blank) == (3, [])
