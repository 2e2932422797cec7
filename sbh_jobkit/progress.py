"""A progress bar on standard error for work that a person waits for."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_SOON = 0.5
"""Seconds before a bar appears: quicker work needs none."""
_OFTEN = 0.1


class Progress:
    """Open around the work; it draws nothing until that takes long."""

    def __init__(self, total: int, what: str = "runs") -> None:
        """Know how much there is to do, and of what."""
        self._total = total
        self._what = what
        self._next = perf_counter() + _SOON
        self._bar: Bar | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Start waiting."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int) -> None:
        """Tell how much is done."""
        if perf_counter() < self._next:
            return
        self._next = perf_counter() + _OFTEN
        if self._bar is None:
            self._bar = self._drawn()
        self._bar.update(self._task, completed=done, refresh=True)

    def _drawn(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn(self._what))
        bar = Bar(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
        self._task = bar.add_task(self._what, total=self._total)
        bar.start()
        return bar
