"""Ways in which code ends the whole process, which a plugin's code may not: it would end every other run, too.

`sys.exit` is none of them: it is an exception, and the end of one run. Python tells nobody of `os._exit`, so the
functions are replaced, once, by ones that do as before for everybody else.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import ProcessExit
from sbh_jobkit.machine import handlers

if TYPE_CHECKING:
    from collections.abc import Callable

    Refuse = Callable[[str], str | None]
    """Takes what was called; returns why it is refused, or None for code that is not a plugin's."""

EVENTS = frozenset({"os.kill", "os.killpg", "signal.pthread_kill", "os.exec"})
_ENDS = {signal.SIGINT, signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP}
_IGNORED = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
"""What a process ignores where it does not handle it."""
_OF_TIMERS = {
    signal.ITIMER_REAL: signal.SIGALRM,
    signal.ITIMER_VIRTUAL: signal.SIGVTALRM,
    signal.ITIMER_PROF: signal.SIGPROF,
}
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

    for module in (os, sys.modules.get("posix", os)):
        module._exit, module.abort = _exit, _abort  # type: ignore[attr-defined] # noqa: SLF001  its name in Python
    signal.raise_signal, atexit.register = raise_signal, register
    _install_senders()
    _install_timers(controls)
    handlers.install(controls, _check)


def _install_senders() -> None:
    """Replace what sends a signal in other ways: to the main thread, or by a descriptor of a process."""
    interrupt, by_descriptor = _thread.interrupt_main, getattr(signal, "pidfd_send_signal", None)

    def interrupt_main(signum: signal.Signals = signal.SIGINT, /) -> None:
        if ends_process(signum):
            _check(f"_thread.interrupt_main({'' if signum == signal.SIGINT else _name(signum)})")
        interrupt(signum)

    def pidfd_send_signal(pidfd: int, sig: int, siginfo: None = None, flags: int = 0, /) -> None:
        if ends_process(sig) and _process_of(pidfd) in {os.getpid(), os.getppid()}:
            _check(f"signal.pidfd_send_signal({_name(sig)})")
        by_descriptor(pidfd, sig, siginfo, flags)  # type: ignore[misc]  # only where there is one

    _thread.interrupt_main = interrupt_main
    if by_descriptor is not None:
        signal.pidfd_send_signal = pidfd_send_signal


def _install_timers(controls: Callable[[], bool]) -> None:
    """Replace what sends a signal after a while."""
    alarm, set_timer = signal.alarm, signal.setitimer

    def set_alarm(seconds: int, /) -> int:
        if seconds and ends_process(signal.SIGALRM):
            _check(f"signal.alarm({seconds!r})")
        if controls():
            handlers.alarms.add(signal.ITIMER_REAL)
        return alarm(seconds)

    def setitimer(which: int, seconds: float, interval: float = 0.0, /) -> tuple[float, float]:
        if seconds and ends_process(_OF_TIMERS.get(which, 0)):
            _check(f"signal.setitimer({_name(_OF_TIMERS[which])})")
        if controls():
            handlers.alarms.add(which)
        return set_timer(which, seconds, interval)

    signal.alarm, signal.setitimer = set_alarm, setitimer


def _process_of(descriptor: int) -> int | None:
    """Return the process that a descriptor stands for."""
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
        return next((int(line.partition(":")[2]) for line in lines if line.startswith("Pid:")), None)
    return None


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
