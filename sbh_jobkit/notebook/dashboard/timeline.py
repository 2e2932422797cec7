"""The timeline to click on: the picture that a simulation shows anyway, and a line at the run that is looked at.

Widgets of ipywidgets do not tell where they are clicked, so these few lines of script do; they load nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets
from anywidget import AnyWidget

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.failures import choose
from sbh_jobkit.report.notebook.svg import INKS
from sbh_jobkit.report.notebook.timeline import Lanes
from sbh_jobkit.report.rows import job_lines, summarise
from sbh_jobkit.report.text import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation

_SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("div"), picture = document.createElement("div");
  const cursor = document.createElement("div");
  frame.className = "sbh-timeline";
  frame.tabIndex = 0;
  frame.setAttribute("role", "slider");
  frame.setAttribute("aria-label", "Runs on a timeline: click a mark, or go by the arrow keys");
  cursor.className = "sbh-cursor";
  frame.append(picture, cursor);
  el.append(frame);
  const draw = () => { picture.innerHTML = model.get("picture"); };
  const point = () => {
    const [left, top, height] = model.get("cursor").map((share) => `${share * 100}%`);
    Object.assign(cursor.style, { display: left ? "block" : "none", left, top, height });
    frame.setAttribute("aria-valuetext", model.get("told"));
    frame.setAttribute("aria-valuenow", model.get("place"));
  };
  frame.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    model.send({ left: (event.clientX - box.left) / box.width, top: (event.clientY - box.top) / box.height });
  });
  frame.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ step: steps[event.key] });
  });
  model.on("change:picture", draw);
  for (const name of ["cursor", "told", "place"]) model.on(`change:${name}`, point);
  draw();
  point();
}
export default { render };
"""
STILL = "sbh-still"
"""The class of what a cell shows beside the widgets, to be hidden while they live: this style comes with them."""
_STYLE = f"""
.jp-OutputArea:has(.sbh-timeline) .{STILL} {{ display: none; }}
.sbh-timeline {{ position: relative; display: inline-block; max-width: 100%; cursor: pointer; }}
.sbh-timeline img {{ display: block; }}
.sbh-timeline:focus-visible {{ outline: 2px solid {INKS["ok"]}; outline-offset: 2px; border-radius: 3px; }}
.sbh-cursor {{ position: absolute; display: none; width: 10px; margin-left: -5px; box-sizing: border-box;
  border: 2px solid {INKS["unexpected_ok"]}; border-radius: 4px; pointer-events: none; }}
.sbh-code textarea {{ font-family: var(--jp-code-font-family, monospace); font-size: 12px; line-height: 1.4; }}
"""


class Timeline(AnyWidget):
    """A simulation's runs; a click on a mark and the arrow keys choose one."""

    _esm = _SCRIPT
    _css = _STYLE
    picture = traitlets.Unicode().tag(sync=True)
    cursor = traitlets.List(traitlets.Float()).tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    place = traitlets.Int().tag(sync=True)

    def __init__(self, chosen: Callable[[int], object]) -> None:
        """Tell `chosen` the place of a run that somebody chose."""
        super().__init__()
        self._chosen = chosen
        self._runs: Sequence[Run] = ()
        self._lanes: Lanes | None = None
        self.on_msg(lambda _, content, __: self.meant(content))

    def show(self, simulation: Simulation | None) -> None:
        """Draw a simulation, or nothing."""
        self._runs, self._lanes, self.cursor, self.picture = (), None, [], ""
        if simulation is None or not simulation.due:
            return
        self._runs, axis = simulation.runs, Axis(simulation.start, simulation.end)
        summaries = summarise(job_lines(simulation.due), self._runs)
        self._lanes = Lanes.of(summaries, axis)
        self.picture = self._lanes.picture(self._runs, choose(summaries, self._runs).shown)

    def point(self, place: int, run: Run) -> None:
        """Put the cursor on a run."""
        with self.hold_sync():
            self.place, self.told = place, f"{run.job}, {moment(run.fire_time)}: {run.verdict}"
            self.cursor = list(self._lanes.spot(run) or ()) if self._lanes is not None else []

    def meant(self, asked: dict[str, Any]) -> None:
        """Find the run that a click or a key means: the nearest of the lane, or one so many steps away."""
        if self._lanes is None or not self._runs:
            return
        if "step" in asked:
            self._chosen(min(max(self.place + int(asked["step"]), 0), len(self._runs) - 1))
            return
        place = self._lanes.nearest(float(asked["left"]), float(asked["top"]), self._runs)
        if place is not None:
            self._chosen(place)
