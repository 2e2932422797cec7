"""Keeps a simulated job away from the real machine: the network is refused, and real files that it writes are faults.

An audit hook sees every client: httpx, requests, urllib or a bare socket. Python cannot remove an audit hook, so there
is one for the process. It does nothing while no run is watched, and ignores threads that the job did not start.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.clock import VirtualClock

    Report = Callable[[str, str, str, str], None]

_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
_FILES = {"open", "sqlite3.connect"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_ADVICE = "ask through ctx.http, which world.http answers; World(loopback=True) lets servers of this machine be reached"
_watching: list[Guard] = []
_installed = threading.Event()


class RealNetworkError(ConnectionRefusedError):
    """A job tried to reach the real network in a simulation."""


class Guard:
    """Watches one run at a time: use `with guard.watch(…)` around the call of a job."""

    __slots__ = ("_clock", "_loopback", "_report", "_temporary")

    def __init__(self, clock: VirtualClock) -> None:
        """Watch the threads that this clock governs."""
        self._clock = clock
        self._loopback = False
        self._report: Report
        self._temporary = os.path.realpath(tempfile.gettempdir())  # the first to ask writes a file, to try the folder

    def watch(self, report: Report, *, loopback: bool) -> Self:
        """Call `report` with kind, member, message and advice of each fault."""
        self._report = report
        self._loopback = loopback
        return self

    def __enter__(self) -> None:
        """Start watching."""
        if not _installed.is_set():
            _installed.set()
            sys.addaudithook(_audit)
        _watching.append(self)

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        _watching.remove(self)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Check one audit event; raises RealNetworkError for the network."""
        if event == "open":
            self._check_open(*arguments)
        elif event == "sqlite3.connect":
            if arguments[0] != ":memory:":
                self._check_open(arguments[0], "w", 0)
        elif self._clock.governs(threading.current_thread()):
            host, where = _address(event, arguments)
            if host is None or (self._loopback and _is_loopback(host)):
                return
            self._report("network", event, f"the job tried to reach the real network: {where}", _ADVICE)
            msg = f"{where}: a simulated job has no real network; {_ADVICE}"
            raise RealNetworkError(msg)

    def _check_open(self, path: Any, mode: str | None, flags: int) -> None:
        writes = any(letter in mode for letter in "wax+") if mode else bool(flags & _WRITES)
        if not writes or not isinstance(path, (str, bytes)) or not self._clock.governs(threading.current_thread()):
            return
        real = os.path.realpath(os.fsdecode(path))
        if f"{real}{os.sep}".startswith((f"{self._temporary}{os.sep}", "/dev/")) or "__pycache__" in real:
            return
        advice = "store it with ctx.files.upload, or below tempfile.gettempdir()"
        self._report("real-file", "open", f"the job wrote a real file: {real}", advice)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and (event in _NETWORK or event in _FILES):
        _watching[-1].check(event, arguments)


def _address(event: str, arguments: tuple[Any, ...]) -> tuple[str | None, str]:
    """Return host and host:port; None as the host of a socket that is not of the network."""
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host, port = arguments[0], arguments[1] if len(arguments) > 1 else None
    else:
        address = arguments[1]
        if not isinstance(address, tuple):
            return None, ""
        host, port = address[0], address[1]
    shown = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    return shown, f"{shown}:{port}" if port else shown


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
