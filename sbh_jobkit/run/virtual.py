"""Calling jobs in this process, under a virtual clock: the sandbox of simulations."""

from __future__ import annotations

import inspect
import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.plugin.places import raised_at
from sbh_jobkit.run import eventloop
from sbh_jobkit.run.capture import Capture
from sbh_jobkit.run.guard import Guard
from sbh_jobkit.run.limits import RealMemory, RealTime
from sbh_jobkit.run.outcome import CallResult, classify, crashed, out_of_memory, timed_out
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.run.session import Call

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.session import Session


class VirtualSandbox:
    """Calls jobs under a virtual clock: open it, inside the open clock, around any number of calls."""

    __slots__ = ("_capture", "_clock", "_guard", "_level", "_loops", "_real_time")

    def __init__(self, clock: VirtualClock) -> None:
        """Measure time by the clock, which the jobs' sleeps advance."""
        self._clock = clock
        self._capture = Capture()
        self._guard = Guard(clock)
        self._real_time = RealTime(clock)
        self._loops: AbstractContextManager[None]
        self._level = logging.NOTSET

    def __enter__(self) -> Self:
        """Set the root logger to INFO, and take over the alarm signal for endless loops."""
        root = logging.getLogger()
        self._level = root.level
        if not root.isEnabledFor(logging.INFO):
            root.setLevel(logging.INFO)
        self._loops = eventloop.virtual_loops(self._clock)
        self._loops.__enter__()
        self._real_time.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the logger and the signal."""
        self._real_time.__exit__()
        self._loops.__exit__(None, None, None)
        if logging.getLogger().level != self._level:
            logging.getLogger().setLevel(self._level)

    def call(self, job: Job, session: Session) -> Call:
        """Call a job; it begins at the time that the clock shows."""
        clock, limits, begin = self._clock, session.limits, self._clock.epoch
        memory = RealMemory(limits.memory_mb, ends=limits.enforced) if limits.measured else None
        clock.deadline, clock.expired = begin + limits.seconds, None
        with self._capture:
            result = self._result(job, session, memory)
        clock.deadline = None
        if clock.expired is not None:  # also if the job swallowed the error, or one of its threads exceeded the limit
            result = timed_out(limits.seconds, result.place, clock.expired)
        elif result.outcome is Outcome.OUT_OF_MEMORY or (memory is not None and memory.ended):
            result = out_of_memory(limits.memory_mb, result.place)
        if session.rules is not None:
            result = session.rules.amend(result, memory_passed=memory is not None and memory.passed)
        return Call(result, self._capture.take(), clock.since(begin))

    def _result(self, job: Job, session: Session, memory: RealMemory | None) -> CallResult:
        try:
            return classify(self._value(job, session, memory), job)
        except TimeLimitExceeded as limit:
            self._clock.expired = str(limit)
            return CallResult(outcome=Outcome.TIMED_OUT, place=raised_at(limit, job.root))
        except (MemoryLimitExceeded, MemoryError) as full:
            return CallResult(outcome=Outcome.OUT_OF_MEMORY, place=raised_at(full, job.root))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  whatever a plugin raises is the outcome of its run
            return crashed(error, job)

    def _value(self, job: Job, session: Session, memory: RealMemory | None) -> Any:
        limits, rules = session.limits, session.rules
        self._real_time.start(limits.seconds)
        try:
            with self._guard.watch(session.recorder.fault, loopback=limits.loopback), memory or nullcontext():
                value = job.function(session.context)
                if inspect.iscoroutine(value):
                    awaits = rules is None or rules.awaits
                    value = eventloop.run(value, self._clock) if awaits else rules.drop(value)  # type: ignore[union-attr] # mypy cannot see that rules is not None
                if rules is not None:
                    rules.delay()
        finally:
            self._real_time.stop()
        return value
