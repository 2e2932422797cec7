"""One JupyterLab and one Chromium for all browser tests; each test has a window without other notebooks.

A failing test saves a screenshot and shows the log of the server and the errors of the browser's console.
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
    """Stop the server and the browser also on SIGTERM, which `timeout` sends."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return a running JupyterLab."""
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
    """Return a browser context, which has its own cookies and storage."""
    with chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as opened:
        yield opened


@pytest.fixture(scope="session")
def windows():
    """Return the windows that can be reused: one, or none after a failed test."""
    return []


@pytest.fixture
def lab(request, context, windows, server):
    """Return a window with no notebook open; an error in the browser's console fails the test."""
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
    """Add the logs and a screenshot to the report of a failed test."""
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
