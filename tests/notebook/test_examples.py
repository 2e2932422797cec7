"""The example notebooks in the repository: executed, without errors, and readable without a kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURE = re.compile(r"!\[([^\]]+)\]\((pictures/[\w.]+)\)")
BY_NAME = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def cells(path, kind):
    """Return the cells of a kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


@BY_NAME
def test_every_cell_was_executed_in_its_order(path):
    """In order, in a new kernel; nbval does not notice cells that never ran."""
    assert [cell["execution_count"] for cell in cells(path, "code")] == [*range(1, len(cells(path, "code")) + 1)]


@BY_NAME
def test_nothing_went_to_standard_error_and_nothing_was_raised(path):
    """A reader would take it for a bug of the kit."""
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []


@BY_NAME
def test_it_opens_with_a_picture_of_where_it_ends(path):
    """The picture is a file, which GitHub and others show, and has an alternative text."""
    first = "".join(cells(path, "markdown")[0]["source"])
    alt, file = PICTURE.search(first).groups()
    assert (file, len(alt) > 20) == (f"pictures/{path.stem}.svg", True)
    assert (FOLDER / file).read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')


@BY_NAME
def test_no_line_of_code_is_cut_off(path):
    """Web pages show about a hundred characters."""
    lines = [line for cell in cells(path, "code") for line in "".join(cell["source"]).splitlines()]
    assert [line for line in lines if len(line) > 100] == []


@BY_NAME
def test_links_lead_somewhere(path):
    """Links to other notebooks, examples and the manual."""
    text = "".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert [link for link in links if not (FOLDER / link).exists()] == []


@BY_NAME
def test_as_a_page_it_needs_no_network(path):
    """The HTML of nbconvert contains all pictures and loads nothing."""
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="basic", embed_images=True).from_filename(str(path))
    sources = re.findall(r'<img[^>]* src="([^"]{0,30})', page)
    assert sources
    assert [source for source in sources if not source.startswith("data:image/svg+xml;base64,")] == []
    assert re.findall(r"<(?:script|link|iframe)[^>]*(?:src|href)=", page) == []
