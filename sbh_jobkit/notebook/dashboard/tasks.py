"""What a click begins, done where and when it disturbs nobody.

Virtual time is the whole process's, so all that opens it runs in the loop that was there when the dashboard was made:
the kernel's, in its main thread, and never beside a cell (JupyterLab has clicks handled in a thread of their own). A
simulation goes on in slices of a moment each; between two of them the loop hears of Stop and of other clicks.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from sbh_jobkit.notebook.progress import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.simulator import Simulator

_SLICE = 0.05
"""Seconds for which a simulation goes on before clicks are heard."""


class Work:
    """One thing at a time."""

    def __init__(self) -> None:
        """Work in the event loop that runs here; without one, whatever begins is done at once."""
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._going: Future[None] | None = None
        self._stopping = False
        self._stop_if_asked: Callable[[], None]
        self._until = 0.0

    def begin(self, steps: Iterable[object]) -> None:
        """Take the steps, unless others are being taken; between two of them clicks are heard."""
        if self._loop is None or not self._loop.is_running():
            for _ in steps:
                pass
        elif self._going is None or self._going.done():
            self._going = asyncio.run_coroutine_threadsafe(_taken(steps), self._loop)

    def stop(self) -> None:
        """End the simulation that goes on, after its slice."""
        self._stopping = True

    async def done(self) -> None:
        """Wait until nothing goes on."""
        if self._going is not None:
            await asyncio.wrap_future(self._going)

    def slices(self, simulator: Simulator) -> Iterator[Simulation]:
        """Yield a simulation after its first run and after each slice, until it is whole or stopped.

        Raises Interrupted at Ctrl-C.
        """
        self._stopping, self._until = False, 0.0
        slices = simulator.slices(self._enough)
        while not self._stopping:
            with interrupts() as self._stop_if_asked:
                so_far = next(slices, None)
            if so_far is None:
                return
            yield so_far
            self._until = perf_counter() + _SLICE

    def _enough(self, done: int) -> bool:
        del done
        self._stop_if_asked()
        return perf_counter() >= self._until


async def _taken(steps: Iterable[object]) -> None:
    for _ in steps:
        await asyncio.sleep(0)
