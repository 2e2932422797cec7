"""Runs what a click starts, without blocking the notebook.

Virtual time is process-wide, so everything that uses it runs in the event loop in which the dashboard was made: the
kernel's, in its main thread, and never at the same time as a cell (JupyterLab handles clicks in another thread). A
simulation runs in slices of 50 ms; between two slices the loop handles Stop and other clicks.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from sbh_jobkit.notebook.progress import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.simulator import Simulator

_SLICE = 0.05
"""Seconds of a slice."""


class TaskRunner:
    """Runs one task at a time."""

    def __init__(self) -> None:
        """Use the event loop that runs now; without one, a task runs to its end at once."""
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._task: Future[None] | None = None
        self._running = False
        self._stopping = False
        self._raise_if_interrupted: Callable[[], None]
        self._slice_end = 0.0

    def start(self, steps: Iterable[object]) -> None:
        """Run the steps, with other clicks handled between two of them; ignored while another task runs."""
        if self._loop is None or not self._loop.is_running():
            for _ in steps:
                pass
        elif not self._running:
            self._running = True
            self._task = asyncio.run_coroutine_threadsafe(self._run(steps), self._loop)

    def stop(self) -> None:
        """Stop the simulation that runs, after its slice."""
        self._stopping = True

    async def wait(self) -> None:
        """Wait for the end of the task that runs."""
        if self._task is not None:
            await asyncio.wrap_future(self._task)

    def slices(self, simulator: Simulator) -> Iterator[Simulation]:
        """Yield the simulation so far after its first run and after each slice, until it is complete or stopped.

        Ctrl-C raises Interrupted.
        """
        self._stopping, self._slice_end = False, 0.0
        slices = simulator.slices(self._is_slice_over)
        with Interrupts() as interrupts:
            self._raise_if_interrupted = interrupts.raise_if_asked
            while not self._stopping and (so_far := next(slices, None)) is not None:
                with interrupts.paused():
                    yield so_far
                self._slice_end = perf_counter() + _SLICE

    def _is_slice_over(self, done: int) -> bool:
        del done
        self._raise_if_interrupted()
        return perf_counter() >= self._slice_end

    async def _run(self, steps: Iterable[object]) -> None:
        try:
            for _ in steps:
                await asyncio.sleep(0)
        finally:
            self._running = False
