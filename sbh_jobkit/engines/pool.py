"""Processes that wait for another run: each is used again only for what it was made for.

A process is a supervisor with its child, at the other end of a channel. While it waits, its child is stopped, so
nothing of a plugin runs there. It ends when the channel is closed.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from sbh_jobkit.engines.messages import pack

if TYPE_CHECKING:
    from sbh_jobkit.engines.request import RunRequest

_LOG = logging.getLogger("sbh_jobkit.engine")
_LONGEST = 60.0
"""Seconds without a run after which a process is ended, when the next run is asked for."""
_MOST = 4096
"""Bytes of a request that fit into the pipe to a child, whatever the kernel gives the pipe."""


@dataclass(slots=True)
class Process:
    """A supervisor with its child."""

    channel: socket.socket
    request: RunRequest
    """What all of its runs have in common."""
    starter: object
    """The starter process that it was forked from."""
    runs: int = 1
    """How many runs it was given."""
    since: float = 0.0
    """When it began to wait."""


class Pool:
    """The processes of one starter that wait for another run."""

    def __init__(self, runs: int, most: int) -> None:
        """Give each process at most so many runs, and let at most so many processes wait."""
        self._runs = runs
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[Process] = []
        """The one that has waited for longest is first."""
        self._logged: set[tuple[str, ...]] = set()

    @property
    def is_used(self) -> bool:
        """Whether a process may have more than one run."""
        return self._runs > 1

    def take(self, request: RunRequest) -> Process | None:
        """Return a process that has been given the request; None where none of its kind waits."""
        self._end_old()
        shared, asked = request.shared, pack(do="run", again=True, **request.own)
        while len(asked) <= _MOST and (process := self._found(shared)) is not None:
            process.runs += 1
            if process.runs >= self._runs:
                asked = pack(do="run", again=False, **request.own)
            if _is_alive(process.channel):
                with suppress(OSError):
                    process.channel.sendall(asked)
                    return process
            process.channel.close()
        return None

    def give(self, process: Process) -> None:
        """Let a process wait whose run has ended."""
        with self._lock:
            process.since = monotonic()
            self._waiting.append(process)
            more = max(0, len(self._waiting) - self._most)
            ended, self._waiting = self._waiting[:more], self._waiting[more:]
        _close(ended)
        self._end_old()

    def note(self, request: RunRequest, left: str) -> None:
        """Say once what a job leaves in its processes, so that they are not used again."""
        found = (request.tenant, request.slug, request.job, left)
        with self._lock:
            is_new = found not in self._logged
            self._logged.add(found)
        if is_new:
            facts = dict(zip(("tenant", "plugin", "job"), found, strict=False))
            text = "%s/%s: its process is not used again, since the run has left %s"
            _LOG.warning(text, *found[1:], extra={"facts": facts})

    def clear(self) -> None:
        """End all that wait."""
        with self._lock:
            ended, self._waiting = self._waiting, []
        _close(ended)

    def _found(self, shared: RunRequest) -> Process | None:
        """Take the process out that was used last: its memory is warm."""
        with self._lock:
            for number in range(len(self._waiting) - 1, -1, -1):
                if self._waiting[number].request == shared:
                    return self._waiting.pop(number)
        return None

    def _end_old(self) -> None:
        before = monotonic() - _LONGEST
        with self._lock:
            ended = [process for process in self._waiting if process.since < before]
            self._waiting = self._waiting[len(ended) :]
        _close(ended)


def _close(processes: list[Process]) -> None:
    for process in processes:
        process.channel.close()


def _is_alive(channel: socket.socket) -> bool:
    """Whether nothing has come: a process that waits says nothing, and one that has ended closes the channel."""
    try:
        channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
