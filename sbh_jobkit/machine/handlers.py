"""Signal handlers and masks that a plugin's code sets: they last as long as its run, and leave its limit alone.

The limit of real time ends a run by two signals. A job that ignores all signals, or resets them, must not keep it from
that, and must not end the process by the alarm that the kit has set.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sbh_jobkit.machine.watchdog import SIGNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

taken: dict[int, Any] = {}
"""The handlers that were there before a plugin's code set its own, by signal; the mask by the number 0."""
alarms: set[int] = set()
"""The timers that a plugin's code has set."""
_set_handler, _set_mask, _set_timer = signal.signal, signal.pthread_sigmask, signal.setitimer


def install(controls: Callable[[], bool], refuse: Callable[[str], None]) -> None:
    """Replace the functions; `controls` says whether a plugin's code runs, `refuse` raises for a call."""

    def set_handler(signalnum: int, handler: Any, /) -> Any:
        if not controls():
            return _set_handler(signalnum, handler)
        if signalnum == SIGNAL:
            return signal.getsignal(SIGNAL)
        if signalnum == signal.SIGALRM and handler is signal.SIG_DFL:
            if signal.ITIMER_REAL in alarms and any(signal.getitimer(signal.ITIMER_REAL)):
                refuse("signal.signal(SIGALRM, SIG_DFL)")
            _set_timer(signal.ITIMER_REAL, 0)  # the alarm of the limit, which the watchdog keeps, too
        before = _set_handler(signalnum, handler)
        taken.setdefault(signalnum, before)
        return before

    def set_mask(how: int, mask: Iterable[int], /) -> Any:
        if not controls():
            return _set_mask(how, mask)
        before = _set_mask(how, {*mask} - {SIGNAL})
        taken.setdefault(0, before)
        return before

    signal.signal, signal.pthread_sigmask = set_handler, set_mask  # type: ignore[assignment] # as they are called


def restore() -> None:
    """Set what was set before the plugin's code changed it; only the main thread can."""
    if 0 in taken:
        _set_mask(signal.SIG_SETMASK, taken.pop(0))
    for number, handler in taken.items():
        with suppress(TypeError):  # it was not set from Python
            _set_handler(number, handler)
    taken.clear()
    alarms.clear()


def keep() -> None:
    """Let what a plugin's code has set stay: its modules are imported once, for all of its runs."""
    taken.clear()
    alarms.clear()
