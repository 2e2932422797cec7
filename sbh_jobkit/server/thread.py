"""The HTTP server in a thread of the scheduler's process, by uvicorn."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sbh_jobkit.errors import SettingsError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_LARGEST_HEADERS = 16_384
_SECONDS_FOR_HEADERS = 10.0
_MOST_AT_ONCE = 200
_PATIENCE = 10.0


class _Protocol(H11Protocol):
    """Closes a connection whose first request does not come in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(_SECONDS_FOR_HEADERS, self._give_up, transport)

    def _give_up(self, transport: asyncio.Transport) -> None:
        if self.cycle is None and not transport.is_closing():
            transport.close()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raises SettingsError where it cannot."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        msg = f"there is no address {host!r} on this machine: {error}"
        raise SettingsError(msg) from error
    family, kind, protocol, _, address = found[0]
    made = socket.socket(family, kind, protocol)  # without its protocol asyncio holds answers back for 40 ms
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(100)
    except OSError as error:
        made.close()
        msg = f"cannot listen on {host} port {port}: {error.strerror}; name another port with --port"
        raise SettingsError(msg) from error
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerThread:
    """Serves an application on a socket, from `start` to `stop`."""

    def __init__(
        self, app: Callable[..., Any], listening: socket.socket, *, stopping: threading.Event | None = None
    ) -> None:
        """Prepare; requests wait until `start`, and `stopping` is set when it is to end."""
        self._stopping = stopping or threading.Event()
        config = uvicorn.Config(
            app,
            http=_Protocol,
            interface="asgi3",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_LARGEST_HEADERS,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._socket = listening
        self._thread = threading.Thread(target=self._run, name="sbh-http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what has been asked, for five seconds at most, and end."""
        self._stopping.set()
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
