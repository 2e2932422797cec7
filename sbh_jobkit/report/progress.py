"""How far a simulation has come, for a person who waits: a bar on standard error, or wherever else one is drawn."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON = 0.5
"""Seconds before a bar appears: quicker work needs none."""
_OFTEN = 0.1


class Bar(Protocol):
    """What is drawn."""

    def draw(self, done: int) -> None:
        """Show how much is done."""

    def remove(self) -> None:
        """Leave nothing behind."""


class Progress:
    """Open around the work; it draws nothing until that takes long."""

    def __init__(self, total: int, what: str = "runs", bar: Callable[[int, str], Bar] | None = None) -> None:
        """Know how much there is to do, of what, and what draws it: a bar in the terminal unless told otherwise."""
        self.total = total
        self.done = 0
        self._what = what
        self._next = perf_counter() + _SOON
        self._make = bar or TerminalBar
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Start waiting."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.remove()

    def show(self, done: int) -> None:
        """Tell how much is done."""
        self.done = done
        if perf_counter() < self._next:
            return
        self._next = perf_counter() + _OFTEN
        if self._bar is None:
            self._bar = self._make(self.total, self._what)
        self._bar.draw(done)


class TerminalBar:
    """A bar on standard error."""

    def __init__(self, total: int, what: str) -> None:
        """Draw it."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichBar

        columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn(what))
        self._bar = RichBar(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def draw(self, done: int) -> None:
        """Show how much is done."""
        self._bar.update(self._task, completed=done, refresh=True)

    def remove(self) -> None:
        """Leave nothing behind."""
        self._bar.stop()
