"""The supervisor of a run: it forks the child, captures its output, keeps the limits, and leaves no process behind.

It is a process of its own, with one thread, in its own session. Processes of the run whose parents have ended become
its children, so it finds those that left their group or their session, too. When the server dies, the channel to it
closes, and the run is killed.

Where the server asks for it, supervisor and child wait for another run afterwards. The child is stopped meanwhile: it
does nothing that no limit ends.
"""

from __future__ import annotations

import os
import selectors
import signal
import traceback
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit.engines import child
from sbh_jobkit.engines.cgroup import Group, find_place
from sbh_jobkit.engines.messages import Lines, Message, pack
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.watched import WatchedRun
from sbh_jobkit.machine.processes import become_subreaper, descendants, end_children

if TYPE_CHECKING:
    import socket

    from sbh_jobkit.engines.memory import Memory

_CHUNK = 1 << 16
_MOST_WAITING = 8 << 20
"""Bytes for a server that is slow to read; beyond them the child's reports wait."""
_MOST_READS = 32
"""How often a pipe is read until it is empty: a program outside of the run may hold it, and write without end."""
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
                _Supervisor(channel, RunRequest(**messages[0])).supervise(messages[1:])
    except BaseException:  # noqa: BLE001  the server sees the channel close; why, is for its error output
        traceback.print_exc()
    finally:
        end_children()
        os._exit(0)


class _Supervisor:
    def __init__(self, channel: socket.socket, request: RunRequest) -> None:
        self._channel = channel
        self._from_server, self._from_child = Lines(), Lines()
        self._unsent = bytearray()
        self._paused = self._sending = self._is_over = self._is_idle = self._is_used_again = False
        self._loading_seconds = request.loading_seconds
        self._first: Memory | None = None
        """The memory of the first run, from its beginning."""
        self._selector = selectors.DefaultSelector()
        self._pid, self._orders = self._fork(request)
        self._group = Group.create(self._pid, find_place())
        self._run = WatchedRun(self._pid, self._loading_seconds, {})

    def supervise(self, more: list[Message]) -> NoReturn:
        """Supervise all runs of the child; `more` came together with the request."""
        self._obey(more)
        while not self._has_ended():
            if self._run.waits and not self._run.ended_by and not self._is_idle:
                self._rest()
            if not self._is_idle and (passed := self._run.passed()) is not None:
                self._end(**passed)
            self._handle(None if self._is_idle else self._run.seconds)
        self._finish()

    def _finish(self) -> NoReturn:
        """Report the run whose child has ended, and end with it."""
        ended, self._is_over = monotonic(), True
        run = self._run
        if self._is_idle or (self._is_used_again and not run.is_ready and not run.ended_by):
            self._end_alone()  # nothing has begun: the server sees the channel close, and asks for another process
        _, how, usage = os.wait4(self._pid, 0)
        end_children()
        if self._group is not None:
            run.ended_by = run.ended_by or ({"by": "memory"} if self._group.has_killed else {})
            self._group.remove()
        self._selector.unregister(self._pidfd)
        self._read_rest()
        run.waits = False
        self._send(kind="over", **run.over(ended, usage.ru_maxrss, os.waitstatus_to_exitcode(how)))
        self._channel.setblocking(True)
        with suppress(OSError):  # the server may be slow: what it asked for is kept until it reads, or ends
            self._channel.sendall(self._unsent)
        os._exit(0)

    def _rest(self) -> None:
        """Stop the child, which has said that it waits, and report its run; or end it where something is left."""
        ended, run = monotonic(), self._run
        os.kill(self._pid, signal.SIGSTOP)
        run.left = self._left()
        if run.left is not None:
            run.waits = False
            os.kill(self._pid, signal.SIGKILL)
            return
        self._read_written()
        self._is_idle = True
        self._send(kind="over", **run.over(ended))

    def _left(self) -> str | None:
        """Return what keeps the child from another run."""
        memory = self._run.memory
        if descendants() != [self._pid]:
            return "a child process"
        if self._group is not None and self._group.has_killed:
            return "a group in which the kernel has ended a process for its memory"
        if self._first is not None and memory.grown_since(self._first) > memory.limit_mb:
            return "more memory, over all runs, than one run may use"
        return None if memory.is_reset else "a peak of memory that the kernel does not forget"

    def _begin(self, message: Message) -> None:
        """Let the child have another run."""
        self._read_written()  # what was written since the last run was over belongs to none
        self._run = WatchedRun(self._pid, self._loading_seconds, self._run.secrets)
        self._is_idle, self._is_used_again = False, True
        self._order(message)
        os.kill(self._pid, signal.SIGCONT)

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
        os.set_blocking(go, False)
        takers = partial(self._keep, "stdout"), partial(self._keep, "stderr"), self._hear, partial(self._keep, "trace")
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

    def _read_written(self) -> None:
        """Read all that was written so far to the output and the trace."""
        for key in [*self._selector.get_map().values()]:
            if key.data is not None and key.fd not in {self._channel.fileno(), self._reports}:
                for _ in range(_MOST_READS):
                    if not self._read(key):
                        break

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end(self, **how: Any) -> None:
        """Kill the child, unless its run is over; the first reason counts."""
        if self._is_over or self._is_idle:
            return
        self._run.end(how)
        os.kill(self._pid, signal.SIGKILL)

    def _handle(self, seconds: float | None) -> None:
        """Read what has come, and wait at most so long for it."""
        for key, events in self._selector.select(seconds):
            if events & selectors.EVENT_WRITE:
                self._flush()
            if events & selectors.EVENT_READ and key.data is not None:
                self._read(key)

    def _read(self, key: selectors.SelectorKey) -> bool:
        """Read once; return whether there may be more."""
        try:
            data = os.read(key.fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            key.data(data)
        elif key.fileobj is self._channel:
            self._end_alone()
        else:
            self._selector.unregister(key.fileobj)
            os.close(key.fd)
        return len(data) == _CHUNK

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
            what = message["do"]
            if what == "run":
                self._begin(message)
            elif self._is_idle:
                continue  # it was for the run that is over
            elif what == "go":
                self._run.go()
                self._order(message)
            elif what == "lease":
                self._run.renew(message["seconds"])
            else:
                self._end(by="person", who=message["who"])

    def _order(self, message: Message) -> None:
        with suppress(OSError):  # the child has just died, or does not read: then it is never ready
            os.write(self._orders, pack(**message))

    def _keep(self, what: str, data: bytes) -> None:
        self._run.keep(what, data)

    def _hear(self, data: bytes) -> None:
        """Take what the child reports, and pass it on; the values of secrets stay here."""
        run = self._run
        for message in self._from_child.feed(data):
            if message["kind"] == "refused" and self._is_used_again and not run.is_ready:
                continue  # another process may do better
            shown = run.hear(message)
            if message["kind"] == "began" and self._group is not None and message["enforced"]:
                self._group.limit(message["memory_mb"])
            if message["kind"] == "began" and self._first is None:
                self._first = run.memory
            if shown is not None:
                self._send(**shown)

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
