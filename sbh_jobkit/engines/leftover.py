"""What a run may not leave behind when its process is used again.

What is compared belongs to the whole process, and another run would meet it. The state of modules is not: that it
stays is what a process is used again for. Processes that the run has started are looked for by the supervisor, which
also sees those that have left their parents.
"""

from __future__ import annotations

import builtins
import faulthandler
import gc
import locale
import os
import resource
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS = sorted(signal.valid_signals())
_LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _streams() -> object:
    """Return which files the streams write to; two numbers of a file are enough to know it again."""
    objects = (sys.stdin, sys.stdout, sys.stderr)
    files = [os.fstat(number) for number in range(3)]
    return (
        [id(each) for each in objects],
        [each is not None and each.closed for each in objects],
        [(each.st_dev, each.st_ino) for each in files],
    )


LOOKS: Mapping[str, Callable[[], object]] = {
    "another thread": lambda: len(sys._current_frames()),  # noqa: SLF001  also threads that `threading` does not know
    "another working directory": os.getcwd,
    "a changed environment": os.environ.copy,
    "another umask": _umask,
    "other standard streams": _streams,
    "other paths of imports": lambda: (list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
    "other signal handlers": lambda: [signal.getsignal(number) for number in _SIGNALS],
    "a signal mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    "a timer": lambda: [bool(signal.getitimer(which)[0]) for which in _TIMERS],
    "other limits": lambda: [resource.getrlimit(which) for which in _LIMITS],
    "another priority": lambda: os.getpriority(os.PRIO_PROCESS, 0),
    "another user": lambda: (os.getresuid(), os.getresgid()),
    "another locale": lambda: locale.setlocale(locale.LC_ALL),
    "another time zone": lambda: time.tzname,
    "other built-in names": lambda: vars(builtins).copy(),
    "a trace function": lambda: (sys.gettrace(), sys.getprofile(), sys.excepthook, faulthandler.is_enabled()),
    "other settings of the interpreter": lambda: (
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        gc.isenabled(),
        socket.getdefaulttimeout(),
    ),
}
"""How to look at each thing, by what a run has left where it differs."""


class State:
    """How a process was before its runs."""

    def __init__(self) -> None:
        """Look at it."""
        self._before = {what: look() for what, look in LOOKS.items()}

    def left(self) -> str | None:
        """Return the first thing that is not as it was."""
        for what, look in LOOKS.items():
            try:
                now = look()
            except OSError:  # a directory that was removed, a stream that was closed
                return what
            if now != self._before[what]:
                return what
        return None
