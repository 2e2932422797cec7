"""Coroutines in virtual time: where a real event loop would wait, this one advances the clock."""

from __future__ import annotations

import asyncio
import selectors
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import LimitExceeded, TimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sbh_jobkit.clock import VirtualClock

_PATIENCE = 5.0
"""Real seconds to wait for a helper thread when no timer is pending."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return list(ready)
        if timeout is None:
            ready = super().select(_PATIENCE)
            if not ready:
                msg = "it awaits something that nothing will ever finish"
                raise TimeLimitExceeded(msg)
            return list(ready)
        self._clock.advance(timeout)
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        super().__init__(_Selector(clock))
        self._clock_resolution = 1e-6  # finer than that, seconds since 1970 are no longer distinct

    def time(self) -> float:
        return self._clock.epoch


def run(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None) -> Any:
    """Run a coroutine to its end, in virtual time where a clock is given; also where a loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(coroutine, clock)
    answer: list[Any] = []
    thread = threading.Thread(target=copy_context().run, args=(_settle, coroutine, clock, answer))
    thread.start()
    thread.join()
    value, error = answer
    if error is not None:
        raise error
    return value


def _settle(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None, answer: list[Any]) -> None:
    try:
        answer += [_run(coroutine, clock), None]
    except BaseException as error:  # noqa: BLE001  carried to the thread that asked, and raised there
        answer += [None, error]


def _run(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None) -> Any:
    factory = None if clock is None else lambda: _VirtualLoop(clock)
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            return runner.run(coroutine)
        except LimitExceeded:
            if clock is not None:
                clock.deadline = None  # tasks that are cancelled now may clean up
            raise
