"""Running one job once: call it, see how it ended, and write the run.

The runner never sleeps and never decides when; whoever calls it has moved the clock.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import loop
from sbh_jobkit.capture import Capture
from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.guard import Guard
from sbh_jobkit.limits import RealTime
from sbh_jobkit.modules import place, shown_path
from sbh_jobkit.redaction import authors_terms
from sbh_jobkit.run import Outcome, Run, RunError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from zoneinfo import ZoneInfo

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.context import FakeContext
    from sbh_jobkit.fakes.journal import Journal
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.job import Job


class Runner:
    """Runs jobs in a fake tenant under an open clock; `with` it around any number of runs."""

    __slots__ = ("_capture", "_clock", "_guard", "_level", "_loops", "_real_time", "_world")

    def __init__(self, world: World, clock: VirtualClock) -> None:
        """Serve one world."""
        self._world = world
        self._clock = clock
        self._capture = Capture()
        self._guard = Guard(clock)
        self._real_time = RealTime(clock)
        self._loops: AbstractContextManager[None]
        self._level = logging.NOTSET

    def __enter__(self) -> Self:
        """Let the log pass from level INFO, and take the alarm for endless loops."""
        root = logging.getLogger()
        self._level = root.level
        if not root.isEnabledFor(logging.INFO):
            root.setLevel(logging.INFO)
        self._loops = loop.virtual_loops(self._clock)
        self._loops.__enter__()
        self._real_time.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Give both back."""
        self._real_time.__exit__()
        self._loops.__exit__(None, None, None)
        if logging.getLogger().level != self._level:
            logging.getLogger().setLevel(self._level)

    def run(self, job: Job, epoch: float, zone: ZoneInfo, note: str | None = None) -> Run:
        """Run a job at a fire time (epoch seconds), with naive times in `zone`, and return what happened."""
        world, clock = self._world, self._clock
        clock.move_to(epoch, zone)
        journal = world.journal(job.root)
        context = world.open(journal, job.manifest.permissions, zone)
        world.jobs.start(job.manifest.slug, job.name)
        with self._capture:
            value, outcome, error, limit = self._call(job, context, journal)
        redact = world.redactor()
        out, err, logs = self._capture.take()
        if out or err or logs:
            journal.output(out, err, logs)
        fire_time = datetime.fromtimestamp(epoch, zone)
        run = Run(
            tenant=world.tenant_id,
            plugin=job.manifest.slug,
            job=job.name,
            fire_time=fire_time,
            started_at=fire_time,
            duration=clock.since(epoch),
            outcome=outcome,
            reason="; ".join(filter(None, (limit, note))) or None,
            value=redact.value(value),
            error=error and _redacted(error, lambda text: authors_terms(redact.text(text), job.root)),
            stdout=redact.text(out),
            stderr=redact.text(err),
            logs=tuple(authors_terms(redact.text(line)) for line in logs),
            expected=world.expected(job.name, epoch),
            events=tuple(journal.events),
            http_calls=tuple(journal.http_calls),
            llm_calls=tuple(journal.llm_calls),
            files=tuple(journal.files),
            faults=tuple(journal.faults),
        )
        world.jobs.finish(run)
        return run

    def _call(
        self, job: Job, context: FakeContext, journal: Journal
    ) -> tuple[Any, Outcome, RunError | None, str | None]:
        """Return what the job returned, how that counts, its error, and the limit that it passed."""
        world, clock = self._world, self._clock
        clock.deadline, clock.expired = clock.epoch + world.time_limit, None
        value, outcome, error = None, Outcome.OK, None
        try:
            self._real_time.start(world.time_limit)
            try:
                with self._guard.watch(journal.fault, loopback=world.loopback):
                    value = job.function(context)
                    if inspect.iscoroutine(value):
                        value = loop.run(value, clock)
            finally:
                self._real_time.stop()
            outcome, error = _judged(value, job)
        except TimeLimitExceeded as limit:
            clock.expired = str(limit)
        except (MemoryLimitExceeded, MemoryError):
            outcome = Outcome.OUT_OF_MEMORY
        except KeyboardInterrupt:
            world.jobs.abandon(job.manifest.slug, job.name)
            raise
        except BaseException as crash:  # noqa: BLE001  whatever a plugin raises is its outcome
            outcome, error = Outcome.CRASHED, _told(crash, job)
        clock.deadline = None
        if clock.expired is not None:  # also where the job has swallowed it, or a thread of the job passed the limit
            why = f" ({clock.expired})" if clock.expired else ""
            return None, Outcome.TIMED_OUT, None, f"timed out: the limit is {world.time_limit:g} s{why}"
        if outcome is Outcome.OUT_OF_MEMORY:
            return None, outcome, None, f"out of memory: the limit is {world.memory.limit_mb:g} MB"
        return (value if outcome is not Outcome.CRASHED else None), outcome, error, None


def _judged(value: Any, job: Job) -> tuple[Outcome, RunError | None]:
    """Read from a returned value whether the job says it failed: the platform's own convention for errors."""
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        message = "the job is a generator, so its code never ran; remove `yield`"
        return Outcome.CRASHED, RunError(type="", message=message, place=job.place)
    if isinstance(value, Mapping) and (value.get("status") == "error" or value.get("success") is False):
        message = value.get("error") or value.get("message") or "the job returned a failure without saying why"
        return Outcome.FAILED, RunError(type="", message=str(message))
    return Outcome.OK, None


def _told(crash: BaseException, job: Job) -> RunError:
    """Keep of a traceback what stands in the plugin: the frames of the kit say nothing to its author."""
    frames = traceback.extract_tb(crash.__traceback__)
    own = [
        traceback.FrameSummary(shown, frame.lineno or 0, frame.name, line=frame.line)
        for frame in frames
        if (shown := shown_path(frame.filename, job.root)) is not None
    ]
    ending = "".join(traceback.format_exception_only(crash))  # survives an exception that cannot be shown
    text = "".join(["Traceback (most recent call last):\n", *traceback.format_list(own), ending])
    where = place([(frame.filename, frame.lineno or 0) for frame in frames], job.root) or job.place
    return RunError(type=type(crash).__name__, message=_message(crash), place=where, traceback=text)


def _message(crash: BaseException) -> str:
    if isinstance(crash, SystemExit):
        return f"exit code {crash.code}"
    try:
        return str(crash)
    except Exception as error:  # noqa: BLE001  an exception of the plugin's own making
        return f"<its text raised {type(error).__name__}>"


def _redacted(error: RunError, redact: Any) -> RunError:
    return RunError(
        type=error.type,
        message=redact(error.message),
        place=error.place,
        traceback=redact(error.traceback) if error.traceback else None,
    )
