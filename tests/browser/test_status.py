"""The status page in a browser: signing in, a run by hand, with and without scripts, wide and narrow, in the dark."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from labpage import PICTURES
from labserver import ROOT

TENANT = 'id = "acme"\ntimezone = "Europe/Berlin"\nfiles = "file://files"\n'


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Serve two plugins in a process of its own; return the address and the token."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "tenant.toml").write_text(TENANT)
    paths = [str(ROOT / "tests/data/served/tea"), str(ROOT / "examples/hub_ops")]
    command = [sys.executable, "-m", "sbh_jobkit", "serve", *paths, "--port", "0", "--token-file", "token"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            first = json.loads(process.stdout.readline())
            yield first["url"], (folder / "token").read_text().strip()
        finally:
            process.terminate()
            process.communicate(timeout=30)


@contextmanager
def window(chromium, **options):
    """Open a window; an error in its console fails the test."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page, wrong = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(f"{error}"))
    yield page
    context.close()
    assert wrong == []


def sign_in(page, serving):
    """Sign in with the first token."""
    address, token = serving
    page.goto(f"{address}/")
    assert page.title() == "Sign in · sbh-jobkit"
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")


def keep(page, name):
    """Keep a picture of the page; nothing on it is wider than the window."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"status-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def run_now(page, job, word):
    """Run a job from its row, and wait for its end by loading the page again."""
    page.get_by_role("link", name=f"Run now {job}", exact=True).click()
    page.get_by_role("button", name="Run it now").click()
    heading = page.get_by_role("heading", level=1)
    for _ in range(50):
        if heading.inner_text() == word:
            return
        page.wait_for_timeout(200)
        page.reload()
    pytest.fail(f"{job} did not end as {word}, but as {heading.inner_text()}")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_job_is_run_by_hand(chromium, serving, scripts):
    """From the overview to the run and its output, and back to a row that shows it."""
    with window(chromium, java_script_enabled=scripts) as page:
        sign_in(page, serving)
        run_now(page, "fail", "Failed")
        assert "<script>alert(1)</script>" in page.locator("pre").first.inner_text()
        page.get_by_role("link", name="Jobs", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text() == "1 job failing"
        row = page.locator("tr", has=page.get_by_role("link", name="fail of tea at acme")).first
        assert "failed" in row.inner_text()
        run_now(page, "link", "Ok")


VIEWS = {
    "wide": {},
    "narrow": {"viewport": {"width": 390, "height": 844}},
    "dark": {"color_scheme": "dark"},
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_pages_fit(chromium, serving, name):
    """No page scrolls sideways, and pictures of all are kept."""
    with window(chromium, **VIEWS[name]) as page:
        sign_in(page, serving)
        keep(page, f"{name}-overview")
        page.get_by_role("link", name="sync_runners of hub-ops at acme").click()
        keep(page, f"{name}-job")
        page.get_by_role("link", name="Run now").click()
        keep(page, f"{name}-confirm")
        page.get_by_role("link", name="Runs", exact=True).click()
        keep(page, f"{name}-runs")
        page.locator("tbody a").first.click()
        page.locator("tbody a, summary").first.click()
        keep(page, f"{name}-run")


def test_a_keyboard_reaches_everything(chromium, serving):
    """The first stop is the link past the navigation; forms have labels."""
    with window(chromium) as page:
        sign_in(page, serving)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        unnamed = page.evaluate(
            "[...document.querySelectorAll('a, button, input:not([type=hidden]), select')]"
            ".filter(each => !each.innerText.trim() && !each.labels?.length && !each.ariaLabel).length"
        )
        assert unnamed == 0


def test_a_second_run_is_a_page_that_says_so(chromium, serving):
    """409 with a sentence, and the run that goes on can be cancelled."""
    address, _ = serving
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, serving)
    page.goto(f"{address}/jobs/acme/tea/slow/run")
    page.get_by_role("button", name="Run it now").click()
    going = page.url
    page.goto(f"{address}/jobs/acme/tea/slow/run")
    page.get_by_role("button", name="Run it now").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Not now"
    keep(page, "conflict")
    page.goto(going)
    page.get_by_role("button", name="Cancel this run").click()
    for _ in range(50):
        if page.get_by_role("heading", level=1).inner_text() == "Cancelled":
            break
        page.wait_for_timeout(200)
        page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "Cancelled"
    keep(page, "cancelled")
    context.close()
