"""Keeps a plugin's code away from the real machine: the network is refused, and real files that it changes are faults.

An audit hook sees every client: httpx, requests, urllib or a bare socket. Python cannot remove an audit hook, so there
is one for the process. It does nothing while no code of a plugin runs, and ignores threads that no plugin started.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import threads
from sbh_jobkit.errors import ProcessExit
from sbh_jobkit.machine import databases, exits, network, unheard_calls
from sbh_jobkit.machine.files import EVENTS as FILES
from sbh_jobkit.machine.files import RealFiles
from sbh_jobkit.machine.shared_state import EVENTS as SHARED
from sbh_jobkit.machine.shared_state import SharedState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sbh_jobkit.clock import VirtualClock

    Report = Callable[..., None]

_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty"}
_HEARD = network.EVENTS | FILES | exits.EVENTS | SHARED | _STARTS | {"import"}
_NETWORK_ADVICE = (
    "ask through ctx.http, which world.http answers; World(loopback=True) lets servers of this machine be reached"
)
_SERVER_ADVICE = "nothing calls a job; a server of its own, for a test, listens at 127.0.0.1"
_FILE_ADVICE = "store it with ctx.files.upload, or below tempfile.gettempdir()"
_watching: list[Guard] = []
_installed = threading.Event()
_pid = 0
_copied = False


class RealNetworkError(ConnectionRefusedError):
    """A job tried to reach the real network in a simulation."""


def _say_nothing(_: str, __: str) -> None:
    """Take what nobody asks for."""


class Guard:
    """Watches one run at a time: use `with guard.watch(…)` around the call of a job."""

    __slots__ = (
        *("_clock", "_files", "_loopback", "_modules", "_note", "_report", "_reported", "_root", "_shared"),
        *("_starts", "ended"),
    )

    def __init__(self, clock: VirtualClock) -> None:
        """Watch the threads that this clock governs."""
        install()
        self._clock = clock
        self._loopback = False
        self._modules: frozenset[str] = frozenset()
        self._report: Report
        self._root: Path | None = None
        self._reported: set[str] = set()
        self._files = RealFiles()
        self._shared = SharedState()
        self._note: Callable[[str, str], object] = _say_nothing
        self._starts = False
        self.ended: str | None = None
        """How the plugin's code wanted to end the process, also if it swallowed the exception."""

    def watch(
        self,
        report: Report,
        root: Path | None = None,
        *,
        loopback: bool = False,
        modules: frozenset[str] = frozenset(),
        note: Callable[[str, str], object] = _say_nothing,
    ) -> Self:
        """Call `report` with kind, member, message and advice of each fault of the plugin in the folder `root`.

        `loopback` lets servers of this machine be reached; `modules` are names to add to the list of those that reach
        the network unheard; `note` is called with `process-state` and what runs share, when the code changes it.
        """
        self._report = report
        self._root = root
        self._loopback = loopback
        self._modules = modules
        self._note = note
        self._reported = set()
        self._starts = False
        self.ended = None
        return self

    def __enter__(self) -> None:
        """Start watching; what the plugin had loaded before counts again."""
        _watching.append(self)
        for module, place in network.loaded_unheard(self._root, self._modules):
            self._report_module(module, place)

    def __exit__(self, *_: object) -> None:
        """Stop watching, and restore what all runs of a process share."""
        _watching.remove(self)
        if self._shared.before:
            self._shared.restore()

    def governs(self, thread: threading.Thread) -> bool:
        """Whether a thread runs the plugin's code."""
        return self._clock.governs(thread)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Check one audit event; raises RealNetworkError for the network, and ProcessExit for the end of all runs."""
        if event in _STARTS:
            self._starts = True
        elif event == "import":
            self.imported(arguments[0])
        elif event in SHARED:
            if (what := self._shared.note(event, arguments)) is not None:
                self._note("process-state", what)
        elif event in FILES:
            for verb, path in self._files.changes(event, arguments):
                self._report("real-file", event, f"the job {verb} a real file: {path}", _FILE_ADVICE)
            if event in network.EVENTS:  # a socket is bound to a path, or to an address
                self._check_network(event, arguments)
        elif event in network.EVENTS:
            self._check_network(event, arguments)
        elif os.getpid() == _pid and (called := exits.check_event(event, arguments)) is not None:
            raise ProcessExit(self.refuse_exit(called))

    def imported(self, module: str, place: str | None = None) -> None:
        """Note a module, and report it if it reaches the network unheard; `place` is where it was loaded before."""
        network.note(module, self._root, place)
        listed = network.unheard(module, self._modules)
        if listed is not None:
            self._report_module(listed, place)

    def _report_module(self, listed: str, place: str | None) -> None:
        """Report a listed module, once in a run."""
        if listed not in self._reported:
            self._reported.add(listed)
            library = network.UNHEARD.get(listed, "code of its own")
            message = f"the job loads {listed}, which reaches the real network by {library}, where nothing refuses it"
            advice = "use ctx.db or ctx.http, which the world answers"
            self._report("network", "import", message, advice, **({"place": place} if place else {}))

    def refuse_exit(self, called: str) -> str:
        """Note that the plugin's code wanted to end the process; return the text of the error."""
        self.ended = f"{called} ends the whole process, and with it every other run"
        return self.ended

    @property
    def is_copy(self) -> bool:
        """Whether this is a process that the code has forked from the one that simulates."""
        return _copied

    @property
    def has_children(self) -> bool:
        """Whether the code has started a process that is still running."""
        if not self._starts:
            return False
        from sbh_jobkit.machine.processes import children, status

        return any(status(pid)[:1] not in ([], ["Z"]) for pid in children())  # "Z": ended, and nobody has waited for it

    def _check_network(self, event: str, arguments: tuple[Any, ...]) -> None:
        host, where = network.address(event, arguments)
        if host is None or network.is_own_name(event, host) or self._files.is_temporary(host):
            return
        if self._loopback and network.is_loopback(host):
            return
        if event == "socket.bind":
            self._report("network", event, f"the job tried to listen on the real network: {where}", _SERVER_ADVICE)
            msg = f"{where}: a simulated job does not listen on the real network; {_SERVER_ADVICE}"
            raise RealNetworkError(errno.EACCES, msg)  # with a number, which servers read
        self._report("network", event, f"the job tried to reach the real network: {where}", _NETWORK_ADVICE)
        msg = f"{where}: a simulated job has no real network; {_NETWORK_ADVICE}"
        raise RealNetworkError(msg)


def _note_copy() -> None:
    global _copied  # noqa: PLW0603  one for the process
    _copied = bool(_watching)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_copy)


def install() -> None:
    """Hear the process's audit events, and replace what ends it; only the first call does."""
    global _pid  # noqa: PLW0603  a process has one number
    _pid = os.getpid()
    if _installed.is_set():
        return
    _installed.set()
    threads.install(in_control)
    exits.install(_refuse_exit, in_control)
    unheard_calls.install()
    databases.install(in_control)
    sys.addaudithook(_audit)


def note_import(module: str, names: Sequence[str] | None, root: Path, place: str | None) -> None:
    """Note what a plugin's code imports, which Python's audit events tell only for the first time in a process.

    `names` are what it takes from the module, perhaps modules, too.
    """
    watching = _watching[-1] if _watching and in_control() else None
    for each in (module, *(f"{module}.{name}" for name in names or ())):
        if watching is not None:
            watching.imported(each, place)
        if each == module or each in sys.modules:
            network.note(each, root, place)


def in_control() -> bool:
    """Whether this thread runs a plugin's code now."""
    thread = threading.current_thread()
    return (bool(_watching) and _watching[-1].governs(thread)) or threads.is_plugins(thread)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _HEARD:
        if _watching:
            if _watching[-1].governs(threading.current_thread()):
                _watching[-1].check(event, arguments)
        elif threads.any_started() and threads.is_plugins(threading.current_thread()):
            _refuse_late(event, arguments)


def _refuse_late(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what a thread does to the machine when its run has ended: there is no run to report it in."""
    if event in network.EVENTS and network.address(event, arguments)[0] is not None:
        msg = "the run of this thread has ended: it has no real network"
        raise RealNetworkError(msg)
    if event in FILES and any(RealFiles().changes(event, arguments)):
        msg = "the run of this thread has ended: it changes no real files"
        raise PermissionError(msg)
    if event in exits.EVENTS and exits.check_event(event, arguments) is not None:
        msg = "the run of this thread has ended: it does not end the process"
        raise PermissionError(msg)


def _refuse_exit(called: str) -> str | None:
    """Return why code may not end the process; None for code that is not a plugin's, and in a process of its own."""
    if os.getpid() != _pid or not in_control():
        return None
    return _watching[-1].refuse_exit(called) if _watching else f"{called}: the run of this thread has ended"
