"""Calling jobs in this process, under a virtual clock: the sandbox of simulations."""

from __future__ import annotations

import logging
import os
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import threads
from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.machine import interrupts
from sbh_jobkit.machine.guard import Guard
from sbh_jobkit.machine.interpreter import Interpreter
from sbh_jobkit.plugin.places import raised_at, shown_path
from sbh_jobkit.run import eventloop, tracebacks
from sbh_jobkit.run.capture import Capture
from sbh_jobkit.run.limits import RealMemory, RealTime
from sbh_jobkit.run.outcome import CallResult, classify, crashed, out_of_memory, timed_out
from sbh_jobkit.run.rendering import rendered
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.run.session import Call

if TYPE_CHECKING:
    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.session import Session

_WAIT_FOR_THREADS = "join it before the job returns; on the platform nothing waits for it, and nobody sees how it ends"

_STILL_RUNS = (
    "a process that it has started still runs, and virtual time does not wait for it: use subprocess.run or .wait()"
)


class VirtualSandbox:
    """Calls jobs under a virtual clock: open it, inside the open clock, around any number of calls."""

    __slots__ = (
        *("_began", "_capture", "_clock", "_guard", "_interpreter", "_interrupts", "_level", "_loops"),
        "_real_time",
    )

    def __init__(self, clock: VirtualClock, *, alone: bool = False) -> None:
        """Measure time by the clock, which the jobs' sleeps advance.

        `alone` says that between two calls nobody's code runs but the kit's.
        """
        self._clock = clock
        self._capture = Capture(alone=alone)
        self._guard = Guard(clock)
        self._real_time = RealTime(clock, self._capture.look)
        self._interrupts = interrupts.Listening()
        self._interpreter = Interpreter()
        self._loops = eventloop.VirtualLoops(clock)
        self._level = logging.NOTSET
        self._began = 0.0

    def __enter__(self) -> Self:
        """Set the root logger to INFO, and take over the signals for endless loops and Ctrl-C."""
        root = logging.root
        self._level = root.level
        if root.level > logging.INFO:
            root.setLevel(logging.INFO)
        self._loops.__enter__()
        self._real_time.__enter__()
        self._interrupts.__enter__()
        self._interpreter.__enter__()
        self._capture.begin()
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the logger and the signals."""
        self._capture.end()
        self._interpreter.__exit__()
        self._interrupts.__exit__()
        self._real_time.__exit__()
        self._loops.__exit__()
        if logging.root.level != self._level:
            logging.root.setLevel(self._level)

    def call(self, job: Job, session: Session) -> Call:
        """Call a job; it begins at the time that the clock shows."""
        clock, limits, recorder, begin = self._clock, session.limits, session.recorder, self._clock.epoch
        self._began = begin
        memory = RealMemory(limits.memory_mb, ends=limits.enforced) if limits.measured else None
        clock.deadline, clock.expired = begin + limits.seconds, None
        interrupts.begin()
        self._capture.watch(recorder.printed, recorder.logged)
        root = logging.root
        level, disabled = root.level, root.manager.disable
        with self._capture:
            result = self._limited(job, session, memory)
        if root.level != level or root.manager.disable != disabled:
            root.setLevel(level)
            logging.disable(disabled)
            recorder.note("process-state", "logging")
        clock.deadline = None
        return Call(result, self._capture.take(), clock.since(begin))

    def _limited(self, job: Job, session: Session, memory: RealMemory | None) -> CallResult:
        """Call the job and read what it returns, under the limit of real time."""
        clock, limits = self._clock, session.limits
        try:
            try:
                self._real_time.start(limits.seconds)
                result = self._amended(self._result(job, session, memory), session, memory)
                if self._guard.is_copy:  # its job has forked, and came back here twice
                    os._exit(result.outcome is not Outcome.OK)
                if clock.expired is None:
                    result = rendered(result, job, session)
            finally:  # before the error is handled: a second ring must not break that
                self._real_time.stop()
        except TimeLimitExceeded as limit:
            self._real_time.stop()  # it may have rung before that was done
            clock.expired = str(limit) or clock.expired or ""
            result = CallResult(outcome=Outcome.TIMED_OUT, place=raised_at(limit, job.root))
        if clock.expired is not None:  # also if the job swallowed the error, or one of its threads exceeded the limit
            why = clock.expired or (_STILL_RUNS if self._guard.has_children else "")
            result = timed_out(limits.seconds, result.place, why)
            return session.rules.amend(result, memory_passed=False) if session.rules is not None else result
        return result

    def _amended(self, result: CallResult, session: Session, memory: RealMemory | None) -> CallResult:
        if self._clock.expired is not None:
            return result
        if result.outcome is Outcome.OUT_OF_MEMORY or (memory is not None and memory.ended):
            result = out_of_memory(session.limits.memory_mb, result.place)
        elif self._guard.ended is not None and result.outcome is not Outcome.CRASHED:
            result = CallResult(outcome=Outcome.CRASHED, reason=f"crashed: {self._guard.ended}", place=result.place)
        if session.rules is not None:
            result = session.rules.amend(result, memory_passed=memory is not None and memory.passed)
        return result

    def _result(self, job: Job, session: Session, memory: RealMemory | None) -> CallResult:
        try:
            return classify(self._value(job, session, memory), job)
        except TimeLimitExceeded as limit:
            tracebacks.note(limit, job, self._began)
            self._clock.expired = str(limit) or self._clock.expired or ""
            return CallResult(outcome=Outcome.TIMED_OUT, place=raised_at(limit, job.root))
        except (MemoryLimitExceeded, MemoryError) as full:
            tracebacks.note(full, job, self._began)
            return CallResult(outcome=Outcome.OUT_OF_MEMORY, place=raised_at(full, job.root))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and interrupts.must_pass(error):
                raise
            tracebacks.note(error, job, self._began)
            return crashed(error, job)

    def _value(self, job: Job, session: Session, memory: RealMemory | None) -> Any:
        limits = session.limits
        watched = self._guard.watch(
            session.recorder.fault,
            job.root,
            loopback=limits.loopback,
            modules=limits.network_modules,
            note=session.recorder.note,
        )
        with watched:
            if memory is None:
                return self._called(job, session)
            with memory:
                return self._called(job, session)

    def _called(self, job: Job, session: Session) -> Any:
        rules = session.rules
        value = job.function(session.context)
        if isinstance(value, CoroutineType):
            awaits = rules is None or rules.awaits
            value = eventloop.run(value, self._clock) if awaits else rules.drop(value)  # type: ignore[union-attr] # mypy cannot see that rules is not None
        if rules is not None:
            rules.delay()
        if threads.any_started():
            self._end_threads(job, session)
        return value

    def _end_threads(self, job: Job, session: Session) -> None:
        """Report and end the threads that go on, although the job has returned."""
        left = threads.left(lambda file: shown_path(file, job.root) is not None, self._clock.sleeps)
        for thread in left:
            message = f"the thread {thread.name!r} goes on when the job has ended"
            session.recorder.fault("thread-left", "threading", message, _WAIT_FOR_THREADS, place=job.place)
        threads.end(left)
