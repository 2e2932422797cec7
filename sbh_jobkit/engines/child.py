"""The child process of one run: it loads the plugin, waits for *go*, runs the job and reports what happens.

The job's code shares this process with the reporter, so a job that means harm can report what it likes. The limits
hold all the same: the supervisor keeps them from outside.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import io
import os
import resource
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit import clock
from sbh_jobkit.engines.calls import job_of
from sbh_jobkit.engines.memory import build_wall
from sbh_jobkit.engines.messages import Lines, pack
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.machine.processes import die_with_parent, libc
from sbh_jobkit.plugin.loader import real_imports
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.capture import Output
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.outcome import crashed
from sbh_jobkit.run.record import ENTRIES
from sbh_jobkit.run.rendering import rendered
from sbh_jobkit.run.run import jsonable
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.run.session import Call
from sbh_jobkit.schedule.times import zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.engines.request import RunRequest
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Entry
    from sbh_jobkit.run.session import Session, Tenant

_HIGH = 800
"""Descriptors of ours begin here where they can: jobs that close theirs close small numbers."""
_PIPE_MOST = 4096
"""Bytes that a pipe takes whole."""
_FIELDS = {kind: field for field, kind in ENTRIES.items()}


@dataclass(frozen=True, slots=True)
class Pipes:
    """The child's ends: where it writes output, reports and traces, and where it reads what to do."""

    out: int
    err: int
    report: int
    trace: int
    orders: int


def main(request: RunRequest, pipes: Pipes, parent: int) -> NoReturn:
    """Run the job of a request in this freshly forked process, and end the process."""
    try:
        child = _Child(request, _arrange(pipes, parent))
        child.run()
    finally:
        os._exit(1)  # nothing of the processes that this one was forked from may go on here


class _Child:
    def __init__(self, request: RunRequest, pipes: Pipes) -> None:
        self._request = request
        self._pipes = pipes
        self._report = _Reporter(pipes.report)

    def run(self) -> NoReturn:
        ready = self._load()
        self._report("ready", tenant=ready[1].id, slug=ready[0].manifest.slug, root=f"{ready[0].root or ''}")
        reason = self._wait_for_go()
        try:
            self._report("ended", run=self._run(*ready, reason))
        except BaseException as error:  # noqa: BLE001  a tenant's services may raise anything
            self._refuse(error)
        os._exit(0)

    def _load(self) -> tuple[Job, Tenant]:
        """Return job and tenant, or end the process with the reason."""
        request = self._request
        try:
            tenant: Any = request.make_tenant()
            if hasattr(tenant, "redactor"):  # before the plugin's code, which may print what it finds
                self._report("secret", names=tenant.redactor().given)
            with real_imports():
                return job_of(Plugin.load(request.plugin), request.job, request.call), tenant
        except BaseException as error:  # noqa: BLE001  a plugin's imports, and a tenant's services, may raise anything
            self._refuse(error)

    def _refuse(self, error: BaseException) -> NoReturn:
        reason = f"{error}" if isinstance(error, JobkitError) else f"{type(error).__name__}: {error}"
        self._report("refused", reason=reason)
        os._exit(0)

    def _wait_for_go(self) -> str | None:
        lines = Lines()
        while data := os.read(self._pipes.orders, _PIPE_MOST):
            for message in lines.feed(data):
                reason: str | None = message["reason"]
                return reason
        os._exit(0)  # the supervisor has ended

    def _run(self, job: Job, tenant: Tenant, reason: str | None) -> dict[str, Any]:
        schedule = job.schedule_in(zone(self._request.timezone) if self._request.timezone else None)
        tz: ZoneInfo = zone(self._request.timezone or job.manifest.timezone or "UTC")
        runner = Runner(tenant, _ReportingSandbox(self._report, self._pipes.trace))
        started = clock.now(UTC).timestamp()
        return runner.run(job, self._request.fire, schedule or tz, started=started, reason=reason).to_dict()


class _ReportingSandbox(DirectSandbox):
    """Reports what the job does, as it happens."""

    __slots__ = ("_report",)

    def __init__(self, report: _Reporter, trace: int) -> None:
        super().__init__(trace=trace)
        self._report = report

    def call(self, job: Job, session: Session) -> Call:
        limits, recorder = session.limits, session.recorder
        recorder.listen(self._entry, lambda name, value: self._report("secret", names={value: name}))
        self._logged = lambda line: self._report("log", line=session.redactor().text(line))
        began = {"seconds": limits.seconds, "memory_mb": limits.memory_mb, "enforced": limits.enforced}
        names = session.redactor().given
        self._report("began", **began, names=names, allowed=list(recorder.allowed), started=clock.now(UTC).isoformat())
        try:
            return super().call(job, session)
        except KeyboardInterrupt as error:  # raised by the job: nobody presses Ctrl-C here
            return Call(rendered(crashed(error, job), job, session), Output("", "", ()), timedelta(0))

    def _entry(self, entry: Entry) -> None:
        self._report("entry", field=_FIELDS[type(entry)], entry=jsonable(asdict(entry)))


class _Reporter:
    """Writes messages for the supervisor, in this process only: one that the job forks reports nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pid = os.getpid()
        self._lock = threading.RLock()  # the alarm may ring while a message is being written

    def __call__(self, kind: str, **fields: Any) -> None:
        if os.getpid() != self._pid:
            return
        data = memoryview(pack(kind=kind, **fields))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def _arrange(pipes: Pipes, parent: int) -> Pipes:
    """Make this process one that a job can run in: its own group, streams, limits and signals."""
    die_with_parent()
    if os.getppid() != parent:  # it died before
        os._exit(0)
    os.setpgid(0, 0)
    build_wall()
    os.dup2(pipes.out, 1)
    os.dup2(pipes.err, 2)
    for descriptor in (pipes.out, pipes.err):
        os.close(descriptor)
    sys.stdout = sys.__stdout__ = _unbuffered(1)  # type: ignore[misc] # final for code that shares its process
    sys.stderr = sys.__stderr__ = _unbuffered(2)  # type: ignore[misc] # as above
    for name in ("stdout", "stderr"):
        libc().setvbuf(ctypes.c_void_p.in_dll(libc(), name), None, 2, 0)  # _IONBF: what C code prints survives a kill
    moved = Pipes(-1, -1, _moved(pipes.report), _moved(pipes.trace), _moved(pipes.orders))
    faulthandler.enable(moved.trace, all_threads=False)
    return moved


def _unbuffered(descriptor: int) -> io.TextIOWrapper:
    raw: Any = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def _moved(descriptor: int) -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, min(_HIGH, most // 2))
    os.close(descriptor)
    return high
