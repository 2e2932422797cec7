"""Progress and interruption of a simulation that a cell waits for.

The bar is an output that is emptied when the work is done, so a notebook that is saved then holds nothing of it. It is
drawn only where a person waits, which is where input could be asked for; nbclient, nbval and their like ask for none.

An interrupt waits for the end of the run that goes on, so that it never hits the clock, the capture of output or the
network's guard half open; a second one is at once, for a job that does not end.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.report.progress import Progress, TerminalBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


class OutputBar:
    """A bar as an output of the cell."""

    def __init__(self, total: int, what: str) -> None:
        """Take how many runs there are; nothing is drawn yet."""
        self._total = total
        self._what = what
        self._handle: Any = None

    def draw(self, done: int) -> None:
        """Show how much is done."""
        from IPython.display import display

        text = f"{done:,} of {self._total:,} {self._what}"
        drawn = {
            "text/plain": text,
            "text/html": f'<progress value="{done}" max="{self._total}"></progress> {text}',
        }
        if self._handle is None:
            self._handle = display(drawn, raw=True, display_id=True)
        else:
            self._handle.update(drawn, raw=True)

    def remove(self) -> None:
        """Empty the output, so that a saved notebook holds no bar."""
        if self._handle is not None:
            self._handle.update({}, raw=True)


@contextmanager
def watched(shell: Any, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far a simulation has come; raises KeyboardInterrupt between two runs where one was asked for."""
    with Progress(total, bar=_bar(shell)) as progress, Interrupts() as interrupts:

        def show(done: int) -> None:
            progress.show(done)
            interrupts.raise_if_asked()

        try:
            yield show
            interrupts.raise_if_asked()
        except KeyboardInterrupt as stop:
            msg = interrupt_message(progress.done, total, getattr(stop, "at", None))
            raise KeyboardInterrupt(msg) from None


def interrupt_message(done: int, total: int, at: datetime | None) -> str:
    """Return how many runs were done before an interrupt, and which virtual time was reached if it is known."""
    time = f", at {at:%Y-%m-%d %H:%M %Z} virtual time" if at is not None else ""
    return f"interrupted after {done:,} of {total:,} runs{time}"


def _bar(shell: Any) -> type[TerminalBar | OutputBar] | None:
    if not hasattr(shell, "kernel"):
        return TerminalBar if sys.stderr.isatty() else None
    return OutputBar if shell.get_parent().get("content", {}).get("allow_stdin") else None


class Interrupts:
    """Notes the first interrupt, for `raise_if_asked` to raise, and raises a second one at once.

    Signals reach the main thread only; in another one it does nothing.
    """

    def __init__(self) -> None:
        """Note none yet."""
        self._noted = self._paused = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Take over the signal."""
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signal back."""
        self._paused = True  # for one who has kept this handler meanwhile, and puts it back later
        if _in_main_thread() and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the signal back to the handler before this one; where there was none, as in an idle kernel, keep it."""
        self._paused = True
        if _in_main_thread() and callable(self._before):
            signal.signal(signal.SIGINT, self._before)
        try:
            yield
        finally:
            self._paused = False
            self._listen()

    def raise_if_asked(self) -> None:
        """Raise KeyboardInterrupt after an interrupt."""
        if self._noted:
            raise KeyboardInterrupt

    def _listen(self) -> None:
        if _in_main_thread():
            before = signal.signal(signal.SIGINT, self._note)
            if before != self._note:
                self._before = before

    def _note(self, number: int, frame: object) -> None:
        del number, frame
        if self._noted and not self._paused:
            raise KeyboardInterrupt
        self._noted = True


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
