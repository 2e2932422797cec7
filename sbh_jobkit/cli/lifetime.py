"""A server from its start to its end: signals, and messages to the service manager.

SIGTERM and Ctrl-C stop it, a second one ends runs at once, and SIGHUP loads plugins again.
"""

from __future__ import annotations

import signal
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sbh_jobkit.cli.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Callable

    from sbh_jobkit.cli.screens import Screen
    from sbh_jobkit.engines.scheduler import Process
    from sbh_jobkit.report.terminal.serving import Serving

_LONGEST_SILENCE = 60.0
"""Seconds without a look at the clock and the store after which the scheduler counts as stuck."""
_STOP, _RELOAD = "stop", "reload"
_SIGNALS = {signal.SIGINT: _STOP, signal.SIGTERM: _STOP, signal.SIGHUP: _RELOAD}


class Lifetime:
    """Waits for signals, and gives signs of life."""

    def __init__(
        self,
        engine: Process,
        screen: Screen,
        grace: float,
        reload: Callable[[], object],
        *,
        ready: Callable[[], str],
        systemd: Systemd | None = None,
    ) -> None:
        """Stop an engine that has been started, with so many seconds for its runs.

        `ready` returns what the service manager shows.
        """
        self._engine = engine
        self._screen = screen
        self._grace = grace
        self._reload = reload
        self._ready = ready
        self._systemd = systemd or Systemd()
        self._wishes: SimpleQueue[str] = SimpleQueue()
        self._is_stopping = False

    def run(self, serving: Serving, note: str | None) -> None:
        """Show what is served, and serve until a signal stops it."""
        before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        try:
            self._screen.serving(serving)
            if note is not None:
                self._screen.message("warning", note)
            self._tell_ready()
            self._wait()
            self._systemd.stopping()
            self._screen.stopping(self._engine.going, self._grace)
            self._engine.stop(self._grace)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _: object) -> None:
        wish = _SIGNALS[signal.Signals(number)]
        if wish == _STOP and self._is_stopping:
            self._engine.hurry()
        self._is_stopping = self._is_stopping or wish == _STOP
        self._wishes.put(wish)

    def _wait(self) -> None:
        """Return when it is to stop."""
        pause = None if self._systemd.watchdog is None else self._systemd.watchdog / 3
        while not self._is_stopping:
            try:
                wish = self._wishes.get(timeout=pause)
            except Empty:
                wish = ""
            if wish == _RELOAD:
                self._systemd.reloading()
                self._reload()
                self._tell_ready()
            if self._engine.is_alive and self._engine.silence < _LONGEST_SILENCE:
                self._systemd.alive()

    def _tell_ready(self) -> None:
        self._systemd.ready(self._ready())
