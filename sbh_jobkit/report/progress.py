"""Progress of a simulation: a bar on standard error by rich, or another bar that the caller gives.

tqdm is no alternative: it measures time with `time.time`, which a simulation moves, so that its bar stands still. In a
notebook, the bars of tqdm and rich leave a widget in the saved file, so the notebook draws its own.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON = 0.5
"""Seconds before a bar appears: shorter work needs none."""
_OFTEN = 0.1


class Bar(Protocol):
    """A bar that can be drawn again and removed."""

    def draw(self, done: int) -> None:
        """Show how much is done."""

    def remove(self) -> None:
        """Remove the bar, so that nothing of it stays on the screen."""


class TerminalBar:
    """A bar on standard error."""

    def __init__(self, total: int, what: str) -> None:
        """Draw an empty bar; `what` is the name of what is counted, such as runs."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn(what))
        self._bar = Progress(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def draw(self, done: int) -> None:
        """Show how much is done."""
        self._bar.update(self._task, completed=done, refresh=True)

    def remove(self) -> None:
        """Remove the bar."""
        self._bar.stop()


class Progress:
    """A context manager around the work; it draws nothing before half a second has passed."""

    def __init__(self, total: int, what: str = "runs", bar: Callable[[int, str], Bar] | None = TerminalBar) -> None:
        """Take the total, the name of what is counted, and the class of the bar; with None nothing is drawn."""
        self.total = total
        self.done = 0
        self._what = what
        self._next = perf_counter() + _SOON
        self._make = bar
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Return the object whose `show` is called as the work goes on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.remove()

    def show(self, done: int) -> None:
        """Show how much is done."""
        self.done = done
        if self._make is None or perf_counter() < self._next:
            return
        self._next = perf_counter() + _OFTEN
        if self._bar is None:
            self._bar = self._make(self.total, self._what)
        self._bar.draw(done)
