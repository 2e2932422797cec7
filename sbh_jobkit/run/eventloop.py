"""Coroutines in virtual time: where a real event loop would wait, this one advances the clock."""

from __future__ import annotations

import asyncio
import selectors
import threading
from asyncio.selector_events import BaseSelectorEventLoop
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sbh_jobkit import threads
from sbh_jobkit.errors import LimitExceeded, TimeLimitExceeded
from sbh_jobkit.run.capture import is_capturing

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sbh_jobkit.clock import VirtualClock

_PATIENCE = 5.0
"""Real seconds to wait for another thread before it is called a deadlock."""
_ANSWER = 1.0
"""Real seconds to wait for a socket or a process, when a timer is pending that virtual time could jump to."""
_SLICE = 0.05
_GLANCE = 0.001
_THREADS = 32
"""Threads of a loop's own pool: as many as asyncio has on a large machine, so that runs are the same on all."""
_RESOLUTION = 1e-6
"""Finer than that, seconds since 1970 are no longer distinct."""
_init_loop = BaseSelectorEventLoop.__init__


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.working = 0
        """Helper threads of the loop that have not finished: they work in real time, and are waited for."""
        self.helpers: WeakSet[threading.Thread] = WeakSet()
        """The threads of the pools that the loop uses."""

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = self._poll(0)
        if ready or timeout == 0:
            return ready
        if self.working and timeout is not None and any(map(threads.is_plugins, self.helpers)):
            self._clock.wait(timeout, lambda: self._answers(ready))
            return ready
        since = perf_counter()
        while not ready and self._may_answer(timeout, perf_counter() - since):
            ready = self._poll(_SLICE)
        if not ready and timeout is None:
            self._clock.expired = "it awaits something that will never finish"
            raise TimeLimitExceeded(self._clock.expired)
        if not ready and timeout is not None:
            self._clock.advance(timeout)
        return ready

    def _may_answer(self, timeout: float | None, waited: float) -> bool:
        """Whether real work is going on, which virtual time must not overtake."""
        if self.working:
            return True
        if timeout is None:
            return waited < _PATIENCE
        outside = len(self.get_map()) > 1  # more than the pipe by which a loop wakes itself
        return outside and waited < _ANSWER

    def _answers(self, ready: list[Any]) -> list[Any]:
        ready += self._poll(_GLANCE)
        return ready

    def _poll(self, seconds: float) -> list[Any]:
        if self._clock.expired:  # an alarm rang between two tasks, where raising would lose one of them
            raise TimeLimitExceeded(self._clock.expired)
        return list(super().select(seconds))


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self.follow(clock)
        super().__init__(self.waiting)
        self._clock_resolution = _RESOLUTION

    def follow(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.waiting = _Selector(clock)

    def time(self) -> float:
        return self._clock.epoch

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error nobody retrieved, such as that of a task that a module kept, only while a run captures it.

        Later, when the module or the interpreter ends, its text would be shown as it is, with any secret in it.
        """
        if is_capturing():
            super().call_exception_handler(context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override] # passed on as it is
        if executor is None and vars(self).get("_default_executor") is None:
            self.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="asyncio"))
        future = super().run_in_executor(executor, func, *args)
        self.waiting.helpers.update(getattr(executor or vars(self)["_default_executor"], "_threads", ()))
        self.waiting.working += 1
        future.add_done_callback(self._finished)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        self.waiting.working += 1  # its threads end in real time, and a time-out of hours would pass at once
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.waiting.working -= 1

    def _finished(self, _: object) -> None:
        self.waiting.working -= 1


class VirtualLoops:
    """While it is open, every event loop that a job makes, by `asyncio.run` or the class itself, follows the clock."""

    __slots__ = ("_before", "_init")

    def __init__(self, clock: VirtualClock) -> None:
        """Follow this clock."""

        def init(loop: Any, selector: selectors.BaseSelector | None = None) -> None:
            kind: object = type(loop)
            if kind is asyncio.SelectorEventLoop and not selector and clock.governs(threading.current_thread()):
                loop.__class__ = _VirtualLoop
                loop.follow(clock)
                _init_loop(loop, loop.waiting)
                loop.__dict__["_clock_resolution"] = _RESOLUTION
            else:
                _init_loop(loop, selector)

        self._init: Any = init
        self._before: Any = _init_loop

    def __enter__(self) -> None:
        """Take over: a loop has no public place for this."""
        self._before = BaseSelectorEventLoop.__init__
        BaseSelectorEventLoop.__init__ = self._init  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        BaseSelectorEventLoop.__init__ = self._before  # type: ignore[method-assign]


def run(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None) -> Any:
    """Run a coroutine to its end, in virtual time if a clock is given; works inside a running loop, too."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(coroutine, clock)
    answer: list[Any] = []
    work = (_run_in_thread, coroutine, clock, answer)
    thread = threading.Thread(target=copy_context().run, args=work, daemon=True)
    thread.start()
    try:
        thread.join()
    except LimitExceeded as limit:  # the alarm rings in the main thread, and the work is in the other
        threads.raise_in(thread.ident or 0, type(limit))
        thread.join(_PATIENCE)
        raise
    value, error = answer
    if error is not None:
        raise error
    return value


def _run_in_thread(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None, answer: list[Any]) -> None:
    try:
        answer += [_run(coroutine, clock), None]
    except BaseException as error:  # noqa: BLE001  carried to the thread that asked, and raised there
        answer += [None, error]


def _run(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock | None) -> Any:
    with asyncio.Runner(loop_factory=None if clock is None else lambda: _VirtualLoop(clock)) as runner:
        try:
            return runner.run(coroutine)
        except BaseException as error:
            limit = _limit_in(error)
            if limit is None:
                raise
            if clock is not None:
                clock.deadline, clock.expired = None, ""  # tasks that are cancelled now may clean up
            raise limit from None


def _limit_in(error: BaseException) -> LimitExceeded | None:
    """Return the limit that was exceeded, also if a task group has wrapped it."""
    if isinstance(error, LimitExceeded):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_limit_in, error.exceptions)), None)
    return None
