"""Running one job once: call it, see how it ended, and write the run.

The runner never sleeps and never decides when; whoever calls it has moved the clock.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import MemoryLimitExceeded, TimeLimitExceeded
from sbh_jobkit.fakes.host.rules import HostRules
from sbh_jobkit.plugin.places import authors_terms, raised_at, shown_path
from sbh_jobkit.run import eventloop as loop
from sbh_jobkit.run.capture import Capture
from sbh_jobkit.run.guard import Guard
from sbh_jobkit.run.limits import RealMemory, RealTime
from sbh_jobkit.run.outcome import CallResult
from sbh_jobkit.run.run import Outcome, Run, RunError
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.simulation.idempotency import repeated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from zoneinfo import ZoneInfo

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.context import FakeContext
    from sbh_jobkit.fakes.faults.injector import ActivePlan, FaultInjector
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Recorder


@dataclass(frozen=True, slots=True)
class _Terms:
    """What one run is held to, and what happens to it."""

    time_limit: float
    memory: RealMemory | None
    host: HostRules | None
    trouble: FaultInjector | None


class Runner:
    """Runs jobs in a fake tenant under an open clock; `with` it around any number of runs."""

    __slots__ = ("_capture", "_clock", "_guard", "_keep", "_level", "_loops", "_plan", "_real_time", "_world")

    def __init__(self, world: World, clock: VirtualClock, *, keep: bool = True, plan: ActivePlan | None = None) -> None:
        """Serve one world; `keep` says whether each run knows the world before and after it, `plan` what goes wrong."""
        self._world = world
        self._keep = keep
        self._plan = plan
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

    def run(
        self,
        job: Job,
        fire: float,
        schedule: Schedule | ZoneInfo,
        *,
        started: float | None = None,
        reason: str | None = None,
    ) -> Run:
        """Run a job that was due at `fire`, at `started` if that is later, and return what happened.

        Both are epoch seconds; naive times of the job are in the zone of its schedule, or in the zone that is given
        for one without.
        """
        world, clock = self._world, self._clock
        zone = schedule.tz if isinstance(schedule, Schedule) else schedule
        fire_time = datetime.fromtimestamp(fire, zone)
        begin = fire if started is None else started
        clock.move_to(begin, zone)
        before = world.snapshot() if self._keep else None
        journal = world.journal(job.root)
        trouble = self._plan.over(world.tenant_id, job, fire) if self._plan is not None else None
        context = world.open(journal, job.manifest.permissions, zone, trouble)
        world.jobs.start(job.manifest.slug, job.name)
        with self._capture:
            ending = self._call(job, context, journal, trouble)
        redact, error = world.redactor(), ending.error
        out, err, logs = self._capture.take()
        if out or err or logs:
            journal.output(out, err, logs)
        note = schedule.note(fire_time) if isinstance(schedule, Schedule) and schedule.cron.fixed else None
        started_at = fire_time if begin == fire else datetime.fromtimestamp(begin, zone)
        reason = "; ".join(filter(None, (ending.reason, reason, note))) or None
        if error is not None:
            error = _redacted(error, lambda text: authors_terms(redact.text(text), job.root))
        why = error.message if error is not None else reason
        world.jobs.finish(job.manifest.slug, job.name, started_at=started_at, outcome=ending.outcome, why=why)
        return Run(
            tenant=world.tenant_id,
            plugin=job.manifest.slug,
            job=job.name,
            fire_time=fire_time,
            started_at=started_at,
            duration=clock.since(begin),
            outcome=ending.outcome,
            reason=reason,
            value=redact.value(ending.value),
            error=error,
            stdout=redact.text(out),
            stderr=redact.text(err),
            logs=tuple(authors_terms(redact.text(line)) for line in logs),
            expected=world.expected(job.name, fire),
            events=tuple(journal.events),
            http_calls=tuple(journal.http_calls),
            llm_calls=tuple(journal.llm_calls),
            files=tuple(journal.files),
            rows_read=journal.rows_read,
            faults=tuple(journal.faults),
            troubles=trouble.told if trouble is not None else (),
            before=before,
            after=world.snapshot() if self._keep else None,
        )

    def twice(
        self, job: Job, fire: float, schedule: Schedule | ZoneInfo, *, started: float, reason: str | None = None
    ) -> Run:
        """Do as `run` does, and let the run know what a second one did, of which nothing stays."""

        def again() -> Run:
            return self.run(job, fire, schedule, started=started, reason=reason)

        run = again()
        with self._plan.undone() if self._plan is not None else nullcontext():
            return repeated(run, again, self._world, self._clock)

    def _call(self, job: Job, context: FakeContext, journal: Recorder, trouble: FaultInjector | None) -> CallResult:
        """Call the job, and tell how that ended."""
        world, clock = self._world, self._clock
        host = self._host_rules(job, journal)
        time_limit = host.time_limit if host else world.time_limit
        memory = RealMemory(world.memory.limit_mb, ends=host is None) if world.memory.measured else None
        terms = _Terms(time_limit, memory, host, trouble)
        clock.deadline, clock.expired = clock.epoch + time_limit, None
        try:
            value = self._value(job, context, journal, terms)
            ending = _judged(value, job)
        except TimeLimitExceeded as limit:
            clock.expired = str(limit)
            ending = CallResult(outcome=Outcome.TIMED_OUT, place=raised_at(limit, job.root))
        except (MemoryLimitExceeded, MemoryError) as full:
            ending = CallResult(outcome=Outcome.OUT_OF_MEMORY, place=raised_at(full, job.root))
        except KeyboardInterrupt:
            world.jobs.abandon(job.manifest.slug, job.name)
            raise
        except BaseException as crash:  # noqa: BLE001  whatever a plugin raises is its outcome
            error = _told(crash, job)
            exited = isinstance(crash, SystemExit)
            ending = CallResult(outcome=Outcome.CRASHED, error=error, place=error.place, exited=exited)
        clock.deadline = None
        if trouble is not None and trouble.killed is not None:
            return CallResult(outcome=Outcome.CRASHED, reason=f"crashed: {trouble.killed}")
        if clock.expired is not None:  # also where the job has swallowed it, or a thread of the job passed the limit
            why = f" ({clock.expired})" if clock.expired else ""
            where = f", passed at {ending.place}" if ending.place else ""
            reason = f"timed out: the limit is {time_limit:g} s{where}{why}"
            ending = CallResult(outcome=Outcome.TIMED_OUT, reason=reason, place=ending.place)
        elif ending.outcome is Outcome.OUT_OF_MEMORY or (memory is not None and memory.ended):
            reason = f"out of memory: the limit is {world.memory.limit_mb:g} MB"
            ending = CallResult(outcome=Outcome.OUT_OF_MEMORY, reason=reason, place=ending.place)
        return host.counted(ending, past_memory=memory is not None and memory.passed) if host else ending

    def _value(self, job: Job, context: FakeContext, journal: Recorder, terms: _Terms) -> Any:
        self._real_time.start(terms.time_limit)
        try:
            with self._guard.watch(journal.fault, loopback=self._world.loopback), terms.memory or nullcontext():
                value = job.function(context)
                if inspect.iscoroutine(value):
                    value = terms.host.left_alone(value) if terms.host else loop.run(value, self._clock)
                if terms.trouble is not None:
                    terms.trouble.linger()
        finally:
            self._real_time.stop()
        return value

    def _host_rules(self, job: Job, journal: Recorder) -> HostRules | None:
        world = self._world
        if world.target != "host":
            return None
        return HostRules(job, journal, time_limit=world.time_limit, limit_mb=world.memory.limit_mb)


def _judged(value: Any, job: Job) -> CallResult:
    """Read from a returned value whether the job says it failed: the platform's own convention for errors."""
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        message = "the job is a generator, so its code never ran; remove `yield`"
        return CallResult(outcome=Outcome.CRASHED, error=RunError(type="", message=message, place=job.place))
    if isinstance(value, Mapping) and (value.get("status") == "error" or value.get("success") is False):
        message = value.get("error") or value.get("message") or "the job returned a failure without saying why"
        return CallResult(outcome=Outcome.FAILED, value=value, error=RunError(type="", message=str(message)))
    return CallResult(outcome=Outcome.OK, value=value)


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
    where = raised_at(crash, job.root) or job.place
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
