"""The starter: a process with the kit loaded and nothing else, from which each run's processes are forked.

It has one thread and never a plugin's code, so that what it forks begins within milliseconds, shares its memory, and
inherits no lock that another thread holds. A server starts it, over a UNIX socket, and it ends with the server.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Self

from sbh_jobkit.engines.cgroup import find_place, remove_left
from sbh_jobkit.engines.handle import RunHandle
from sbh_jobkit.engines.pool import Pool, Process
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.machine.processes import become_subreaper, end_children, is_stopped
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from sbh_jobkit.engines.account import Account
    from sbh_jobkit.engines.messages import Message
    from sbh_jobkit.engines.request import RunRequest

_NEEDED = (
    *("sbh_jobkit.engines.supervisor", "sbh_jobkit.plugin.sdk", "sbh_jobkit.context.context"),
    *("asyncio", "encodings.ascii", "importlib.readers", "tzdata"),
)
"""What the child would load otherwise, each time."""
_LOOK = 1000
"""Milliseconds between two looks at the supervisors."""
_PATIENCE = 30.0
"""Seconds for the starter to load the kit."""


class Starter:
    """A starter process, as a server sees it; it is started again when it has died."""

    def __init__(self, modules: Iterable[str] = (), *, runs_per_process: int = 1, waiting: int = 0) -> None:
        """Load `modules` ahead, such as those of tenants' factories; use `start`.

        A process has at most `runs_per_process` runs, and at most `waiting` processes wait for another one.
        """
        self._modules = tuple(modules)
        self._pool = Pool(runs_per_process, waiting)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket

    @classmethod
    def start(cls, modules: Iterable[str] = (), *, runs_per_process: int = 1, waiting: int = 0) -> Self:
        """Start the process; raises JobkitError if it cannot load a module, or one that starts threads."""
        starter = cls(modules, runs_per_process=runs_per_process, waiting=waiting)
        starter.check()
        return starter

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of the process, None before the start and after the end."""
        return self._process.pid if self._process is not None else None

    def check(self) -> None:
        """Start the process if it is not there, has died, or was stopped by a signal."""
        if sys.platform != "linux":
            msg = f"runs in processes of their own need Linux, and this is {sys.platform}; simulations run here, too"
            raise JobkitError(msg)
        with self._lock:
            if self._process is None or self._process.poll() is not None or is_stopped(self._process.pid):
                self._start()

    def request(self, request: RunRequest, on_message: Callable[[Message], object] | None = None) -> RunHandle:
        """Ask for a run: its child loads the plugin and waits for `go`.

        `on_message` is called with each message of the run, in the thread that waits for the run.
        """
        return RunHandle(partial(self._ask, request), request, on_message, partial(self._release, request))

    def _ask(self, request: RunRequest, *, new: bool = False) -> Process:
        """Return a process that was asked for the run: one that waits, or a new one."""
        self.check()
        if not new and self._pool.is_used and (process := self._pool.take(request)) is not None:
            return process
        return self._new(replace(request, again=self._pool.is_used))

    def _release(self, request: RunRequest, process: Process, account: Account) -> None:
        """Let the process of a run that is over wait for another one, unless it ends, or its starter has died."""
        if account.left is not None:
            self._pool.note(request, account.left)
        with self._lock:
            if account.waits and process.starter is self._process:
                self._pool.give(process)
            else:
                process.channel.close()

    def _new(self, request: RunRequest) -> Process:
        """Return a new process."""
        ours, theirs = socket.socketpair()
        try:
            with self._lock:
                try:
                    socket.send_fds(self._channel, [b"R"], [theirs.fileno()])
                except OSError:  # it has died since
                    self._start()
                    socket.send_fds(self._channel, [b"R"], [theirs.fileno()])
                starter = self._process
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        with suppress(OSError):  # where the other end is gone, the handle finds it closed
            ours.sendall(b"%s\n" % request.to_json().encode())
        return Process(channel=ours, request=request.shared, starter=starter)

    def close(self) -> None:
        """End the process; runs that go on are not ended by it."""
        with self._lock:
            self._stop()

    def _start(self) -> None:
        self._stop()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            line = [sys.executable, "-P", "-m", "sbh_jobkit.engines.starter", f"{theirs.fileno()}", *self._modules]
            self._process = subprocess.Popen(  # noqa: S603  this interpreter and this module
                line, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._channel.settimeout(_PATIENCE)
        try:
            answer = self._channel.recv(1 << 16).decode()
        except OSError as error:
            answer = f"it did not answer: {error}"
        self._channel.settimeout(None)
        if answer != "ready":
            self._stop()
            msg = f"the process that starts runs cannot begin: {answer or 'it has died'}"
            raise JobkitError(msg)

    def _stop(self) -> None:
        self._pool.clear()
        if self._process is not None:
            self._channel.close()
            try:
                self._process.wait(0 if is_stopped(self._process.pid) else 1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def main(descriptor: int, modules: Iterable[str]) -> NoReturn:
    """Load the kit and `modules`, and fork a supervisor for each descriptor that comes over a socket."""
    channel = socket.socket(fileno=descriptor)
    channel.set_inheritable(False)
    become_subreaper()
    answer = _load(modules) or "ready"
    try:
        channel.send(answer.encode())
    except OSError:
        os._exit(0)  # the server is gone already
    gc.collect()
    gc.freeze()  # what is loaded stays in pages that all runs share
    remove_left(find_place())
    supervisors: dict[int, int] = {}
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    while True:
        for pid in filter(is_stopped, supervisors.values()):  # by its run, which nobody would end then
            os.kill(pid, signal.SIGKILL)
        for descriptor_, _ in poll.poll(_LOOK if supervisors else None):
            if descriptor_ != channel.fileno():
                poll.unregister(descriptor_)
                _bury(supervisors.pop(descriptor_), descriptor_, supervisors)
                continue
            data, (theirs, *_), _, _ = _received(channel)
            if not data:
                os._exit(0)  # the server is gone; each supervisor notices by itself
            pid = _fork(theirs, [channel.fileno(), *supervisors])
            os.close(theirs)
            pidfd = os.pidfd_open(pid)
            supervisors[pidfd] = pid
            poll.register(pidfd, select.POLLIN)


def _received(channel: socket.socket) -> tuple[bytes, list[int], int, object]:
    try:
        data, descriptors, flags, address = socket.recv_fds(channel, 1, 1)
    except OSError:
        return b"", [-1], 0, None
    return data, descriptors or [-1], flags, address


def _load(modules: Iterable[str]) -> str | None:
    """Load everything that a run needs; return why it cannot be."""
    for name in (*_NEEDED, *modules):
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001  a module that a user named may raise anything
            return f"{name} cannot be loaded: {type(error).__name__}: {error}"
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  the names are enough
            return f"{name} starts a thread when it is loaded, and a process with threads must not be forked"
    Schedule("0 0 * * *")  # reads what schedules and time zones need
    return None


def _fork(channel: int, others: Iterable[int]) -> int:
    pid = os.fork()
    if pid == 0:
        from sbh_jobkit.engines.supervisor import supervise

        for descriptor in others:
            os.close(descriptor)
        supervise(socket.socket(fileno=channel))
    return pid


def _bury(pid: int, descriptor: int, supervisors: dict[int, int]) -> None:
    """Wait for a supervisor that has ended; where it was killed, end what it left."""
    os.close(descriptor)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    end_children(keep=supervisors.values())
    remove_left(find_place(), pid)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(int(sys.argv[1]), sys.argv[2:])
