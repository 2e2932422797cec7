"""Ways in which code ends the whole process, which a plugin's code may not: it would end every other run, too.

`sys.exit` is none of them: it is an exception, and the end of one run. Python tells nobody of `os._exit`, so the
functions are replaced, once, by ones that do as before for everybody else.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import ProcessExit

if TYPE_CHECKING:
    from collections.abc import Callable

    Refuse = Callable[[str], str | None]
    """Takes what was called; returns why it is refused, or None for code that is not a plugin's."""

EVENTS = frozenset({"os.kill", "os.killpg", "signal.pthread_kill", "os.exec"})
_ENDS = {signal.SIGINT, signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP}
_IGNORED = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
"""What a process ignores where it does not handle it."""
_AUTHORS = {"sbh_plugins", "__main__"}
"""Where a plugin's own code is: what it wants to be done at the end of the process is left out."""
_installed: list[Refuse] = []


def install(refuse: Refuse, controls: Callable[[], bool]) -> None:
    """Replace the functions; only the first call does. `controls` says whether a plugin's code runs."""
    if _installed:
        return
    _installed.append(refuse)
    end, abort, send, at_end = os._exit, os.abort, signal.raise_signal, atexit.register

    def _exit(status: int) -> Any:
        _check(f"os._exit({status!r})")
        end(status)

    def _abort() -> Any:
        _check("os.abort()")
        abort()

    def raise_signal(signalnum: int, /) -> None:
        if ends_process(signalnum):
            _check(f"signal.raise_signal({_name(signalnum)})")
        send(signalnum)

    def register(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        caller = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001  a library may clean up at the end
        if not (controls() and f"{caller}".partition(".")[0] in _AUTHORS):
            at_end(func, *args, **kwargs)
        return func

    os._exit, os.abort = _exit, _abort
    signal.raise_signal, atexit.register = raise_signal, register


def check_event(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Return what an audit event of a plugin's code ends, as it would be written, or None for a harmless one."""
    if event == "os.exec":
        return "os.exec"
    target, number = arguments
    if event == "os.kill" and target in {os.getpid(), os.getppid(), 0, -1, -os.getpgrp()} and ends_process(number):
        return f"os.kill({'os.getpid()' if target == os.getpid() else target}, {_name(number)})"
    if event == "os.killpg" and target in {0, os.getpgrp()} and ends_process(number):
        return f"os.killpg({target}, {_name(number)})"
    return f"signal.pthread_kill({_name(number)})" if event == "signal.pthread_kill" and ends_process(number) else None


def ends_process(number: int) -> bool:
    """Whether a signal ends or stops a process that does not handle it, or is Ctrl-C's."""
    if number in _ENDS:
        return True
    with suppress(ValueError):
        return bool(number) and number not in _IGNORED and signal.getsignal(number) is signal.SIG_DFL
    return False


def _check(called: str) -> None:
    why = _installed[0](called)
    if why is not None:
        raise ProcessExit(why)


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"{number}"
