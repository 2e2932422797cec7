"""Where the run that is looked at is run again: its code and its data, to edit, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Accordion, Button, HBox, Layout, Textarea, VBox

from sbh_jobkit.report.notebook import difference
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook.elements import line, soft

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.notebook.dashboard.rerun import Rerun

_DATA = "world.db.insert('users', {'name': 'Ada'})"
_WIDE = "calc(100% - 4px)"


class Editor:
    """Texts to edit, and the run that they gave."""

    def __init__(self, asked: Callable[[], object]) -> None:
        """Call `asked` where the run is to be run again."""
        self._original = ""
        self.code = Textarea(rows=16, layout=Layout(width=_WIDE))
        self.data = Textarea(rows=3, placeholder=_DATA, layout=Layout(width=_WIDE))
        self.rerun = Button(description="Run it again", icon="refresh", tooltip="In the world as the run met it")
        self.reset = Button(description="As it was", icon="undo", tooltip="Take back what was edited")
        self.told = HTML()
        for area in (self.code, self.data):
            area.add_class("sbh-code")
        self.rerun.on_click(lambda _: asked())
        self.reset.on_click(lambda _: self._reset())
        code = HTML(soft("The plugin's code; its files stay as they are."))
        data = HTML(soft("Python that changes the world just before the run, by the names world and now."))
        buttons = HBox([self.rerun, self.reset])
        inside = VBox([code, self.code, data, self.data, buttons, self.told])
        self.widget = Accordion(
            children=[inside], titles=("Run it again with other code or data",), layout=Layout(display="none")
        )

    def offer(self, code: str) -> None:
        """Take the code of the run that is looked at now; what was edited of the same code stays."""
        self.widget.layout.display = "block"
        self.told.value = ""
        if code != self._original:
            self._original = self.code.value = code

    def clear(self) -> None:
        """Offer nothing."""
        self.widget.layout.display = "none"

    def show(self, again: Rerun) -> None:
        """Show what came of it."""
        title = line("<strong>Not as the first time</strong>")
        self.told.value = _run.html(again.run) + title + difference.html(again.difference)

    def _reset(self) -> None:
        self.code.value, self.data.value, self.told.value = self._original, "", ""
