"""Moving through the runs: a slider, a step back and forward, and the next failing run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, IntSlider, Layout

from sbh_jobkit.report.notebook.elements import muted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.run.run import Run


class Slider:
    """The position of the chosen run; positions start at 0."""

    def __init__(self, on_choice: Callable[[int], object]) -> None:
        """Call `on_choice` with each position that is chosen."""
        self._on_choice = on_choice
        self._runs: Sequence[Run] = ()
        self.position = IntSlider(
            min=0,
            max=0,
            description="Run",
            readout=False,
            layout=Layout(width="28em"),
            style={"description_width": "3.2em"},
        )
        narrow = Layout(width="3em")
        self.previous = Button(icon="step-backward", tooltip="Previous run", layout=narrow)
        self.next = Button(icon="step-forward", tooltip="Next run", layout=narrow)
        self.failing = Button(icon="exclamation", tooltip="Next run that needs attention", layout=Layout(width="12em"))
        self.status = HTML()
        self.position.observe(lambda change: on_choice(change["new"]), "value")
        self.previous.on_click(lambda _: self.choose(self.position.value - 1))
        self.next.on_click(lambda _: self.choose(self.position.value + 1))
        self.failing.on_click(lambda _: self.choose(self.next_failing()))
        self.widget = Box(
            [self.position, self.previous, self.next, self.failing, self.status],
            layout=Layout(flex_flow="row wrap", align_items="center"),
        )
        self.set_runs(())

    def set_runs(self, runs: Sequence[Run]) -> None:
        """Take other runs; none of them is chosen yet."""
        self._runs = runs
        self.position.max = max(len(runs) - 1, 0)
        self.widget.layout.display = "flex" if runs else "none"
        for button in (self.previous, self.next):
            button.disabled = len(runs) < 2  # noqa: PLR2004  there is no other run
        failing = sum(not run.ok for run in runs)
        self.failing.disabled = not failing
        self.failing.description = f"Next of {failing:,} failing" if failing else "No failing runs"

    def choose(self, position: int) -> None:
        """Choose a run; a position past an end chooses the run at that end."""
        position = min(max(position, 0), self.position.max)
        if position == self.position.value:
            self._on_choice(position)
        else:
            self.position.value = position

    def next_failing(self) -> int:
        """Return the position of the next run that is not ok; after the last one, of the first."""
        failing = [position for position, run in enumerate(self._runs) if not run.ok]
        return next((position for position in failing if position > self.position.value), failing[0] if failing else 0)

    def show_position(self, position: int) -> None:
        """Show the number of the chosen run."""
        self.status.value = muted(f"{position + 1:,} of {len(self._runs):,}")
