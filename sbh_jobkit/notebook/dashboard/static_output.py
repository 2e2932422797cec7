"""What a saved notebook shows of a dashboard where its widgets do not work: HTML without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.notebook import plugin as _plugin
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook import simulation as _simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation

STATIC = "sbh-static"
"""The CSS class of this output; the style sheet of the widgets hides it where they work."""


class StaticOutput:
    """An output of a cell beside the widgets, updated after each click."""

    def __init__(self, render: Callable[[], tuple[str, str]]) -> None:
        """Take a function that returns the current text and HTML."""
        self._render = render
        self._handles: list[Any] = []

    def bundle(self) -> dict[str, str]:
        """Return the output by MIME type."""
        text, html = self._render()
        return {"text/plain": text, "text/html": f'<div class="{STATIC}">{html}</div>'}

    def display(self) -> None:
        """Add the output to the cell that runs."""
        from IPython.display import display

        self._handles.append(display(self.bundle(), raw=True, display_id=True))

    def update(self) -> None:
        """Write the current state to all cells that show it."""
        if self._handles:
            bundle = self.bundle()
            for handle in self._handles:
                handle.update(bundle, raw=True)


def render(plugin: Plugin, simulation: Simulation | None, run: Run | None) -> str:
    """Return the HTML of a simulation and of the chosen run; of the plugin if nothing has run yet."""
    if simulation is None:
        return _plugin.html(plugin) if run is None else _run.html(run)
    return _simulation.html(simulation) + (_run.html(run) if run is not None else "")
