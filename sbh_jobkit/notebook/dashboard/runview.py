"""The chosen run: its details, and tabs with the world before and after it, the difference, and its effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Layout, Tab, VBox

from sbh_jobkit.notebook.dashboard.banner import ErrorBanner
from sbh_jobkit.report.notebook import effects, snapshot
from sbh_jobkit.report.notebook import run as _run

if TYPE_CHECKING:
    from sbh_jobkit.run.run import Run

_TABS = {
    "Before": lambda run: snapshot.html(run.before),
    "After": lambda run: snapshot.html(run.after),
    "Difference": lambda run: snapshot.html(run.changes),
    "Effects": lambda run: effects.html(run.effects),
}


class RunView:
    """The details of a run; of the tabs only the open one is rendered, because a world can be large."""

    def __init__(self) -> None:
        """Start without a run."""
        self._run: Run | None = None
        self.banner = ErrorBanner()
        self.details = HTML()
        self.worlds = [HTML() for _ in _TABS]
        self.tabs = Tab(children=self.worlds, titles=tuple(_TABS), selected_index=0)
        self.tabs.observe(lambda _: self._render_tabs(), "selected_index")
        self._content = VBox([self.details, self.tabs], layout=Layout(display="none"))
        self.widget = VBox([self.banner.widget, self._content])

    def show(self, run: Run | None) -> None:
        """Show a run; None hides the view."""
        self._run = run
        self.details.value = _run.html(run) if run is not None else ""
        self._content.layout.display = "flex" if run is not None else "none"
        self._render_tabs()

    def _render_tabs(self) -> None:
        for position, (page, render) in enumerate(zip(self.worlds, _TABS.values(), strict=True)):
            page.value = render(self._run) if self._run is not None and position == self.tabs.selected_index else ""
