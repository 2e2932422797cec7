"""The supervisor of one run: it forks the child, captures its output, keeps the limits, and leaves no process behind.

It is a process of its own, with one thread, in its own session. Processes of the run whose parents have ended become
its children, so it finds those that left their group or their session, too. When the server dies, the channel to it
closes, and the run is killed.
"""

from __future__ import annotations

import os
import selectors
import signal
import traceback
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit.engines import child
from sbh_jobkit.engines.cgroup import Group, find_place
from sbh_jobkit.engines.kept import KeptText, KeptTrace, Redaction
from sbh_jobkit.engines.lease import elapsed
from sbh_jobkit.engines.memory import Memory
from sbh_jobkit.engines.messages import Lines, Message, pack
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.machine.processes import become_subreaper, end_children, is_stopped

if TYPE_CHECKING:
    import socket

_LOADING_MB = 1024.0
"""The memory limit of loading a plugin and making its tenant."""
_GRACE = 1.0
"""Seconds between the exception that the time limit raises in the job and the end of its processes."""
_CHUNK = 1 << 16
_MOST_WAITING = 8 << 20
"""Bytes for a server that is slow to read; beyond them the child's reports wait."""
_SLICE = 0.1
_PATIENCE = 5.0
"""Seconds for the rest of the output."""


def supervise(channel: socket.socket) -> NoReturn:
    """Carry out the request that comes first on the channel, in this freshly forked process, and end the process."""
    try:
        os.setsid()
        become_subreaper()
        first = Lines()
        while data := channel.recv(_CHUNK):
            if messages := first.feed(data):
                _Supervisor(channel, RunRequest(**messages[0])).run(messages[1:])
    except BaseException:  # noqa: BLE001  the server sees the channel close; why, is for its error output
        traceback.print_exc()
    finally:
        end_children()
        os._exit(0)


class _Supervisor:
    def __init__(self, channel: socket.socket, request: RunRequest) -> None:
        self._channel = channel
        self._stdout, self._stderr, self._trace = KeptText(), KeptText(), KeptTrace()
        self._redaction = Redaction()
        self._from_server, self._from_child = Lines(), Lines()
        self._unsent = bytearray()
        self._ended_by: Message = {}
        self._paused = self._sending = self._is_over = False
        self._loading_seconds = request.loading_seconds
        self._root = ""
        self._lease = float("inf")
        self._selector = selectors.DefaultSelector()
        self._pid, self._orders = self._fork(request)
        self._group = Group.create(self._pid, find_place())
        self._began = monotonic()
        self._limit(self._loading_seconds, _LOADING_MB)

    def run(self, more: list[Message]) -> NoReturn:
        """Supervise the run to its end; `more` came together with the request."""
        self._obey(more)
        while not self._has_ended():
            self._look()
            self._handle(max(0.0, min(self._memory.seconds, self._deadline - monotonic(), self._lease - elapsed())))
        ended, self._is_over = monotonic(), True
        _, how, usage = os.wait4(self._pid, 0)
        memory = self._memory.most(usage.ru_maxrss)
        end_children()
        if self._group is not None:
            self._ended_by = self._ended_by or ({"by": "memory"} if self._group.has_killed else {})
            self._group.remove()
        self._selector.unregister(self._pidfd)
        self._read_rest()
        texts = self._redaction.apply(self._stdout.take(), self._stderr.take())
        place, code = self._trace.place(self._root), os.waitstatus_to_exitcode(how)
        known = {"code": code, "place": place, "seconds": ended - self._began, "memory_mb": memory}
        self._send(kind="over", **known, **self._ended_by, **texts)
        self._channel.setblocking(True)
        with suppress(OSError):  # the server may be slow: what it asked for is kept until it reads, or ends
            self._channel.sendall(self._unsent)
        os._exit(0)

    def _fork(self, request: RunRequest) -> tuple[int, int]:
        """Fork the child, and begin to listen to it and to the server."""
        pipes = [os.pipe() for _ in range(4)]
        orders, go = os.pipe()
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._channel.close()
            for descriptor in (go, *(reads for reads, _ in pipes)):
                os.close(descriptor)
            out, err, report, trace = (writes for _, writes in pipes)
            child.main(request, child.Pipes(out, err, report, trace, orders), me)
        with suppress(OSError):  # the child does it, too, and may be the first
            os.setpgid(pid, pid)
        for descriptor in (orders, *(writes for _, writes in pipes)):
            os.close(descriptor)
        takers = self._stdout.feed, self._stderr.feed, self._hear, self._trace.feed
        for (reads, _), take in zip(pipes, takers, strict=True):
            os.set_blocking(reads, False)
            self._selector.register(reads, selectors.EVENT_READ, take)
        self._channel.setblocking(False)
        self._selector.register(self._channel, selectors.EVENT_READ, self._listen)
        self._pidfd = os.pidfd_open(pid)
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        self._reports = pipes[2][0]
        return pid, go

    def _read_rest(self) -> None:
        """Read what is left in the pipes; a program outside of the run may hold one, and is not waited for long."""
        since = monotonic()
        while self._paused or (len(self._selector.get_map()) > 1 and monotonic() - since < _PATIENCE):
            self._handle(_SLICE)
            since = monotonic() if self._paused else since

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _limit(self, seconds: float, memory_mb: float) -> None:
        self._deadline = monotonic() + seconds + _GRACE
        self._memory = Memory(self._pid, memory_mb)

    def _look(self) -> None:
        """End the run where it has passed a limit."""
        if elapsed() >= self._lease:
            self._lease = float("inf")
            self._end(by="lease")
        elif monotonic() >= self._deadline:
            self._end(by="time", why="it had stopped itself" if is_stopped(self._pid) else None)
        elif self._memory.is_due and self._memory.look():
            self._end(by="memory")

    def _end(self, **how: Any) -> None:
        """Kill the child, unless it has ended; the first reason counts."""
        if self._is_over:
            return
        self._ended_by = self._ended_by or how
        self._deadline = monotonic() + _GRACE
        os.kill(self._pid, signal.SIGKILL)

    def _handle(self, seconds: float) -> None:
        """Read what has come, and wait at most so long for it."""
        for key, events in self._selector.select(seconds):
            if events & selectors.EVENT_WRITE:
                self._flush()
            if events & selectors.EVENT_READ and key.data is not None:
                self._read(key)

    def _read(self, key: selectors.SelectorKey) -> None:
        try:
            data = os.read(key.fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            key.data(data)
        elif key.fileobj is self._channel:
            self._end_alone()
        else:
            self._selector.unregister(key.fileobj)
            os.close(key.fd)

    def _end_alone(self) -> NoReturn:
        """Kill the run, since the server is gone and nobody wants to know more."""
        end_children()
        if self._group is not None:
            self._group.remove()
        os._exit(0)

    def _listen(self, data: bytes) -> None:
        self._obey(self._from_server.feed(data))

    def _obey(self, messages: list[Message]) -> None:
        for message in messages:
            if message["do"] == "go":
                self._deadline = monotonic() + self._loading_seconds + _GRACE  # for opening the tenant
                with suppress(OSError):  # the child has just died
                    os.write(self._orders, pack(**message))
            elif message["do"] == "lease":
                self._lease = elapsed() + message["seconds"]
            else:
                self._end(by="person", who=message["who"])

    def _hear(self, data: bytes) -> None:
        """Take what the child reports, and pass it on; the values of secrets stay here."""
        for message in self._from_child.feed(data):
            kind = message["kind"]
            if kind in {"began", "secret"}:
                self._redaction.learn(message)
            if kind == "secret":
                continue
            if kind == "began":
                self._began = monotonic()
                self._limit(message["seconds"], message["memory_mb"] if message["enforced"] else float("inf"))
                if self._group is not None and message["enforced"]:
                    self._group.limit(message["memory_mb"])
                message = {name: message[name] for name in ("kind", "started", "seconds", "memory_mb")}  # noqa: PLW2901
            elif kind == "ready":
                self._root = message["root"]
                self._deadline = float("inf")  # nothing runs until the server says go
            self._send(**message)

    def _send(self, **message: Any) -> None:
        self._unsent += pack(**message)
        self._flush()

    def _flush(self) -> None:
        """Send what the server takes now; while much waits for it, the child's reports wait, too."""
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._unsent:
                del self._unsent[: self._channel.send(self._unsent)]
        if bool(self._unsent) is not self._sending:
            self._sending = not self._sending
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._sending else 0)
            self._selector.modify(self._channel, events, self._listen)
        if len(self._unsent) > _MOST_WAITING and self._reports in self._selector.get_map():
            self._selector.unregister(self._reports)
            self._paused = True
        elif self._paused and len(self._unsent) <= _MOST_WAITING:
            self._selector.register(self._reports, selectors.EVENT_READ, self._hear)
            self._paused = False
