"""The child process of runs: it loads the plugin, waits for *go*, runs the job and reports what happens.

It has one run, or several of the same plugin and tenant, one after another. The tenant is made for each of them.

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
from collections import deque
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit import clock
from sbh_jobkit.engines import leftover
from sbh_jobkit.engines.calls import job_of
from sbh_jobkit.engines.kept import bounded
from sbh_jobkit.engines.memory import build_wall
from sbh_jobkit.engines.messages import Lines, Message, pack
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.machine.processes import die_with_parent, libc
from sbh_jobkit.plugin.loader import real_imports
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.capture import Output
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.outcome import crashed
from sbh_jobkit.run.record import ENTRIES
from sbh_jobkit.run.rendering import rendered
from sbh_jobkit.run.run import Outcome, Run, jsonable
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.run.session import Call
from sbh_jobkit.schedule.times import zone

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    """Run the job of a request in this freshly forked process, then those of later ones, and end the process."""
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
        self._lines, self._orders = Lines(), deque[Message]()
        self._secrets: dict[str, str] = {}
        """The names by values of all secrets that runs of this process have known."""

    def run(self) -> NoReturn:
        """Run the job, and those of later requests as long as the process may be used again."""
        tenant = self._make_tenant()
        plugin = self._load()
        before = leftover.State() if self._request.again else None
        while True:
            job = self._job(plugin)
            self._report("ready", tenant=tenant.id, slug=job.manifest.slug, root=f"{job.root or ''}")
            reason = self._wait_for("go")["reason"]
            try:
                run = copy_context().run(self._run, job, tenant, reason)
                self._report("ended", run=bounded(run.to_dict()))
                is_waiting = before is not None and self._is_left_alone(run, tenant, before)
            except BaseException as error:  # noqa: BLE001  a tenant's services may raise anything
                self._refuse(error)
            if not is_waiting:
                os._exit(0)
            del tenant, job, run
            self._request = self._request.following(self._wait_for("run"))
            tenant = self._make_tenant()

    def _make_tenant(self) -> Tenant:
        """Return the tenant of a run, or end the process with the reason."""
        try:
            tenant: Any = self._request.make_tenant()
            if self._secrets:
                tenant.remember(self._secrets)
            if hasattr(tenant, "redactor"):  # before the plugin's code, which may print what it finds
                self._learn(tenant.redactor().given)
        except BaseException as error:  # noqa: BLE001  a tenant's services may raise anything
            self._refuse(error)
        return tenant  # type: ignore[no-any-return] # what a factory returns

    def _load(self) -> Plugin:
        """Return the plugin, or end the process with the reason."""
        try:
            with real_imports():
                return Plugin.load(self._request.plugin)
        except BaseException as error:  # noqa: BLE001  a plugin's imports may raise anything
            self._refuse(error)

    def _job(self, plugin: Plugin) -> Job:
        try:
            return job_of(plugin, self._request.job, self._request.call)
        except BaseException as error:  # noqa: BLE001  a plugin's functions may be anything
            self._refuse(error)

    def _learn(self, secrets: Mapping[str, str]) -> None:
        """Let the supervisor know secrets that it does not know yet."""
        if not secrets.items() <= self._secrets.items():
            self._secrets |= secrets
            self._report("secret", names=secrets)

    def _refuse(self, error: BaseException) -> NoReturn:
        reason = f"{error}" if isinstance(error, JobkitError) else f"{type(error).__name__}: {error}"
        self._report("refused", reason=reason)
        os._exit(0)

    def _wait_for(self, what: str) -> Message:
        """Return the next order of a kind."""
        while True:
            while self._orders:
                if (order := self._orders.popleft())["do"] == what:
                    return order
            if not (data := os.read(self._pipes.orders, _PIPE_MOST)):
                os._exit(0)  # the supervisor has ended
            self._orders += self._lines.feed(data)

    def _run(self, job: Job, tenant: Tenant, reason: str | None) -> Run:
        schedule = job.schedule_in(zone(self._request.timezone) if self._request.timezone else None)
        tz: ZoneInfo = zone(self._request.timezone or job.manifest.timezone or "UTC")
        sandbox = _ReportingSandbox(self._report, self._pipes.trace, self._secrets)
        started = clock.now(UTC).timestamp()
        return Runner(tenant, sandbox).run(job, self._request.fire, schedule or tz, started=started, reason=reason)

    def _is_left_alone(self, run: Run, tenant: Any, before: leftover.State) -> bool:
        """Whether another run may follow; say what is left of this one if it may not."""
        if not self._request.again or run.outcome is not Outcome.OK or not hasattr(tenant, "remember"):
            return False
        tenant.close()
        left = before.left()
        self._report("waits", left=left)
        return left is None


class _ReportingSandbox(DirectSandbox):
    """Reports what the job does, as it happens."""

    __slots__ = ("_report", "_secrets")

    def __init__(self, report: _Reporter, trace: int, secrets: dict[str, str]) -> None:
        super().__init__(trace=trace)
        self._report = report
        self._secrets = secrets

    def call(self, job: Job, session: Session) -> Call:
        limits, recorder = session.limits, session.recorder
        recorder.listen(self._entry, self._learn)
        self._logged = lambda line: self._report("log", line=session.redactor().text(line))
        began = {"seconds": limits.seconds, "memory_mb": limits.memory_mb, "enforced": limits.enforced}
        names = session.redactor().given
        self._secrets |= names
        self._report("began", **began, names=names, allowed=list(recorder.allowed), started=clock.now(UTC).isoformat())
        try:
            return super().call(job, session)
        except KeyboardInterrupt as error:  # raised by the job: nobody presses Ctrl-C here
            return Call(rendered(crashed(error, job), job, session), Output("", "", ()), timedelta(0))

    def _learn(self, name: str, value: str) -> None:
        self._secrets[value] = name
        self._report("secret", names={value: name})

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
