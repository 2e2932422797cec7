"""One run: all that is known of it, and the world before it, after it, and the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Layout, Tab, VBox

from sbh_jobkit.fakes.diff import diff
from sbh_jobkit.report.notebook import difference, snapshot
from sbh_jobkit.report.notebook import run as _run

if TYPE_CHECKING:
    from sbh_jobkit.run.run import Run

_TABS = {
    "Before": lambda run: snapshot.html(run.before),
    "After": lambda run: snapshot.html(run.after),
    "Difference": lambda run: difference.html(diff(run.before, run.after)),
}


class RunView:
    """The run that is looked at; of the worlds only the one whose tab is open is written."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._run: Run | None = None
        self.told = HTML()
        self.worlds = [HTML() for _ in _TABS]
        self.tabs = Tab(children=self.worlds, titles=tuple(_TABS), selected_index=0)
        self.tabs.observe(lambda _: self._write(), "selected_index")
        self.widget = VBox([self.told, self.tabs], layout=Layout(display="none"))

    def show(self, run: Run | None) -> None:
        """Show a run, or nothing."""
        self._run = run
        self.told.value = _run.html(run) if run is not None else ""
        self.widget.layout.display = "flex" if run is not None else "none"
        self._write()

    def _write(self) -> None:
        for place, (page, write) in enumerate(zip(self.worlds, _TABS.values(), strict=True)):
            page.value = write(self._run) if self._run is not None and place == self.tabs.selected_index else ""
