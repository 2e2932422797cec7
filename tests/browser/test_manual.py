"""The manual as a reader opens it: from a folder, on a machine without a network."""

import subprocess
import sys

import pytest
from labpage import PICTURES
from labserver import ROOT

_SIZES = {"wide": (1200, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--fresh-env"]
    subprocess.run([*command, str(ROOT / "docs"), str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture
def requested():
    """Return what a page asked for, to be looked at after the test."""
    return []


@pytest.fixture
def reader(chromium, requested):
    """Return a page that writes down what it asks for; asking the network for anything fails the test."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.on("request", lambda request: requested.append(request.url))
    yield page
    context.close()
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    assert requested


def test_the_search_finds_a_page(site, reader):
    """A word that is typed into the search leads to the page that explains it."""
    reader.goto((site / "index.html").as_uri())
    reader.locator(".sidebar-search").fill("presigned")
    reader.keyboard.press("Enter")
    found = reader.locator("#search-results li a", has_text="What the kit does not do").first
    found.wait_for(timeout=10_000)
    found.click()
    assert "presigned URL" in reader.locator("article").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", _SIZES)
def test_each_page_fits_its_window(site, chromium, requested, size, scheme):
    """No page is wider than its window, every picture of it loads, and nothing leaves the machine."""
    width, height = _SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda request: requested.append(request.url))
    PICTURES.mkdir(parents=True, exist_ok=True)
    wide = []
    for file in sorted(site.glob("*.html")):
        page.goto(file.as_uri())
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(file.name)
        assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth)")
        if file.stem in {"index", "context", "faults"}:
            page.screenshot(path=PICTURES / f"manual-{file.stem}-{size}-{scheme}.png")
    context.close()
    assert wide == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
