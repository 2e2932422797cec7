"""Messages to systemd about a server: ready, reloading, stopping, and that it is still alive.

The words go as datagrams to the socket that systemd names in the environment (sd_notify(3)); without one, nothing is
sent. It needs no library.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MICROSECONDS = 1_000_000


class Systemd:
    """The service manager, if there is one."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read the socket and the time of the watchdog from the environment."""
        given = os.environ if environment is None else environment
        address = given.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = _seconds(given)
        """After how many seconds without a sign of life it ends the server; None where it does not watch."""

    def ready(self, status: str) -> None:
        """Say that the server serves, also after it was reloaded."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that plugins are loaded again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that nothing new starts."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Give a sign of life, if it watches."""
        if self.watchdog is not None:
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        """Send one datagram; a manager that is gone, or too busy, must not stop the server."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(1.0)
            channel.sendto(text.encode(), self._address)


def _seconds(given: Mapping[str, str]) -> float | None:
    time, owner = given.get("WATCHDOG_USEC", ""), given.get("WATCHDOG_PID", f"{os.getpid()}")
    if not time.isdecimal() or int(time) == 0 or owner != f"{os.getpid()}":
        return None
    return int(time) / _MICROSECONDS
