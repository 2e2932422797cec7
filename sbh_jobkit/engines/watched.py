"""One run as its supervisor sees it: what it has written, how long it may go on and how much memory it may use."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines.kept import KeptText, KeptTrace, Redaction
from sbh_jobkit.engines.lease import elapsed
from sbh_jobkit.engines.memory import Memory
from sbh_jobkit.machine.processes import is_stopped, resident

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.engines.messages import Message

_LOADING_MB = 1024.0
"""The memory limit of loading a plugin and making its tenant."""
_GRACE = 1.0
"""Seconds between the exception that the time limit raises in the job and the end of its processes."""
_NEVER = float("inf")


class WatchedRun:
    """A run in the process `pid`, from its request to its end."""

    def __init__(self, pid: int, loading_seconds: float, secrets: Mapping[str, str]) -> None:
        """Begin with loading; `secrets` are those that earlier runs of the process have known."""
        self._texts = {"stdout": KeptText(), "stderr": KeptText()}
        self._trace = KeptTrace()
        self._redaction = Redaction(secrets)
        self._pid = pid
        self._loading_seconds = loading_seconds
        self._root, self._resident = "", 0
        self._lease = _NEVER
        self.ended_by: Message = {}
        """What ended it, if it was not its own doing."""
        self._began = monotonic()
        self._limit(loading_seconds, _LOADING_MB)
        self.is_ready = self.is_reported = self.waits = False
        self.left: str | None = None

    @property
    def secrets(self) -> Mapping[str, str]:
        """The names by values of all secrets that are known."""
        return self._redaction.names

    @property
    def seconds(self) -> float:
        """How long nothing has to be looked at."""
        return max(0.0, min(self.memory.seconds, self._deadline - monotonic(), self._lease - elapsed()))

    def keep(self, what: str, data: bytes) -> None:
        """Keep what was written to stdout, stderr or the trace."""
        (self._trace if what == "trace" else self._texts[what]).feed(data)

    def passed(self) -> Message | None:
        """Return which limit the run has passed, if any."""
        if elapsed() >= self._lease:
            self._lease = _NEVER
            return {"by": "lease"}
        if monotonic() >= self._deadline:
            return {"by": "time", "why": "it had stopped itself" if is_stopped(self._pid) else None}
        if self.memory.is_due and self.memory.look():
            return {"by": "memory"}
        return None

    def end(self, how: Message) -> None:
        """Note why the run is being ended; the first reason counts."""
        self.ended_by = self.ended_by or how
        self._deadline = monotonic() + _GRACE

    def go(self) -> None:
        """Give it time to open the tenant."""
        self._deadline = monotonic() + self._loading_seconds + _GRACE

    def renew(self, seconds: float) -> None:
        """Let it go on for so long."""
        self._lease = elapsed() + seconds

    def hear(self, message: Message) -> Message | None:
        """Take what the child reports, and return what the server gets of it: no values of secrets."""
        kind = message["kind"]
        if kind == "secret":
            self._redaction.learn(message)
            return None
        if kind == "waits":
            self.left = message["left"]
            self.waits = self.is_reported and self.left is None
            return None
        if kind == "ready":
            self.is_ready, self._root, self._resident = True, message["root"], resident(self._pid)
            self._deadline = _NEVER  # nothing runs until the server says go
        elif kind == "began":
            self._redaction.learn(message)
            self._began = monotonic()
            self._limit(message["seconds"], message["memory_mb"] if message["enforced"] else _NEVER)
            return {name: message[name] for name in ("kind", "started", "seconds", "memory_mb")}
        elif kind == "ended":
            self.is_reported = True
        return message

    def over(self, ended: float, kilobytes: int | None = None, code: int = 0) -> dict[str, Any]:
        """Return what is known of a run that ended at `ended`: its output without secrets, and what it used.

        `kilobytes` are the most that its process had in memory, None while that goes on; `code` is how it ended.
        """
        return {
            "code": code,
            "place": self._trace.place(self._root),
            "seconds": ended - self._began,
            "memory_mb": self.memory.most(kilobytes),
            "waits": self.waits,
            "left": self.left,
            **self.ended_by,
            **self._redaction.apply(self._texts["stdout"].take(), self._texts["stderr"].take()),
        }

    def _limit(self, seconds: float, memory_mb: float) -> None:
        self._deadline = monotonic() + seconds + _GRACE
        self.memory = Memory(self._pid, memory_mb, self._resident)
