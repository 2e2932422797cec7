"""The upper rows of a dashboard: which job, when and for how long; run, simulate, stop; and how far it has come."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from ipywidgets import HTML, Box, Button, Combobox, Dropdown, IntProgress, Layout, Text, VBox

from sbh_jobkit.report.notebook.elements import soft

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = "all jobs"


class Controls:
    """What is asked for; times and zones are as they were typed."""

    def __init__(self, start: str, duration: str, zone: str | None) -> None:
        """Fill in what was asked for already; no job is known yet."""
        self.job = Dropdown(options=[(ALL, "")], description="Job", **_width("19em"))
        self.start = Text(start, description="From", placeholder="2026-01-31T02:00", **_width("16em"))
        self.duration = Text(duration, description="For", placeholder="30d, 12h, 2w", **_width("9em"))
        self.zone = Combobox(
            value=zone or "",
            options=sorted(available_timezones()),
            description="Zone",
            placeholder="the world's",
            **_width("15em"),
        )
        self.run = Button(description="Run", icon="play", tooltip="Run the job once, at the first instant")
        self.simulate = Button(
            description="Simulate", icon="forward", button_style="primary", tooltip="Run all that is due in the range"
        )
        self.stop = Button(
            description="Stop", icon="stop", disabled=True, tooltip="End the simulation after the run that goes on"
        )
        self.bar = IntProgress(layout=Layout(width="14em", display="none"))
        self.told = HTML()
        rows = (
            [self.job, self.start, self.duration, self.zone],
            [self.run, self.simulate, self.stop, self.bar, self.told],
        )
        row = Layout(flex_flow="row wrap", align_items="center")
        self.widget = VBox([Box(each, layout=row) for each in rows])

    @property
    def job_name(self) -> str | None:
        """The job that is chosen; None for all."""
        return self.job.value or None

    @property
    def zone_name(self) -> str | None:
        """The zone that was typed, if one was."""
        return self.zone.value.strip() or None

    def offer(self, jobs: Iterable[str]) -> None:
        """Offer these jobs; the one that is chosen stays, if it is among them."""
        options = [(ALL, ""), *((name, name) for name in jobs)]
        if options != [*self.job.options]:
            chosen = self.job.value
            self.job.options = options
            self.job.value = chosen if (chosen, chosen) in options else ""

    def busy(self, busy: bool) -> None:
        """While a simulation goes on, it can be stopped, and nothing else begins."""
        self.run.disabled = self.simulate.disabled = busy
        self.stop.disabled = not busy
        self.bar.layout.display = "flex" if busy else "none"

    def progress(self, done: int, total: int) -> None:
        """Show how many runs there were."""
        self.bar.max, self.bar.value = max(total, 1), done
        self.told.value = soft(f"{done:,} of {total:,} runs")


def _width(width: str) -> dict[str, object]:
    return {"layout": Layout(width=width), "style": {"description_width": "3em"}}
