"""The lower part of a dashboard, where the chosen run is repeated with other code or data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Accordion, Button, HBox, Layout, Textarea, VBox

from sbh_jobkit.notebook.dashboard.banner import ErrorBanner
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook import snapshot
from sbh_jobkit.report.notebook.elements import bold, line, muted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.notebook.dashboard.rerun import Rerun

_DATA = "world.db.insert('users', {'name': 'Ada'})"
_WIDE = "calc(100% - 4px)"


class Editor:
    """Fields for code and data, and the result of the repeated run."""

    def __init__(self, on_rerun: Callable[[], object]) -> None:
        """Call `on_rerun` at each click on Run again."""
        self._original = ""
        self.code = Textarea(rows=16, layout=Layout(width=_WIDE))
        self.data = Textarea(rows=3, placeholder=_DATA, layout=Layout(width=_WIDE))
        self.rerun = Button(description="Run again", icon="refresh", tooltip="Repeat the run in the world before it")
        self.reset = Button(description="Reset", icon="undo", tooltip="Undo all edits")
        self.banner = ErrorBanner()
        self.result = HTML()
        for area in (self.code, self.data):
            area.add_class("sbh-code")
        self.rerun.on_click(lambda _: on_rerun())
        self.reset.on_click(lambda _: self._reset())
        code = HTML(muted("The plugin's code. Edits do not change its files."))
        data = HTML(muted("Python that changes the world just before the run; it can use world and now."))
        buttons = HBox([self.rerun, self.reset])
        inside = VBox([code, self.code, data, self.data, buttons, self.banner.widget, self.result])
        self.widget = Accordion(
            children=[inside], titles=("Run again with other code or data",), layout=Layout(display="none")
        )

    def show(self, code: str) -> None:
        """Show the code of the chosen run; edits stay if the run before had the same code."""
        self.widget.layout.display = "block"
        self.result.value = ""
        if code != self._original:
            self._original = self.code.value = code

    def hide(self) -> None:
        """Hide the fields while no run is chosen."""
        self.widget.layout.display = "none"

    def show_result(self, again: Rerun) -> None:
        """Show the repeated run, and how the world after it differs."""
        title = line(bold("Compared with the world after the first run"))
        self.result.value = _run.html(again.run) + title + snapshot.html(again.difference)

    def _reset(self) -> None:
        self.code.value, self.data.value, self.result.value = self._original, "", ""
        self.banner.clear()
