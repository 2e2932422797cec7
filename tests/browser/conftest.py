"""One JupyterLab and one Chromium for all tests in here; each test has the window to itself.

A test that fails keeps a picture, and tells what the server and the browser's console had to say.
"""

from __future__ import annotations

import signal
from shutil import which

import pytest
from labpage import HEIGHT, WIDTH, Lab
from labserver import LabServer
from playwright.sync_api import sync_playwright

_QUIET = ("quic", "background-networking", "component-update", "sync", "gpu")


@pytest.fixture(scope="session", autouse=True)
def _tidy():
    """Let a request to end, as `timeout` makes it, leave neither a server nor a browser behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return a JupyterLab that runs."""
    with LabServer(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium():
    """Return a browser."""
    path = which("chromium") or pytest.fail("there is no chromium: apt-get install chromium", pytrace=False)
    options = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in _QUIET)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(chromium):
    """Return what keeps the windows of a person apart from those of others."""
    with chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as opened:
        yield opened


@pytest.fixture(scope="session")
def windows():
    """Return the windows that are free: one, or none after a test that failed and may have left it in disorder."""
    return []


@pytest.fixture
def lab(request, context, windows, server):
    """Return a window with nothing open; that the console has no complaint is part of every test."""
    window = windows.pop() if windows else Lab(context, server)
    yield window
    if any(report.failed for report in request.node.stash[_REPORTS]):
        window.page.close()
        return
    complaints = list(window.errors)
    window.clear()
    windows.append(window)
    assert complaints == []


_REPORTS = pytest.StashKey[list[pytest.TestReport]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Say what a test that failed saw."""
    report = yield
    item.stash.setdefault(_REPORTS, []).append(report)
    lab = item.funcargs.get("lab")
    if report.failed and report.when == "call" and lab is not None:
        picture = lab.screenshot(f"failed-{item.originalname}")
        report.sections += [
            ("picture", str(picture)),
            ("the browser's console", "\n".join(lab.errors) or "nothing"),
            ("the end of the server's log", lab.server.log()),
        ]
    return report
