"""A run that a server has asked for."""

from __future__ import annotations

import select
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Self

from sbh_jobkit.engines.account import Account
from sbh_jobkit.engines.messages import Lines, Message, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sbh_jobkit.engines.pool import Process
    from sbh_jobkit.engines.request import RunRequest
    from sbh_jobkit.run.run import Run

_CHUNK = 1 << 18


class RunHandle:
    """One run: wait until it is ready, let it go, and read what happens until it is over.

    One thread reads (`wait_ready`, `poll`, `result`); any thread may `cancel`.
    """

    def __init__(
        self,
        ask: Callable[..., Process],
        request: RunRequest,
        on_message: Callable[[Message], object] | None = None,
        release: Callable[[Process, Account], object] | None = None,
    ) -> None:
        """Ask for a process, and listen to its supervisor; `release` is given the process of a run that is over."""
        self._ask = ask
        self._process = ask()
        self._channel = self._process.channel
        self._on_message = on_message
        self._release = release
        self._lines = Lines()
        self._account = Account(request)
        self._sending = threading.Lock()
        self._closed = self._cancelled = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def fileno(self) -> int:
        """Return the descriptor to wait on from `wait_ready` on, for a server that reads many runs by `poll`."""
        return self._channel.fileno()

    @property
    def is_ready(self) -> bool:
        """Whether the plugin is loaded and the tenant is made."""
        return self._account.is_ready

    @property
    def has_begun(self) -> bool:
        """Whether the job's code has begun."""
        return self._account.has_begun

    @property
    def is_over(self) -> bool:
        """Whether nothing of the run is left."""
        return self._closed or self._account.is_over

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until the run can begin; False where it cannot, and `result` says why.

        Such a run has started nothing. It is `lost` where its processes died, and `crashed` where the plugin or the
        tenant cannot be loaded. Raises TimeoutError.
        """
        self._read_until(lambda: self.is_ready or self.is_over, timeout)
        if self._closed and self._account.is_empty and not self._cancelled:  # the starter died while it was asked
            self._process = self._ask(new=True)
            self._channel, self._closed = self._process.channel, False
            self._read_until(lambda: self.is_ready or self.is_over, timeout)
        return self.is_ready and not self.is_over

    def go(self, reason: str | None = None) -> None:
        """Let the job begin; `reason` says why it starts late, or beside another run."""
        self._account.begun, self._account.reason = True, reason
        self._send(do="go", reason=reason)

    def renew(self, seconds: float) -> None:
        """Let the run go on for so many seconds; it is killed when they are over, unless this is called again."""
        self._send(do="lease", seconds=seconds)

    def cancel(self, who: str) -> None:
        """Kill the run, which ends as `cancelled` by `who`; one that is over stays as it is."""
        self._cancelled = True
        self._send(do="cancel", who=who)

    def result(self, timeout: float | None = None) -> Run:
        """Wait for the end and return the run; raises TimeoutError."""
        self._read_until(lambda: self.is_over, timeout)
        self.close()
        return self._account.run()

    def poll(self) -> bool:
        """Read what has come without waiting; return whether the run is over."""
        with suppress(TimeoutError):
            self._read_until(lambda: self.is_over, 0)
        return self.is_over

    def close(self) -> None:
        """Stop listening; a run that is not over is killed."""
        with self._sending:
            if self._closed:
                return
            self._closed = True
        if self._release is not None and self._account.is_over:
            self._release(self._process, self._account)
        else:
            self._channel.close()

    def _send(self, **message: object) -> None:
        with self._sending, suppress(OSError):  # it is over: `result` says how
            if not self._closed:  # its process may have another run by now
                self._channel.sendall(pack(**message))

    def _read_until(self, condition: Callable[[], bool], timeout: float | None) -> None:
        until = None if timeout is None else monotonic() + timeout
        while not condition():
            left = None if until is None else max(0.0, until - monotonic())
            if not select.select([self._channel], [], [], left)[0]:
                raise TimeoutError
            try:
                data = self._channel.recv(_CHUNK)
            except ConnectionResetError:
                data = b""
            if not data:
                self._closed = True
                self._channel.close()
                return
            for message in self._lines.feed(data):
                self._account.take(message)
                if self._on_message is not None:
                    self._on_message(message)
