"""Going through runs: a slider, a step back and forth, and the next one that needs a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, IntSlider, Layout

from sbh_jobkit.report.notebook.elements import soft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.run.run import Run


class Slider:
    """The place among the runs that is looked at."""

    def __init__(self, chosen: Callable[[int], object]) -> None:
        """Tell `chosen` each place that is gone to."""
        self._chosen = chosen
        self._runs: Sequence[Run] = ()
        self.slider = IntSlider(
            min=0,
            max=0,
            description="Run",
            readout=False,
            layout=Layout(width="28em"),
            style={"description_width": "3.2em"},
        )
        narrow = Layout(width="3em")
        self.previous = Button(icon="step-backward", tooltip="The run before", layout=narrow)
        self.next = Button(icon="step-forward", tooltip="The run after", layout=narrow)
        self.failing = Button(description="Next failing", icon="exclamation", tooltip="The next run that needs a look")
        self.told = HTML()
        self.slider.observe(lambda change: chosen(change["new"]), "value")
        self.previous.on_click(lambda _: self.go(self.slider.value - 1))
        self.next.on_click(lambda _: self.go(self.slider.value + 1))
        self.failing.on_click(lambda _: self.go(self.next_failing()))
        self.widget = Box(
            [self.slider, self.previous, self.next, self.failing, self.told],
            layout=Layout(flex_flow="row wrap", align_items="center"),
        )
        self.offer(())

    def offer(self, runs: Sequence[Run]) -> None:
        """Go through these runs from now on; none is chosen yet."""
        self._runs = runs
        self.slider.max = max(len(runs) - 1, 0)
        self.widget.layout.display = "flex" if runs else "none"
        for button in (self.previous, self.next):
            button.disabled = len(runs) < 2  # noqa: PLR2004  nowhere to go
        failing = sum(not run.ok for run in runs)
        self.failing.disabled = not failing
        self.failing.description = f"Next of {failing:,} failing" if failing else "None failing"

    def go(self, place: int) -> None:
        """Choose a run, or the first or last where there are no more."""
        place = min(max(place, 0), self.slider.max)
        if place == self.slider.value:
            self._chosen(place)
        else:
            self.slider.value = place

    def next_failing(self) -> int:
        """Return the place of the next run that needs a look, from the beginning again after the last."""
        failing = [place for place, run in enumerate(self._runs) if not run.ok]
        return next((place for place in failing if place > self.slider.value), failing[0] if failing else 0)

    def tell(self, place: int) -> None:
        """Say which run it is."""
        self.told.value = soft(f"{place + 1:,} of {len(self._runs):,}")
