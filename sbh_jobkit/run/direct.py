"""Calling jobs in this process on the machine's own clock: the sandbox inside a run's child process.

What the job prints is captured outside, by the process that started this one, so the output that a call returns has
log lines only.
"""

from __future__ import annotations

import asyncio
import faulthandler
import inspect
import logging
import os
import signal
import threading
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.plugin.places import call_place, raised_at
from sbh_jobkit.run.capture import LogLines, Output
from sbh_jobkit.run.limits import between_tasks
from sbh_jobkit.run.outcome import CallResult, classify, crashed, out_of_memory, timed_out
from sbh_jobkit.run.rendering import rendered
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.run.session import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.session import Session

PASSED = "passed at "
"""Begins the line that is written to the trace when the time limit passes, with the place after it."""
_AGAIN = 1.0
"""Seconds until the alarm rings again, for code that swallowed the exception."""


class DirectSandbox:
    """Calls jobs on the machine's clock, in the main thread."""

    __slots__ = ("_logged", "_trace")

    def __init__(self, *, logged: Callable[[str], object] | None = None, trace: int | None = None) -> None:
        """Call `logged` with each log line as it comes.

        `trace` is a descriptor; the place where the time limit passes is written to it, also from a loop in C code.
        """
        self._logged = logged
        self._trace = trace

    def call(self, job: Job, session: Session) -> Call:
        """Call a job under the time limit of its session; raises nothing but KeyboardInterrupt."""
        limits, rules, lines = session.limits, session.rules, LogLines(self._logged)
        root = logging.getLogger()
        before = root.handlers, root.level
        root.handlers = [lines]
        if not root.isEnabledFor(logging.INFO):
            root.setLevel(logging.INFO)
        begin = perf_counter()
        try:
            with _Alarm(limits.seconds, job.root, self._trace) as alarm:
                result = _result(job, session)
        except TimeLimitExceeded:  # it rang while the alarm was being stopped
            result = CallResult(outcome=Outcome.TIMED_OUT)
        finally:
            root.handlers, root.level = before
        if alarm.rang:  # also if the job swallowed the exception
            result = timed_out(limits.seconds, alarm.place or result.place, None)
        elif result.outcome is Outcome.OUT_OF_MEMORY:
            result = out_of_memory(limits.memory_mb, result.place)
        if rules is not None:
            result = rules.amend(result, memory_passed=result.outcome is Outcome.OUT_OF_MEMORY)
        return Call(result, Output("", "", tuple(lines.lines)), timedelta(seconds=perf_counter() - begin))


def _result(job: Job, session: Session) -> CallResult:
    rules = session.rules
    try:
        value = job.function(session.context)
        if inspect.iscoroutine(value):
            value = asyncio.run(value) if rules is None or rules.awaits else rules.drop(value)
        if rules is not None:
            rules.delay()
        return rendered(classify(value, job), job, session)
    except TimeLimitExceeded as limit:
        return CallResult(outcome=Outcome.TIMED_OUT, place=raised_at(limit, job.root))
    except (MemoryLimitExceeded, MemoryError) as full:
        return CallResult(outcome=Outcome.OUT_OF_MEMORY, place=raised_at(full, job.root))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  whatever a plugin raises is the outcome of its run
        return rendered(crashed(error, job), job, session)


class _Alarm:
    """Raises TimeLimitExceeded in the main thread when the time is over, and again each second."""

    def __init__(self, seconds: float, root: Path | None, trace: int | None) -> None:
        self._seconds = seconds
        self._root = root
        self._trace = trace
        self._works = threading.current_thread() is threading.main_thread()
        self._handler: Any = None
        self.rang = False
        self.place: str | None = None

    def __enter__(self) -> Self:
        if self._works:
            self._handler = signal.signal(signal.SIGALRM, self._ring)
            if self._trace is not None:  # after Python's own handler, which it calls
                faulthandler.register(signal.SIGALRM, self._trace, all_threads=False, chain=True)
            signal.setitimer(signal.ITIMER_REAL, self._seconds, _AGAIN)
        return self

    def __exit__(self, *_: object) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if self._trace is not None:
                faulthandler.unregister(signal.SIGALRM)
            signal.signal(signal.SIGALRM, self._handler)

    def _ring(self, _: int, frame: FrameType | None) -> None:
        if not self.rang:
            self.rang = True
            self.place = call_place(frame, self._root) or _awaiting(self._root)
            if self._trace is not None and self.place is not None:
                os.write(self._trace, f"\n{PASSED}{self.place}\n".encode())
        if between_tasks(frame) and not _waits(frame):
            for task in asyncio.all_tasks():  # an exception would be lost in the event loop
                task.cancel()
            return
        msg = f"the limit is {self._seconds:g} s"
        raise TimeLimitExceeded(msg)


def _waits(frame: FrameType | None) -> bool:
    """Whether an event loop waits for something to happen: raising there ends the loop and cancels its tasks."""
    return frame is not None and frame.f_code.co_name == "select"


def _awaiting(root: Path | None) -> str | None:
    """Return the line of the plugin at which a task of the running loop awaits something."""
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return None
    for task in tasks:
        here, coroutine = None, task.get_coro()
        while frame := getattr(coroutine, "cr_frame", None):
            here, coroutine = call_place(frame, root) or here, coroutine.cr_await  # type: ignore[union-attr] # it has one
        if here is not None:
            return here
    return None
