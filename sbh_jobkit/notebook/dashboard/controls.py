"""The upper part of a dashboard: job, range and zone; run, simulate and stop; progress and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from ipywidgets import HTML, Box, Button, Combobox, Dropdown, IntProgress, Layout, Text, VBox

from sbh_jobkit.notebook.dashboard.banner import ErrorBanner
from sbh_jobkit.report.notebook.elements import muted

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = "all jobs"


class Controls:
    """The fields and buttons; start, duration, end and zone hold the text that was typed."""

    def __init__(self, start: str, duration: str, end: str, zone: str | None) -> None:
        """Fill in the fields; the list of jobs is still empty."""
        self.job = Dropdown(options=[(ALL, "")], description="Job", **_width("19em"))
        self.start = Text(start, description="From", placeholder="2026-01-31T02:00", **_width("16em"))
        self.duration = Text(duration, description="For", placeholder="30d, 12h, 1mo", **_width("9em"))
        self.end = Text(end, description="To", placeholder="instead of For", **_width("16em"))
        self.zone = Combobox(
            value=zone or "",
            options=sorted(available_timezones()),
            description="Zone",
            placeholder="default",
            **_width("15em"),
        )
        self.run = Button(description="Run", icon="play", tooltip="Run the chosen job once, at the time of From")
        self.simulate = Button(
            description="Simulate", icon="forward", button_style="primary", tooltip="Run everything due in the range"
        )
        self.stop = Button(
            description="Stop", icon="stop", disabled=True, tooltip="Stop the simulation after the current run"
        )
        self.bar = IntProgress(layout=Layout(width="14em", display="none"))
        self.status = HTML()
        self.banner = ErrorBanner()
        rows = (
            [self.job, self.start, self.duration, self.end, self.zone],
            [self.run, self.simulate, self.stop, self.bar, self.status],
        )
        row = Layout(flex_flow="row wrap", align_items="center")
        self.widget = VBox([*(Box(each, layout=row) for each in rows), self.banner.widget])

    @property
    def job_name(self) -> str | None:
        """The chosen job; None for all jobs."""
        return self.job.value or None

    @property
    def zone_name(self) -> str | None:
        """The zone that was typed, or None."""
        return self.zone.value.strip() or None

    def set_jobs(self, jobs: Iterable[str]) -> None:
        """Update the list of jobs; the chosen one stays chosen if it still exists."""
        options = [(ALL, ""), *((name, name) for name in jobs)]
        if options != [*self.job.options]:
            chosen = self.job.value
            self.job.options = options
            self.job.value = chosen if (chosen, chosen) in options else ""

    def set_busy(self, busy: bool) -> None:
        """Enable Stop while a simulation runs, and the other buttons while none does."""
        self.run.disabled = self.simulate.disabled = busy
        self.stop.disabled = not busy
        self.bar.layout.display = "flex" if busy else "none"

    def show_progress(self, done: int, total: int) -> None:
        """Show the number of runs done."""
        self.bar.max, self.bar.value = max(total, 1), done
        self.status.value = muted(f"{done:,} of {total:,} runs")


def _width(width: str) -> dict[str, object]:
    return {"layout": Layout(width=width), "style": {"description_width": "3em"}}
