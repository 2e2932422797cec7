"""The timeline to click on: the image of a simulation's runs, with a cursor at the chosen run.

Widgets of ipywidgets do not report where they were clicked, so this widget has a short script of its own; it loads
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets
from anywidget import AnyWidget

from sbh_jobkit.notebook.dashboard.static_output import STATIC
from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.failures import choose_runs
from sbh_jobkit.report.notebook.svg import INKS
from sbh_jobkit.report.notebook.timeline import Tracks
from sbh_jobkit.report.text import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation

_SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("div"), image = document.createElement("div");
  const cursor = document.createElement("div");
  frame.className = "sbh-timeline";
  frame.tabIndex = 0;
  frame.setAttribute("role", "slider");
  frame.setAttribute("aria-label", "Runs on a timeline: click a mark or use the arrow keys");
  cursor.className = "sbh-cursor";
  frame.append(image, cursor);
  el.append(frame);
  const draw = () => { image.innerHTML = model.get("image"); };
  const moveCursor = () => {
    const [left, top, height] = model.get("cursor").map((share) => `${share * 100}%`);
    Object.assign(cursor.style, { display: left ? "block" : "none", left, top, height });
    frame.setAttribute("aria-valuetext", model.get("label"));
    frame.setAttribute("aria-valuenow", model.get("position"));
  };
  frame.addEventListener("click", (event) => {
    const box = image.getBoundingClientRect();
    model.send({ left: (event.clientX - box.left) / box.width, top: (event.clientY - box.top) / box.height });
  });
  frame.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ step: steps[event.key] });
  });
  model.on("change:image", draw);
  for (const name of ["cursor", "label", "position"]) model.on(`change:${name}`, moveCursor);
  draw();
  moveCursor();
}
export default { render };
"""
_STYLE = f"""
.jp-OutputArea:has(.sbh-timeline) .{STATIC} {{ display: none; }}
.sbh-timeline {{ position: relative; display: inline-block; max-width: 100%; cursor: pointer; }}
.sbh-timeline img {{ display: block; }}
.sbh-timeline:focus-visible {{ outline: 2px solid {INKS["ok"]}; outline-offset: 2px; border-radius: 3px; }}
.sbh-cursor {{ position: absolute; display: none; width: 10px; margin-left: -5px; box-sizing: border-box;
  border: 2px solid {INKS["unexpected_ok"]}; border-radius: 4px; pointer-events: none; }}
.sbh-dashboard .widget-html-content {{ line-height: 1.5; }}
.sbh-code textarea {{ font-family: var(--jp-code-font-family, monospace); font-size: 12px; line-height: 1.4; }}
"""


class Timeline(AnyWidget):
    """The runs of a simulation; a click on a mark or an arrow key chooses one."""

    _esm = _SCRIPT
    _css = _STYLE
    image = traitlets.Unicode().tag(sync=True)
    cursor = traitlets.List(traitlets.Float()).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    position = traitlets.Int().tag(sync=True)

    def __init__(self, on_choice: Callable[[int], object]) -> None:
        """Call `on_choice` with the position of each run that is chosen."""
        super().__init__()
        self._on_choice = on_choice
        self._runs: Sequence[Run] = ()
        self._tracks: Tracks | None = None
        self.on_msg(lambda _, content, __: self.on_input(content))

    def show(self, simulation: Simulation | None) -> None:
        """Draw a simulation; None clears the timeline."""
        self._runs, self._tracks, self.cursor, self.image = (), None, [], ""
        if simulation is None or not simulation.due:
            return
        self._runs, axis = simulation.runs, Axis(simulation.start, simulation.end)
        (plugin,) = simulation.plugins.values()
        self._tracks = Tracks.from_jobs(plugin.jobs, axis)
        self.image = self._tracks.draw(self._runs, choose_runs(plugin.jobs, self._runs).shown)

    def move_cursor(self, position: int, run: Run) -> None:
        """Put the cursor on a run."""
        with self.hold_sync():
            self.position, self.label = position, f"{run.job}, {format_time(run.fire_time)}: {run.verdict}"
            self.cursor = list(self._tracks.spot(run) or ()) if self._tracks is not None else []

    def on_input(self, message: dict[str, Any]) -> None:
        """Choose the run of a click (the nearest in its row) or of a key (some steps away)."""
        if self._tracks is None or not self._runs:
            return
        if "step" in message:
            self._on_choice(min(max(self.position + int(message["step"]), 0), len(self._runs) - 1))
            return
        position = self._tracks.nearest(float(message["left"]), float(message["top"]), self._runs)
        if position is not None:
            self._on_choice(position)
