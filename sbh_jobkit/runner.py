"""Running one job once: call it, see how it ended, and write the run.

The runner never sleeps and never decides when; whoever calls it has moved the clock.
"""

from __future__ import annotations

import inspect
import traceback
from asyncio import CancelledError
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.capture import Capture
from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.limits import real_time
from sbh_jobkit.modules import place, shown_path
from sbh_jobkit.run import Outcome, Run, RunError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.journal import Journal
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin import Job


class Runner:
    """Runs jobs in a fake tenant, under a clock that is open."""

    def __init__(self, world: World, clock: VirtualClock) -> None:
        """Serve one world."""
        self._world = world
        self._clock = clock

    def run(self, job: Job, epoch: float, zone: ZoneInfo, note: str | None = None) -> Run:
        """Run a job at a fire time (epoch seconds), with naive times in `zone`, and return what happened."""
        world, clock = self._world, self._clock
        slug = job.manifest.slug
        clock.move_to(epoch, zone)
        journal = world.journal(job.root)
        context = world.open(journal, job.manifest.permissions, zone)
        world.jobs.start(slug, job.name)
        capture = Capture()
        value: Any = None
        error: RunError | None = None
        reason = note
        with capture:
            clock.deadline = epoch + world.time_limit
            try:
                with real_time(world.time_limit):
                    value = job.function(context)
                    if inspect.iscoroutine(value):
                        value = self._await(value)
                outcome, error = _judged(value)
            except TimeLimitExceeded as limit:
                outcome = Outcome.TIMED_OUT
                reason = f"timed out: the limit is {world.time_limit:g} s{f' ({limit})' if limit.args else ''}"
            except (MemoryLimitExceeded, MemoryError):
                outcome = Outcome.OUT_OF_MEMORY
                reason = f"out of memory: the limit is {world.memory.limit_mb:g} MB"
            except (Exception, SystemExit, CancelledError) as crash:  # noqa: BLE001  whatever a plugin raises is its outcome
                outcome, error = Outcome.CRASHED, _told(crash, job)
            finally:
                clock.deadline = None
        fire_time = datetime.fromtimestamp(epoch, zone)
        redact = world.redactor()
        run = Run(
            tenant=world.tenant_id,
            plugin=slug,
            job=job.name,
            fire_time=fire_time,
            started_at=fire_time,
            duration=timedelta(seconds=clock.epoch - epoch),
            outcome=outcome,
            reason=reason,
            value=redact.value(value),
            error=error and _redacted(error, redact.text),
            stdout=redact.text(capture.out.getvalue()),
            stderr=redact.text(capture.err.getvalue()),
            logs=tuple(map(redact.text, capture.logs.lines)),
            expected=world.expected(job.name, epoch),
            **_seen(journal),
        )
        world.jobs.finish(run)
        return run

    def _await(self, coroutine: Any) -> Any:
        from sbh_jobkit import loop

        return loop.run(coroutine, self._clock)


def _seen(journal: Journal) -> dict[str, Any]:
    return {
        "events": tuple(journal.events),
        "http_calls": tuple(journal.http_calls),
        "llm_calls": tuple(journal.llm_calls),
        "files": tuple(journal.files),
        "faults": tuple(journal.faults),
    }


def _judged(value: Any) -> tuple[Outcome, RunError | None]:
    """Read from a returned value whether the job says it failed: the platform's own convention for errors."""
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
    ending = "".join(traceback.format_exception_only(crash))
    text = "".join(["Traceback (most recent call last):\n", *traceback.format_list(own), ending])
    message = f"exit code {crash.code}" if isinstance(crash, SystemExit) else str(crash)
    where = place([(frame.filename, frame.lineno or 0) for frame in frames], job.root)
    return RunError(type=type(crash).__name__, message=message, place=where, traceback=text)


def _redacted(error: RunError, redact: Any) -> RunError:
    return RunError(
        type=error.type,
        message=redact(error.message),
        place=error.place,
        traceback=redact(error.traceback) if error.traceback else None,
    )
