"""JupyterLab in a browser: opens notebooks, clicks buttons, and reads the page.

Every wait fails after `PATIENCE`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from labserver import LabServer
    from playwright.sync_api import BrowserContext, Locator

PICTURES = Path(__file__).parents[2] / "build/browser"
PATIENCE = 20_000
WIDTH, HEIGHT = 1280, 900
_TALLEST = 12_000
_NUMBERED = re.compile(r"^\[\d+\]:$")
_TOO_EARLY = re.compile(r":\d+/pictures/")
"""JupyterLab first looks for a picture of a text cell in the wrong folder; that error is ignored."""
_IN_TIME = """argument => Promise.race([
    (%s)(argument),
    new Promise((_, fail) => setTimeout(() => fail(new Error('JupyterLab did not come to an end')), %d)),
])"""
_READY = """async path => {
    const panel = await jupyterapp.commands.execute('docmanager:open', {path});
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
_WATCH = """id => {
    window.ended = new Promise((done, fail) => {
        const look = (_, command) => {
            if (command.id !== id) return;
            jupyterapp.commands.commandExecuted.disconnect(look);
            command.result.then(() => done(true), fail);
        };
        jupyterapp.commands.commandExecuted.connect(look);
    });
}"""
_CLOSE = """async () => {
    for (const widget of [...jupyterapp.shell.widgets('main')]) {
        if (widget.context) widget.context.model.dirty = false;
        widget.close();
    }
    await jupyterapp.serviceManager.sessions.shutdownAll();
}"""
_PALE = """root => {
    const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([red, green, blue]) => [red, green, blue].map(each => each / 255)
        .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
        .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = channels(getComputedStyle(element).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.5) return colour;
        }
        return [255, 255, 255];
    };
    return [...root.querySelectorAll('*')].flatMap(element => {
        const own = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
        if (!own || !element.checkVisibility()) return [];
        const both = [channels(getComputedStyle(element).color), ground(element)];
        const [low, high] = both.map(light).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05) < 3 ? [own] : [];
    });
}"""
BLANK = """root => [...root.querySelectorAll('img')].filter(each => {
    each.scrollIntoView();
    return !each.complete || !each.naturalWidth || !each.getBoundingClientRect().height;
}).map(each => each.alt)"""


class Lab:
    """One window of JupyterLab; `errors` has the errors of the browser's console and of the network."""

    def __init__(self, context: BrowserContext, server: LabServer) -> None:
        """Open JupyterLab."""
        self.server = server
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on(
            "console",
            lambda message: message.type == "error" and self._add_error(message.text, message.location["url"]),
        )
        self.page.on("pageerror", lambda error: self._add_error(str(error)))
        self.page.on("requestfailed", lambda request: self._add_error(f"{request.failure}", request.url))
        self.page.goto(server.url)
        self.page.wait_for_function("window.jupyterapp !== undefined")
        self._do("() => jupyterapp.restored.then(() => true)")

    def _do(self, script: str, argument: str | None = None) -> None:
        """Call a function in the page, and wait for its promise."""
        self.page.evaluate(_IN_TIME % (script, PATIENCE), argument)

    def _add_error(self, error: str, url: str = "") -> None:
        if not _TOO_EARLY.search(url):
            self.errors.append(f"{error} ({url})")

    def open(self, path: str) -> None:
        """Open a notebook that the server has, and wait for its kernel."""
        self._do(_READY, path)

    def write(self, *cells: str) -> None:
        """Open a new notebook with these code cells."""
        self.open(self.server.write(cells))

    def run_all(self) -> None:
        """Choose `Restart Kernel and Run All Cells…` in the menu, confirm, and wait until all have run."""
        self._do(_WATCH, "runmenu:restart-and-run-all")
        self.page.click('.lm-MenuBar-itemLabel:text-is("Run")')
        self.page.click('.lm-Menu-itemLabel:text-is("Restart Kernel and Run All Cells…")')
        self.page.click('.jp-Dialog button:has-text("Restart")')
        self._do("() => window.ended")

    def begin(self, number: int) -> None:
        """Start a cell as a person does; cells are counted from 0, text cells included."""
        self.cell(number).locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")

    def run(self, number: int) -> Locator:
        """Run a cell, and return its output."""
        self.begin(number)
        return self.end(number)

    def end(self, number: int) -> Locator:
        """Wait for the end of a cell, and return its output."""
        expect(self.cell(number).locator(".jp-InputPrompt")).to_have_text(_NUMBERED, timeout=PATIENCE)
        return self.output(number)

    def complete(self, number: int) -> None:
        """Press Tab at the end of a cell."""
        self.cell(number).locator(".cm-content").click()
        for key in ("Control+End", "Tab"):
            self.page.keyboard.press(key)

    def interrupt(self) -> None:
        """Click the stop button of the toolbar."""
        self.page.click('.jp-NotebookPanel:not(.lm-mod-hidden) [data-command="notebook:interrupt-kernel"]')

    def theme(self, name: str) -> None:
        """Change the theme, such as `JupyterLab Dark`."""
        self._do("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name, timeout=PATIENCE)

    @property
    def notebook(self) -> Locator:
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")

    @property
    def cells(self) -> Locator:
        """All its cells."""
        return self.notebook.locator(".jp-Cell")

    def cell(self, number: int) -> Locator:
        """Return a cell."""
        return self.cells.nth(number)

    def output(self, number: int) -> Locator:
        """Return the output of a cell."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def prompts(self) -> list[str]:
        """Return the shown numbers of all code cells."""
        return self.notebook.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()

    def blank(self, where: Locator) -> list[str]:
        """Return the alternative texts of pictures that do not show."""
        return where.evaluate(BLANK)

    def pale(self, where: Locator) -> list[str]:
        """Return the texts with a contrast of less than 3 to 1."""
        return where.evaluate(_PALE)

    def screenshot(self, name: str, *, whole: bool = False) -> Path:
        """Save the visible part, or the whole notebook, as `build/browser/NAME.png`."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        if whole:
            self.notebook.locator(".jp-WindowedPanel-outer").evaluate("each => each.scrollTo(0, 0)")
        for _ in range(2 * whole):  # JupyterLab underestimates the height of cells that were never visible
            height = self.notebook.locator(".jp-WindowedPanel-inner").evaluate("each => each.scrollHeight")
            self.page.set_viewport_size({"width": WIDTH, "height": min(_TALLEST, height + 200)})
            self.page.wait_for_timeout(300)
        path = PICTURES / f"{name}.png"
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        return path

    def clear(self) -> None:
        """Close all notebooks and end their kernels, for the next test."""
        self._do(_CLOSE)
        self.theme("JupyterLab Light")
        expect(self.page.locator(".jp-NotebookPanel")).to_have_count(0, timeout=PATIENCE)
        self.errors.clear()
